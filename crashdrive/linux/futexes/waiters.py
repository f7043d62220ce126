"""Tasks that wait for futexes, out of the kernel's hash table of them (kernel/futex/core.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.futexes.queued import futex_kind, queued, user_address
from crashdrive.linux.futexes.words import Word, words
from crashdrive.linux.sched.running import Queues
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_TASK = "struct task_struct"
_OF_TASK = {
    "pid": ("pid",),
    "tgid": ("tgid",),
    "comm": ("comm",),
    "cpu": ("thread_info.cpu", "cpu"),
    "left": ("se.exec_start",),
}
_PIDS = 16


class Futex(Record, frozen=True):
    """A futex that tasks wait for.

    ``futex_kind``: ``private`` (of threads of a process), ``file`` (of a mapped file, which shared memory is,
    too), ``shared`` (other memory: the futex isn't marked as private). ``user_address``: where it is in the
    process's memory; of a file the offset in it. ``waiters``: how many tasks wait; ``waiter_pids``: the first
    of them, who wait longest first. ``tgid``, ``comm``: the process of the first. ``longest``: seconds that
    one has waited. ``word``: what is there in user memory, None where it can't be read. ``owner_pid``,
    ``owner_comm``: the holder, and ``owner_by``, who says so: ``kernel``, of futexes with priority
    inheritance; ``robust``, the holder's robust list; ``glibc``, user memory that looks like glibc's mutex,
    which it may not be.
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
    owner_by: str | None
    word: Address | None


def futexes(survey: Survey) -> Iterator[Futex]:
    """All futexes with waiters, the most waiters first."""
    kernel = survey.kernel
    rows = [row | {"place": place} for place, row in queued(survey)]
    tasks = list(dict.fromkeys(row["task"] for row in rows if row["task"]))
    known = dict(survey.addressed(Fields(kernel, _TASK, _OF_TASK, _OF_TASK), tasks, "waiters for futexes"))
    queues = Queues(survey) if known else None
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        task = known.get(row["task"] or 0)
        seconds = queues.since(task["cpu"], task["left"]) if task and queues else None
        key = (row["of"], row["page"], row["offset"])
        found.setdefault(key, []).append(row | {"who": task or {}, "seconds": seconds})
    firsts = [(own[0]["place"], own[0]) for own in found.values()]
    told = words(survey, firsts) if firsts else {}
    holders = {word.owner for word in told.values() if word.owner}
    names = dict(survey.addressed(Fields(kernel, _TASK, _OF_TASK), sorted(holders), "holders of futexes"))
    made = [_futex(key, own, kernel.page_size, told[own[0]["place"]], names) for key, own in found.items()]
    yield from sorted(made, key=lambda one: (-one.waiters, -(one.longest or 0)))


def _futex(
    key: tuple[Any, ...],
    waiters: Sequence[Mapping[str, Any]],
    page_size: int,
    word: Word,
    names: Mapping[int, Mapping[str, Any]],
) -> Futex:
    _, page, offset = key
    held = names.get(word.owner or 0, {})
    order = sorted(waiters, key=lambda one: -(one["seconds"] or 0))
    first = order[0]["who"]
    times = [one["seconds"] for one in order if one["seconds"] is not None]
    owner = next((one for one in order if one["pi"]), {})
    return Futex(
        futex_kind=futex_kind(offset),
        user_address=user_address(page, offset, page_size),
        waiters=len(order),
        waiter_pids=tuple(one["who"]["pid"] for one in order if one["who"].get("pid") is not None)[:_PIDS],
        tgid=first.get("tgid"),
        comm=first.get("comm"),
        longest=max(times, default=None),
        owner_pid=owner.get("owner") if owner else held.get("pid"),
        owner_comm=owner.get("owner_comm") if owner else held.get("comm"),
        owner_by="kernel" if owner.get("owner") is not None else word.by,
        word=word.value,
    )
