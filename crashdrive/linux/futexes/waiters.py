"""Tasks that wait for futexes, out of the kernel's hash table of them (kernel/futex/core.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.errors import UnknownMemberError
from crashdrive.linux.sched.running import Queues
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_QUEUED, _BUCKET, _TASK = "struct futex_q", "struct futex_hash_bucket", "struct task_struct"
_TABLE = "__futex_data"
_FIELDS = {
    "task": ("task",),
    "offset": ("key.both.offset",),
    "page": ("key.both.word",),
    "of": ("key.both.ptr",),
    "owner": ("pi_state->owner->pid",),
    "owner_comm": ("pi_state->owner->comm",),
    "pi": ("pi_state",),
}
_NEEDED = ("task", "offset", "page", "of")
_OF_TASK = {
    "pid": ("pid",),
    "tgid": ("tgid",),
    "comm": ("comm",),
    "cpu": ("thread_info.cpu", "cpu"),
    "left": ("se.exec_start",),
}
# FUT_OFF_INODE, FUT_OFF_MMSHARED (include/linux/futex.h); without them it is of one process alone
_FILE, _SHARED = 1, 2
# futex_hashsize is 256 for each possible CPU
_MOST_BUCKETS = 1 << 22
_PIDS = 16


class Futex(Record, frozen=True):
    """A futex that tasks wait for.

    ``futex_kind``: ``private`` (of threads of a process), ``file`` (of a mapped file, which shared memory is,
    too), ``shared`` (other memory: the futex isn't marked as private). ``user_address``: where it is in the
    process's memory; of a file the offset in it. ``waiters``: how many tasks wait; ``waiter_pids``: the first
    of them, who wait longest first. ``tgid``, ``comm``: the process of the first. ``longest``: seconds that
    one has waited. ``owner_pid``, ``owner_comm``: the holder, of futexes with priority inheritance; the
    kernel knows no other's.
    """

    futex_kind: str | None
    user_address: Address | None
    waiters: int
    waiter_pids: tuple[int, ...]
    tgid: int | None
    comm: str | None
    longest: float | None
    owner_pid: int | None
    owner_comm: str | None


def futexes(survey: Survey) -> Iterator[Futex]:
    """All futexes with waiters, the most waiters first."""
    kernel = survey.kernel
    start, count = _table(survey)
    if not count:
        return
    offset, step = kernel.offset(_BUCKET, "chain.node_list"), kernel.sizeof(_BUCKET)
    heads = [start + step * at + offset for at in range(count)]
    walked = kernel.walk_lists(heads, _QUEUED, "list.node_list")
    survey.walked(walked, "futexes")
    rows = survey.rows(Fields(kernel, _QUEUED, _FIELDS, _NEEDED), walked.addresses, "waiters for futexes")
    tasks = list(dict.fromkeys(row["task"] for row in rows if row["task"]))
    known = dict(survey.addressed(Fields(kernel, _TASK, _OF_TASK, _OF_TASK), tasks, "waiters for futexes"))
    queues = Queues(survey) if known else None
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        task = known.get(row["task"] or 0)
        seconds = queues.since(task["cpu"], task["left"]) if task and queues else None
        key = (row["of"], row["page"], row["offset"])
        found.setdefault(key, []).append(row | {"who": task or {}, "seconds": seconds})
    made = [_futex(key, own, kernel.page_size) for key, own in found.items()]
    yield from sorted(made, key=lambda one: (-one.waiters, -(one.longest or 0)))


def _table(survey: Survey) -> tuple[int, int]:
    """The first bucket's address, and how many there are: a pointer and a number side by side.

    Since 6.16 (bd54df5ea7ca) a process can have a table of its own, which isn't read.
    """
    kernel = survey.kernel
    if kernel.has_member("struct mm_struct", "futex_phash"):
        raise UnknownMemberError("each process has a table of futexes of its own")
    if not kernel.symbols.has(_TABLE):
        survey.absent("table of futexes")
        return 0, 0
    place = kernel.symbols.address(_TABLE)
    start, count = (kernel.read_pointer(place + kernel.pointer_size * at) for at in range(2))
    if not start or not 0 < count <= _MOST_BUCKETS or count & (count - 1):
        survey.miss([Notice(kind="damaged", message=f"{count} buckets of futexes are impossible; not read")])
        return 0, 0
    return start, count


def _futex(key: tuple[Any, ...], waiters: Sequence[Mapping[str, Any]], page_size: int) -> Futex:
    _, page, offset = key
    order = sorted(waiters, key=lambda one: -(one["seconds"] or 0))
    first = order[0]["who"]
    times = [one["seconds"] for one in order if one["seconds"] is not None]
    owner = next((one for one in order if one["pi"]), {})
    return Futex(
        futex_kind=_kind(offset),
        user_address=_address(page, offset, page_size),
        waiters=len(order),
        waiter_pids=tuple(one["who"]["pid"] for one in order if one["who"].get("pid") is not None)[:_PIDS],
        tgid=first.get("tgid"),
        comm=first.get("comm"),
        longest=max(times, default=None),
        owner_pid=owner.get("owner"),
        owner_comm=owner.get("owner_comm"),
    )


def _kind(offset: int | None) -> str | None:
    if offset is None:
        return None
    return "file" if offset & _FILE else "shared" if offset & _SHARED else "private"


def _address(page: int | None, offset: int | None, page_size: int) -> int | None:
    """A file's futex has a page number where others have the page's address."""
    if page is None or offset is None:
        return None
    return (page * page_size if offset & _FILE else page) + (offset & ~(_FILE | _SHARED))
