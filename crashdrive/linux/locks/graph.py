"""The graph of tasks that wait for each other: its cycles, and the root of each chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from crashdrive.records import Record

if TYPE_CHECKING:
    from crashdrive.linux.locks.waits import Wait


class Cycle(Record, frozen=True):
    """Tasks that wait for each other: each for a lock that the next one holds, the last for the first's.

    ``locks`` and ``comms`` are in the order of ``pids``: what each waits for. It begins at the lowest pid.
    ``sure`` is False where one of the owners isn't sure; ``doubts`` says why, in the words of
    `Wait.owner_doubt`, and ``reader``: another reader may hold the lock.
    """

    pids: tuple[int | None, ...]
    comms: tuple[str | None, ...]
    locks: tuple[str, ...]
    types: tuple[str, ...]
    sure: bool
    doubts: tuple[str, ...]


def by_task(waits: Iterable[Wait]) -> dict[int, Wait]:
    """Each task's wait by the task's address."""
    return {wait.task: wait for wait in waits}


def chain(waits: Mapping[int, Wait], task: int) -> list[int]:
    """The tasks from ``task`` on, each of which waits for the next; those of a cycle stand once."""
    found: dict[int, None] = {}
    at: int | None = task
    while at is not None and at not in found:
        found[at] = None
        at = waits[at].owner_task if at in waits else None
    return list(found)


def cycles(waits: Sequence[Wait]) -> Iterator[Cycle]:
    """The cycles, each once."""
    known = by_task(waits)
    seen: set[frozenset[int]] = set()
    for wait in waits:
        path = chain(known, wait.task)
        following = known[path[-1]].owner_task if path[-1] in known else None
        if following not in path:
            continue
        circle = [known[task] for task in path[path.index(following) :]]
        members = frozenset(one.task for one in circle)
        if members not in seen:
            seen.add(members)
            yield _cycle(circle)


def _cycle(circle: list[Wait]) -> Cycle:
    first = min(range(len(circle)), key=lambda at: circle[at].pid or 0)
    turned = circle[first:] + circle[:first]
    doubts = {one.owner_doubt for one in turned} | {"reader" if one.owner_reads else None for one in turned}
    told = tuple(sorted(doubt for doubt in doubts if doubt))
    return Cycle(
        pids=tuple(one.pid for one in turned),
        comms=tuple(one.comm for one in turned),
        locks=tuple(lock_name(one) for one in turned),
        types=tuple(one.type or "" for one in turned),
        sure=not told,
        doubts=told,
    )


def lock_name(wait: Wait) -> str:
    """The name of the lock, else its address."""
    if wait.lock:
        return wait.lock
    return "" if wait.address is None else f"{int(wait.address):x}"
