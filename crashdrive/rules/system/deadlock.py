"""Tasks that wait for each other's locks in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, rule
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.locks.graph import Cycle

_DOUBTS = {
    "reader": "a reader is among the owners, which may be another one",
    "threads": "another thread of an owner's process may act",
    "glibc": "an owner is told by user memory that looks like glibc's mutex",
    "timeout": "a timeout may end a wait",
}


@rule(
    id="deadlock",
    severity="critical",
    looks_at=("hang.cycles",),
    message="a deadlock",
    threshold="a circle of tasks, each of which waits for a lock that the next one holds",
    explanation="None of these tasks can ever go on, nor can any that waits for what they hold.",
    advice="Compare the order in which the tasks take their locks: crashdrive report stacks.",
    reference="kernel/locking: the owners of mutexes, rwsems and rt-mutexes",
)
def deadlock(cycles: Iterable[Cycle]) -> Iterator[Match]:
    for cycle in cycles:
        steps = zip(cycle.pids, cycle.comms, cycle.types, cycle.locks, strict=True)
        told = [f"{comm} ({pid}) waits for {kind} {lock}" for pid, comm, kind, lock in steps]
        names = ", ".join(f"{comm} ({pid})" for pid, comm in zip(cycle.pids, cycle.comms, strict=True))
        doubt = "".join(f"; {_DOUBTS[word]}" for word in cycle.doubts)
        who = counted(len(cycle.pids), "task", "tasks")
        state = ("is" if len(cycle.pids) == 1 else "are") if set(cycle.doubts) <= {"reader"} else "may be"
        yield Match(evidence=tuple(told), message=f"{who} {state} deadlocked: {names}{doubt}")
