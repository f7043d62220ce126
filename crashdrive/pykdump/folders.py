"""Folders as the kernel has them in memory: by path, in the mounts of the first process, or by a dentry."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.errors import CommandFailedError, IncompleteError
from crashdrive.linux.fs.mounts import for_each_mount
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.pykdump.likeness.marks import UNREAD, told
from crashdrive.records import told_incomplete

if TYPE_CHECKING:
    from crashdrive.kernel import Objects
    from crashdrive.linux.survey import Survey

_DENTRY, _MOUNT = "struct dentry", "struct mount"
_OF_MOUNT = {"root": ("mnt.mnt_root",), "point": ("mnt_mountpoint",), "above": ("mnt_parent",)}
_OF_NAME = {
    # a union of its own since 6.15 (d9e11fb6d8ec)
    "name": ("d_name.name", "__d_name.name"),
    "inode": ("d_inode",),
}
_OF_FILE = {
    **_OF_NAME,
    "mode": ("d_inode->i_mode",),
    # kuid_t and kgid_t since 3.5 (92361636e015)
    "owner": ("d_inode->i_uid.val", "d_inode->i_uid"),
    "group": ("d_inode->i_gid.val", "d_inode->i_gid"),
    "size": ("d_inode->i_size",),
    # renamed in 6.7 (12cd44023651), without a structure since 6.11 (3aa63a569c64)
    "changed": ("d_inode->i_mtime.tv_sec", "d_inode->__i_mtime.tv_sec", "d_inode->i_mtime_sec"),
}


class Place(NamedTuple):
    """Where a path leads: the ``struct mount``, and the dentry in it; 0 where memory has no such name."""

    mount: int
    dentry: int


def listing(survey: Survey, dentry: int, *, verbose: int) -> Iterator[str]:
    """The entries of a folder that are in memory, or the file itself, as PyKdump prints them.

    ``verbose``: 1 adds addresses, 2 names without a file. What can't be read is ``?``, and noted.
    """
    found = _children(survey, dentry)
    # of a folder whose entries are missing there is nothing to list
    children = found.addresses or ([dentry] if found.complete else ())
    fields = Fields(survey.kernel, _DENTRY, _OF_FILE, _OF_FILE)
    rows = survey.addressed(fields, children, "the folder")
    names = texts(survey, (row["name"] for _, row in rows), "the folder")
    for address, row in rows:
        yield from _entry(address, row, told(names[row["name"]]), verbose)


def _entry(address: int, row: Mapping[str, Any], name: str, verbose: int) -> Iterator[str]:
    shown = f"<{_DENTRY} {address:#x}>"
    if row["inode"] == 0:
        if verbose > 1:
            yield f" -- {shown}  (stale) {name}"
        return
    mode, changed = row["mode"], row["changed"]
    if verbose:
        inode = UNREAD if row["inode"] is None else f"{row['inode']:#x}"
        bits = UNREAD if mode is None else f"{mode:08o}"
        yield f" -- {shown} {name}"
        yield f"       <struct inode {inode}>   mode={bits}"
    kind = UNREAD if mode is None else stat.filemode(mode)
    moment = UNREAD if changed is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(changed))
    owner, group, size = (told(row[one]) for one in ("owner", "group", "size"))
    yield f"{'      ' if verbose else ''} {kind:10s} {owner:>5} {group:>5} {size:>10} {moment:16s} {name}"


def lookup(survey: Survey, path: str) -> int:
    """The dentry of a path from the root on, in the mounts of the first process.

    CommandFailedError where the kernel has none in memory; IncompleteError where it may be in what is
    missing.
    """
    if place := find(survey, path).dentry:
        return place
    said = f"{path!a}: the kernel has no such name in memory"
    if survey.complete:
        raise CommandFailedError(said)
    raise IncompleteError(told_incomplete(said, survey.notices))


def find(survey: Survey, path: str) -> Place:
    """Where a path leads from the root on, in the mounts of the first process; what is missing is noted.

    Of a name that memory hasn't: the mount in which it isn't, and 0.
    """
    mounts = for_each_mount(survey.kernel)
    survey.walked(mounts, "mounts")
    fields = Fields(survey.kernel, _MOUNT, _OF_MOUNT, _OF_MOUNT)
    rows = survey.addressed(fields, mounts.addresses, "mounts")
    # a mount whose root is missing hides what it covers
    places = [(Place(row["above"], row["point"]), Place(one, row["root"] or 0)) for one, row in rows]
    over = {below: place for below, place in places if below.mount != place.mount}
    tops = [place for below, place in places if below.mount == place.mount]
    place = _covered(over, tops[0]) if tops else Place(0, 0)
    for name in [part for part in os.path.normpath(path).split("/") if part]:
        if place.dentry:
            place = _below(survey, over, place, name)
    return place


def _covered(over: Mapping[Place, Place], place: Place) -> Place:
    """What is mounted there, the last mount of several; the place itself where nothing is."""
    # each mount once: damaged ones may lie in a circle
    for _ in over:
        if place not in over:
            break
        place = over[place]
    return place


def _below(survey: Survey, over: Mapping[Place, Place], place: Place, wanted: str) -> Place:
    fields = Fields(survey.kernel, _DENTRY, _OF_NAME, _OF_NAME)
    rows = survey.addressed(fields, _children(survey, place.dentry).addresses, "the folder")
    names = texts(survey, (row["name"] for _, row in rows), "the folder")
    # a name without an inode says that there is no such file
    found = [one for one, row in rows if names[row["name"]] == wanted and row["inode"] != 0]
    return _covered(over, Place(place.mount, found[0])) if found else Place(place.mount, 0)


def _children(survey: Survey, dentry: int) -> Objects:
    kernel = survey.kernel
    # da549bdd15c2 (6.8) made the list of children a hash list
    if kernel.has_member(_DENTRY, "d_children"):
        found = kernel.walk_hlist(dentry + kernel.offset(_DENTRY, "d_children"), _DENTRY, "d_sib")
    else:
        link = kernel.path(_DENTRY, "d_child", "d_u.d_child")
        found = kernel.walk_list(dentry + kernel.offset(_DENTRY, "d_subdirs"), _DENTRY, link)
    survey.walked(found, "the folder")
    return found
