"""System V shared memory, as ``ipcs -m``, and the processes that have it attached (ipc/shm.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.ipc.spaces import SHARED, moment, objects, octal, perm_paths, pid_of
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Long, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.ipc.spaces import Space, Tasks
    from crashdrive.linux.survey import Survey

_SEGMENT, _VMA, _SHMEM = "struct shmid_kernel", "struct vm_area_struct", "struct shmem_inode_info"
_FIELDS = {
    **perm_paths("shm_perm"),
    "inode": ("shm_file->f_inode",),
    "mapping": ("shm_file->f_mapping",),
    "pages": ("shm_file->f_mapping->nrpages",),
    "count": ("shm_nattch",),
    "bytes": ("shm_segsz",),
    "attach_time": ("shm_atim",),
    "detach_time": ("shm_dtim",),
    "change_time": ("shm_ctim",),
    "creator_pid": pid_of("shm_cprid"),
    "last_pid": pid_of("shm_lprid"),
}
# include/linux/shm.h
_DEST, _LOCKED, _HUGE = 0o1000, 0o2000, 0o4000


class SysvSegment(Record, frozen=True):
    """A segment of shared memory: ``shm_bytes``; ``resident_bytes`` and ``swapped_bytes`` are None for huge
    pages.

    ``nattch``: how often it is attached, ``attached``: by which processes. ``status``: ``dest`` (destroyed
    when the last process detaches it), ``locked``, ``huge``. Times are seconds since 1970, None for never.
    """

    ipc_namespace: int
    shmid: int | None
    key: int | None
    uid: int | None
    gid: int | None
    creator_uid: int | None
    creator_gid: int | None
    mode_octal: str | None
    shm_bytes: Long | None
    resident_bytes: int | None
    swapped_bytes: int | None
    nattch: int | None
    attached: tuple[int, ...]
    status: tuple[str, ...]
    creator_pid: int | None
    last_pid: int | None
    attach_time: int | None
    detach_time: int | None
    change_time: int | None
    shmid_kernel: Address


def segments(survey: Survey, found: Sequence[Space], tasks: Tasks) -> Iterator[SysvSegment]:
    """The segments of these namespaces."""
    kernel, page = survey.kernel, survey.kernel.page_size
    users = _users(tasks)
    for space in found:
        places = objects(survey, space, SHARED, _SEGMENT, "shm_perm")
        rows = survey.rows(Fields(kernel, _SEGMENT, _FIELDS, ("inode", "count")), places, "shared memory")
        swapped = _swapped(survey, [row["inode"] for row in rows if row["inode"]])
        for place, row in zip(places, rows, strict=True):
            mode, huge = row["perms"], bool((row["perms"] or 0) & _HUGE)
            pages, swap = row["pages"], swapped.get(row["inode"])
            yield SysvSegment(
                ipc_namespace=space.inum,
                shmid=row["number"],
                mode_octal=octal(mode),
                shm_bytes=row["bytes"],
                resident_bytes=None if huge or pages is None else pages * page,
                swapped_bytes=None if huge or swap is None else swap * page,
                nattch=row["count"],
                attached=_attached(survey, row["mapping"], users),
                status=_status(mode or 0),
                **{name: moment(row[name]) for name in ("attach_time", "detach_time", "change_time")},
                **{name: moment(row[name]) for name in ("creator_pid", "last_pid")},
                **{name: row[name] for name in ("key", "uid", "gid", "creator_uid", "creator_gid")},
                shmid_kernel=place,
            )  # fmt: skip


def _users(tasks: Tasks) -> dict[int, set[int]]:
    users: dict[int, set[int]] = {}
    for row in tasks.rows:
        if row["mm"] and row["tgid"]:
            users.setdefault(row["mm"], set()).add(row["tgid"])
    return users


def _status(mode: int) -> tuple[str, ...]:
    names = {_DEST: "dest", _LOCKED: "locked", _HUGE: "huge"}
    return tuple(name for bit, name in names.items() if mode & bit)


def _swapped(survey: Survey, inodes: Sequence[int]) -> dict[int | None, int | None]:
    """Pages in swap by the inode."""
    kernel = survey.kernel
    if not kernel.has_member(_SHMEM, "swapped"):
        return {}
    shift = kernel.offset(_SHMEM, "vfs_inode")
    fields = Fields(kernel, _SHMEM, {"swapped": ("swapped",)})
    rows = survey.rows(fields, [inode - shift for inode in inodes], "shared memory")
    return {inode: row["swapped"] for inode, row in zip(inodes, rows, strict=True)}


def _attached(survey: Survey, mapping: int | None, users: Mapping[int, set[int]]) -> tuple[int, ...]:
    """Processes with areas of the segment, by the interval tree of its file's mapping."""
    if not mapping:
        return ()
    kernel = survey.kernel
    root = mapping + kernel.offset("struct address_space", "i_mmap")
    areas = kernel.walk_rbtree(root, _VMA, "shared.rb")
    survey.walked(areas, "who has shared memory attached")
    spaces = survey.gaps(areas.read(["vm_mm"]), "who has shared memory attached")["vm_mm"]
    return tuple(sorted({pid for mm in spaces for pid in users.get(mm or 0, ())}))
