"""Locks on files as /proc/locks has them: POSIX, of open files, flock, leases (fs/locks.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.fs.file_facts import FileFacts, file_facts
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Long, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_LOCK, _LIST = "struct file_lock", "file_lock_list"
# 6.9 (4ca52f539865) moved the members that locks and leases share into a structure of their own
_FIELDS = {
    "flags": ("c.flc_flags", "fl_flags"),
    "type": ("c.flc_type", "fl_type"),
    "pid": ("c.flc_pid", "fl_pid"),
    "file": ("c.flc_file", "fl_file"),
    "start": ("fl_start",),
    "end": ("fl_end",),
}
_LINK = ("c.flc_link", "fl_link")
_BLOCKED = ("c.flc_blocked_requests", "fl_blocked_requests")
_BLOCKED_MEMBER = ("c.flc_blocked_member", "fl_blocked_member")
# include/linux/filelock.h
_POSIX, _FLOCK, _DELEGATION, _ACCESS, _LEASE, _OF_OPEN_FILE, _LAYOUT = 1, 2, 4, 8, 32, 1024, 2048
_KINDS = ((_OF_OPEN_FILE, "OFDLCK"), (_POSIX, "POSIX"), (_FLOCK, "FLOCK"), (_DELEGATION, "DELEG"),
          (_LEASE, "LEASE"), (_LAYOUT, "LAYOUT"))  # fmt: skip
_BREAKING = 256 | 512
_MODES = {0: "READ", 1: "WRITE", 2: "UNLCK"}
_END = (1 << 63) - 1
_DEEPEST = 64


class FileLock(Record, frozen=True):
    """A lock on a file, or a request for one.

    ``lock_type``: as in /proc/locks (``POSIX``, ``OFDLCK``: of an open file, ``FLOCK``, ``LEASE``);
    ``lock_mode``: ``READ``, ``WRITE``, ``UNLCK``. ``waits_for``: the address of the lock that blocks it, None
    where it is held. ``breaking``: the lease is being broken. ``last_byte``: None for the end of the file.
    ``pid``: the process that took it; the lock of an open file may belong to other processes since.
    """

    lock_type: str
    lock_mode: str
    waits_for: Address | None
    breaking: bool
    pid: int | None
    comm: str | None
    filesystem: str | None
    inode: Long | None
    first_byte: int | None
    last_byte: int | None
    path: str | None
    address: Address


class _Found(NamedTuple):
    address: int
    waits_for: int | None


def file_locks(survey: Survey) -> Iterator[FileLock]:
    """Locks by the CPUs that took them, each followed by the requests that wait for it."""
    found = _all(survey)
    fields = Fields(survey.kernel, _LOCK, _FIELDS, _FIELDS)
    rows = survey.rows(fields, [one.address for one in found], "locks on files")
    files = file_facts(survey, [row["file"] for row in rows if row["file"]])
    names = _names(survey)
    for one, row in zip(found, rows, strict=True):
        if row["flags"] is not None and row["type"] is not None:
            yield _row(one, row, files.get(row["file"] or 0), names)


def _row(
    one: _Found, row: Mapping[str, Any], file: FileFacts | None, names: Mapping[int, str | None]
) -> FileLock:
    # a lease is of the whole file, and another structure since 6.9 (c69ff4071935)
    whole = bool(row["flags"] & (_LEASE | _DELEGATION | _LAYOUT))
    pid = row["pid"] if row["pid"] is not None and row["pid"] > 0 else None
    return FileLock(
        lock_type=next((name for bit, name in _KINDS if row["flags"] & bit), "UNKNOWN"),
        lock_mode=_MODES.get(row["type"] & 3, str(row["type"])),
        waits_for=one.waits_for,
        breaking=bool(row["flags"] & _LEASE and row["flags"] & _BREAKING),
        pid=pid,
        comm=names.get(pid or 0),
        filesystem=None if file is None else file.filesystem,
        inode=None if file is None else file.inode,
        first_byte=0 if whole else row["start"],
        last_byte=None if whole or row["end"] == _END else row["end"],
        path=None if file is None else file.path,
        address=one.address,
    )


def _names(survey: Survey) -> dict[int, str | None]:
    """comm by pid."""
    tasks = for_each_task(survey.kernel, threads=True)
    survey.walked(tasks, "tasks")
    columns = survey.gaps(tasks.read(["pid", "comm"]), "names of tasks")
    return {pid: comm for pid, comm in columns if pid}


def _all(survey: Survey) -> list[_Found]:
    """Held locks of all CPUs, each followed by the requests that wait for it, at any depth."""
    kernel = survey.kernel
    link = kernel.path(_LOCK, *_LINK)
    held: list[int] = []
    for cpu in kernel.possible_cpus:
        head = kernel.per_cpu_address(_LIST, cpu) + kernel.offset("struct file_lock_list_struct", "hlist")
        locks = kernel.walk_hlist(head, _LOCK, link)
        survey.walked(locks, "locks on files")
        held += locks.addresses
    waiting = _waiting(survey, held)
    return [found for lock in held for found in _tree(waiting, lock, None, {lock})]


def _tree(
    waiting: Mapping[int, Sequence[int]], lock: int, waits_for: int | None, seen: set[int]
) -> Iterator[_Found]:
    yield _Found(lock, waits_for)
    for one in waiting.get(lock, ()):
        if one not in seen:
            seen.add(one)
            yield from _tree(waiting, one, lock, seen)


def _waiting(survey: Survey, held: Sequence[int]) -> dict[int, list[int]]:
    """The requests that wait for each lock or request, read level by level."""
    kernel = survey.kernel
    head, member = (kernel.path(_LOCK, *names) for names in (_BLOCKED, _BLOCKED_MEMBER))
    shift = kernel.offset(_LOCK, head)
    found: dict[int, list[int]] = {}
    level = list(held)
    for _ in range(_DEEPEST):
        if not level:
            break
        requests = kernel.walk_lists([lock + shift for lock in level], _LOCK, member)
        survey.walked(requests, "requests for locks on files")
        for number, request in zip(requests.walk.lists, requests.addresses, strict=True):
            found.setdefault(level[number], []).append(request)
        level = [request for request in dict.fromkeys(requests.addresses) if request not in found]
    return found
