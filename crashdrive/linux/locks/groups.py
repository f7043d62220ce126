"""Blocked tasks in groups by what they wait for, and the locks that they wait for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from crashdrive.linux.locks.graph import by_task, chain, lock_name
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.locks.waits import Wait


class Group(Record, frozen=True):
    """Tasks that are blocked by the same lock; where it isn't known, in the same function.

    ``longest``: seconds that the first of them has waited; ``pids`` are in the order of waiting. ``root_*``:
    the task at the end of the chain of owners, None where no owner is known.
    """

    type: str | None
    lock: str | None
    module: str | None
    address: Address | None
    function: str | None
    tasks: int
    longest: float | None
    pids: tuple[int | None, ...]
    comms: tuple[str | None, ...]
    root_pid: int | None
    root_comm: str | None
    deadlocked: bool


class Lock(Record, frozen=True):
    """A lock that tasks wait for: who holds it, how many wait, the longest wait in seconds.

    ``lock``: its variable, or the filesystem that it belongs to; else its address. ``owner_reads``: the
    owner is one of several readers.
    """

    lock: str
    module: str | None
    type: str | None
    address: Address
    owner_pid: int | None
    owner_comm: str | None
    owner_reads: bool
    waiters: int
    longest: float | None


def groups(waits: Sequence[Wait], others: Sequence[Wait] = ()) -> Iterator[Group]:
    """The groups, the largest first; ``others``: waits of tasks that are in no group, for the roots."""
    found: defaultdict[tuple[object, ...], list[Wait]] = defaultdict(list)
    for wait in waits:
        by_function = (wait.function, wait.caller)
        what = by_function if wait.address is None else (int(wait.address), wait.lock)
        found[(wait.type, *what)].append(wait)
    known = by_task([*others, *waits])
    names = {
        int(wait.owner_task): (wait.owner_pid, wait.owner_comm)
        for wait in (*others, *waits)
        if wait.owner_task is not None
    }
    for members in sorted(found.values(), key=lambda group: (-len(group), -(group[0].seconds or 0))):
        yield _group(members, known, names)


def _group(
    members: Sequence[Wait], known: Mapping[int, Wait], names: Mapping[int, tuple[int | None, str | None]]
) -> Group:
    first = members[0]
    path = chain(known, first.task)
    last = known.get(path[-1])
    root = names.get(path[-1], (None, None)) if len(path) > 1 else (None, None)
    return Group(
        type=first.type,
        lock=first.lock,
        module=first.module,
        address=first.address,
        function=first.function,
        tasks=len(members),
        longest=first.seconds,
        pids=tuple(wait.pid for wait in members),
        comms=tuple(wait.comm for wait in members),
        root_pid=root[0],
        root_comm=root[1],
        deadlocked=last is not None and last.owner_task in path,
    )


def locks(waits: Sequence[Wait]) -> Iterator[Lock]:
    """The locks that are known, the one with the most waiters first."""
    found: defaultdict[tuple[int, str | None], list[Wait]] = defaultdict(list)
    for wait in waits:
        if wait.address is not None:
            found[int(wait.address), wait.lock].append(wait)
    for (address, _), members in sorted(found.items(), key=lambda item: -len(item[1])):
        first = members[0]
        yield Lock(
            lock=lock_name(first),
            module=first.module,
            type=first.type,
            address=address,
            owner_pid=first.owner_pid,
            owner_comm=first.owner_comm,
            owner_reads=first.owner_reads,
            waiters=len(members),
            longest=first.seconds,
        )
