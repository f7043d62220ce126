"""``LinuxDump.fs.dcache``: dentries, and the inodes behind them."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from typing import Any

from crashdrive.linux.survey import Survey
from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.folders import find
from crashdrive.pykdump.layer.access import ListHead, hlist_for_each_entry
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.linuxdump.fs import get_dentry_name
from crashdrive.pykdump.layer.structs import Addr, StructResult
from crashdrive.pykdump.run import current
from crashdrive.records import told_incomplete

_DENTRY = "struct dentry"


def read_dir(dentry: Any) -> list[Any]:
    """The dentries in a folder that the kernel has in memory; none for what is no folder."""
    if not dentry or not dentry.d_inode or not stat.S_ISDIR(dentry.d_inode.i_mode):
        return []
    # da549bdd15c2 (6.8) made the list of children a hash list
    if dentry.hasField("d_children"):
        return list(hlist_for_each_entry(_DENTRY, dentry.d_children, "d_sib"))
    member = "d_child" if dentry.hasField("d_child") else "d_u.d_child"
    offset = StructResult(_DENTRY).fieldOffset(member) if "." not in member else _old_offset()
    return [StructResult(_DENTRY, node - offset) for node in ListHead(Addr(dentry.d_subdirs), _DENTRY)]


def _old_offset() -> int:
    from crashdrive.pykdump.layer.access import member_offset

    return int(member_offset(_DENTRY, "d_u.d_child"))


def pathname2dentry(pn: str) -> tuple[Any, Any]:
    """(dentry, ``struct vfsmount``) of a path, by the mounts of the first process.

    None for the dentry where the kernel has none of the path in memory; CrashError where it may be in
    memory that the dump lacks.
    """
    kernel = current().kernel
    survey = Survey(kernel)
    place = find(survey, pn)
    if not place.dentry and not survey.complete:
        raise CrashError(told_incomplete(f"{pn!a}: not found", survey.notices))
    if not place.mount:
        return None, None
    mount = StructResult("struct vfsmount", place.mount + kernel.offset("struct mount", "mnt"))
    return StructResult(_DENTRY, place.dentry) if place.dentry else None, mount


def print_dentry(dentry: Any, v: int = 0, vfsmnt: int = 0) -> None:
    """Print a dentry as ``ls -l`` does."""
    name = current().facts.pathname(dentry, vfsmnt) if vfsmnt else get_dentry_name(dentry)
    inode = dentry.d_inode
    if not inode:
        if v > 1:
            print(" --", dentry, " (stale)", name)
        return
    if v:
        print(" --", dentry, name)
        print("      ", inode, f"  mode={inode.i_mode:08o}")
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(_changed(inode)))
    owner, group = (_id(inode, one) for one in ("i_uid", "i_gid"))
    print(
        "      " if v else "",
        stat.filemode(inode.i_mode),
        f"{owner:5d} {group:5d} {inode.i_size:10d}",
        moment,
        name,
    )


def ls_pathname(pn: str, v: int = 0) -> None:
    """Print a file, or a folder and what is in it: by its path, or by the address of its dentry."""
    try:
        dentry: Any = StructResult(_DENTRY, int(pn, 16))
        mount: Any = 0
    except ValueError:
        dentry, mount = pathname2dentry(pn)
    if not dentry or not dentry.d_inode:
        print("Cannot list", pn)
        return
    print_dentry(dentry, v, mount)
    for one in read_dir(dentry):
        print_dentry(one, v)


def _changed(inode: Any) -> int:
    # renamed in 6.7 (12cd44023651), without a structure since 6.11 (3aa63a569c64)
    for name in ("i_mtime", "__i_mtime"):
        if inode.hasField(name):
            return int(getattr(inode, name).tv_sec)
    return int(inode.i_mtime_sec)


def _id(inode: Any, member: str) -> int:
    value = getattr(inode, member)
    return int(value.val) if isinstance(value, StructResult) else int(value)


def _mode(name: str) -> Callable[[], Any]:
    return lambda: getattr(stat, name)


__getattr__ = lazy_names(__name__, {name: _mode(name) for name in vars(stat) if name.startswith("S_I")})
