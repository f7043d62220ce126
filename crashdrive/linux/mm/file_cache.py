"""The page cache by filesystem and by file: ``i_mapping->nrpages`` of all inodes in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.fs.dentries import DentryPaths
from crashdrive.linux.fs.mounts import for_each_super_block
from crashdrive.linux.mm.nodes import scaled
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Long, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashdrive.linux.survey import Survey

_SUPER, _INODE, _DENTRY = "struct super_block", "struct inode", "struct dentry"
# filesystems whose files have no pages, and that have many inodes
_WITHOUT = frozenset(
    {"proc", "sysfs", "sockfs", "pipefs", "cgroup", "cgroup2", "debugfs", "tracefs", "anon_inodefs", "nsfs"}
)
_OF_SUPER = {"name": ("s_id",), "type": ("s_type->name",)}
_OF_INODE = {
    "pages": ("i_data.nrpages",),
    "size": ("i_size",),
    "number": ("i_ino",),
    "links": ("i_nlink",),
    "alias": ("i_dentry.first",),
}


class CachedFilesystem(Record, frozen=True):
    """A filesystem's pages in the page cache, and its inodes in memory.

    ``cached_bytes`` of tmpfs is all memory of its files: Shmem of /proc/meminfo.
    """

    type: str | None
    filesystem: str | None
    cached_bytes: int | None
    inodes: int
    super_block: Address


class CachedFile(Record, frozen=True):
    """A file and its pages in the page cache.

    ``size``: the file's, in bytes. ``path``: from the root of its filesystem on; None for a file without a
    name, such as shared memory.
    """

    cached_bytes: int
    size: int | None
    type: str | None
    filesystem: str | None
    inode: Long | None
    path: str | None
    deleted: bool | None
    inode_address: Address


class FileCache(NamedTuple):
    """The page cache by filesystem, and the files with most of it."""

    filesystems: list[CachedFilesystem]
    files: list[CachedFile]


def file_cache(survey: Survey, most: int | None) -> FileCache:
    """Filesystems with pages in the page cache, and the ``most`` largest files, all where None.

    The walk takes as many steps as the filesystem with the most inodes has.
    """
    kernel = survey.kernel
    supers = for_each_super_block(kernel)
    survey.walked(supers, "super blocks")
    known = survey.addressed(Fields(kernel, _SUPER, _OF_SUPER, _OF_SUPER), supers.addresses, "super blocks")
    types = texts(survey, (row["type"] for _, row in known), "types of filesystems")
    known = [(place, row) for place, row in known if types[row["type"]] not in _WITHOUT]
    places, blocks = [place for place, _ in known], [row for _, row in known]
    offset = kernel.offset(_SUPER, "s_inodes")
    walked = kernel.walk_lists([place + offset for place in places], _INODE, "i_sb_list")
    survey.walked(walked, "inodes")
    fields = Fields(kernel, _INODE, _OF_INODE, ("pages", "alias"))
    rows = survey.addressed(fields, walked.addresses, "inodes")
    owners = walked.walk.lists
    sums: list[list[int | None]] = [[] for _ in blocks]
    for at, (_, row) in zip(owners, rows, strict=True):
        sums[at].append(row["pages"])
    filesystems = [
        CachedFilesystem(
            type=types[block["type"]],
            filesystem=block["name"],
            cached_bytes=None if None in own else sum(one or 0 for one in own) * kernel.page_size,
            inodes=len(own),
            super_block=place,
        )
        for place, block, own in zip(places, blocks, sums, strict=True)
    ]
    filesystems = [one for one in filesystems if one.cached_bytes != 0]
    filesystems.sort(key=lambda one: -(one.cached_bytes or 0))
    found = [(address, row, at) for (address, row), at in zip(rows, owners, strict=True) if row["pages"]]
    found.sort(key=lambda one: -one[1]["pages"])
    top = found[:most]
    named = [(types[blocks[at]["type"]], blocks[at]["name"]) for _, _, at in top]
    files = _files(survey, [(address, row) for address, row, _ in top], named)
    return FileCache(filesystems, files)


def _files(
    survey: Survey,
    rows: Sequence[tuple[int, dict[str, Any]]],
    named: Sequence[tuple[str | None, str | None]],
) -> list[CachedFile]:
    kernel, paths = survey.kernel, DentryPaths(survey)
    # d_alias moved into a union in 3.19 (946e51f2bf37)
    link = kernel.offset(_DENTRY, kernel.path(_DENTRY, "d_u.d_alias", "d_alias"))
    dentries = [row["alias"] - link if row["alias"] else None for _, row in rows]
    paths.bring(dentries)
    return [
        CachedFile(
            cached_bytes=scaled(row["pages"], kernel.page_size) or 0,
            size=row["size"],
            type=kind,
            filesystem=filesystem,
            inode=row["number"],
            path=paths.path(dentry) if dentry else None,
            deleted=None if row["links"] is None else row["links"] == 0,
            inode_address=address,
        )
        for (address, row), (kind, filesystem), dentry in zip(rows, named, dentries, strict=True)
    ]
