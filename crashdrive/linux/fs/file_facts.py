"""Facts of open files: path, inode, size, whether they are deleted."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.integers import Long
from crashdrive.linux.fs.mount_points import MountPoints
from crashdrive.linux.fs.namespace_files import namespace_names
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crashdrive.linux.survey import Survey

_KIND = "struct file"
_FIELDS = {
    "dentry": ("f_path.dentry",),
    "mount": ("f_path.mnt",),
    "flags": ("f_flags",),
    "inode": ("f_inode->i_ino",),
    "mode": ("f_inode->i_mode",),
    "size": ("f_inode->i_size",),
    "filesystem": ("f_inode->i_sb->s_id",),
    "type": ("f_inode->i_sb->s_type->name",),
    "hashed": ("f_path.dentry->d_hash.pprev",),
    "above": ("f_path.dentry->d_parent",),
    "super_block": ("f_path.dentry->d_sb",),
    # the inode's own is another one below overlayfs before 4.19 (d1d04ef8572b)
    "super_block_of_inode": ("f_path.dentry->d_inode->i_sb",),
    "private": ("f_inode->i_private",),
}
_NEEDED = ("dentry", "mount", "inode", "type", "hashed", "above")
# filesystems without a tree, and the kernel's names of their files (d_dname)
_UNNAMED, _NAMESPACES = {"pipefs": "pipe", "sockfs": "socket"}, "nsfs"
# a file in none of their trees (memfd_create, shmget) is shown as deleted: simple_dname()
_IN_MEMORY = frozenset({"tmpfs", "hugetlbfs"})


class FileFacts(NamedTuple):
    """A file: ``path`` as in /proc/PID/fd without `` (deleted)``; ``deleted``: it has no name any more."""

    path: str | None
    deleted: bool | None
    filesystem: str | None
    type: str | None
    inode: Long | None
    size: int | None
    kind: str | None
    flags: int | None


def file_facts(survey: Survey, files: Iterable[int]) -> dict[int, FileFacts]:
    """The facts of each ``struct file``."""
    kernel, wanted = survey.kernel, list(dict.fromkeys(files))
    rows = survey.rows(Fields(kernel, _KIND, _FIELDS, _NEEDED), wanted, "open files")
    _sort_out(survey, rows)
    types = texts(survey, (row["type"] for row in rows), "types of filesystems")
    paths, shift = MountPoints(survey), kernel.offset("struct mount", "mnt")
    for row in rows:
        row["mount"] = row["mount"] - shift if row["mount"] else None
    special = namespace_names(survey, [row["private"] for row in rows if types[row["type"]] == _NAMESPACES])
    named = [row for row in rows if types[row["type"]] not in {*_UNNAMED, _NAMESPACES}]
    paths.bring([row["mount"] for row in named], [row["dentry"] for row in named])
    return {
        file: _facts(row, types[row["type"]], paths, special) for file, row in zip(wanted, rows, strict=True)
    }


def _sort_out(survey: Survey, rows: Iterable[dict[str, Any]]) -> None:
    """Note damaged dentries, and keep nothing of them that tells whether the file is deleted.

    Each dentry has a parent, that of a root itself, and the super block of its inode.
    """
    damaged = [row for row in rows if row["dentry"] and not _is_sound(row)]
    for row in damaged:
        row["hashed"] = row["above"] = None
    if damaged:
        message = f"open files: {len(damaged)} dentries are damaged, the first at {damaged[0]['dentry']:#x}"
        survey.miss([Notice(kind="damaged", message=message)])


def _is_sound(row: Mapping[str, Any]) -> bool:
    """Whether a dentry is one, as far as the dump has it."""
    ours, inodes = row["super_block"], row["super_block_of_inode"]
    return row["above"] != 0 and ours != 0 and (None in {ours, inodes} or ours == inodes)


def _facts(
    row: Mapping[str, Any], kind: str | None, paths: MountPoints, namespaces: Mapping[int | None, str | None]
) -> FileFacts:
    path = namespaces.get(row["private"]) if kind == _NAMESPACES else _path(row, kind, paths)
    deleted = None
    if row["hashed"] is not None and row["above"] is not None:
        deleted = not row["hashed"] and row["above"] != row["dentry"]
    if kind in _IN_MEMORY and path is not None and not path.startswith("/"):
        path, deleted = f"/{path}", True
    mode = row["mode"]
    return FileFacts(
        path=path,
        deleted=deleted,
        filesystem=row["filesystem"],
        type=kind,
        inode=row["inode"],
        size=row["size"] if mode is not None and stat.S_ISREG(mode) else None,
        kind=None if mode is None else _KINDS.get(stat.S_IFMT(mode), "other"),
        flags=row["flags"],
    )


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFLNK: "link",
}


def _path(row: Mapping[str, Any], kind: str | None, paths: MountPoints) -> str | None:
    if kind in _UNNAMED:
        return None if row["inode"] is None else f"{_UNNAMED[kind]}:[{row['inode']}]"
    if kind == "anon_inodefs":
        name = paths.inside(row["dentry"])
        return None if name is None else f"anon_inode:{name}"
    return paths.path(row["dentry"], row["mount"])
