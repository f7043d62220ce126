"""Who waits for which lock and who holds it, as a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashdrive.linux.locks.graph import lock_name
from crashdrive.records import Edge, Graph, Node

if TYPE_CHECKING:
    from crashdrive.linux.locks.graph import Cycle
    from crashdrive.linux.locks.waits import Wait

_Place = tuple[int, str | None]  # an address, and the name: futexes of two processes may have one address
_MOST_LOCKS = 120
_NAMED = 4  # so many tasks of such a node are named


def lock_graph(waits: Sequence[Wait], cycles: Sequence[Cycle]) -> Iterator[Graph]:
    """The graph, with deadlocks marked; no graph where no task waits for a known lock.

    Tasks that wait for a lock, and that no task waits for, are one node together.
    """
    found: defaultdict[_Place, list[Wait]] = defaultdict(list)
    for wait in waits:
        if wait.address is not None:
            found[int(wait.address), wait.lock].append(wait)
    if not found:
        return
    locks = sorted(found, key=lambda place: -len(found[place]))
    owners = {wait.owner_task for wait in waits if wait.owner_task is not None}
    caught = {pid for cycle in cycles for pid in cycle.pids}
    shown = sorted(locks, key=lambda place: _rank(found[place], owners, caught))[:_MOST_LOCKS]
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for place in shown:
        _add(place, found[place], owners, caught, nodes, edges)
    yield Graph(
        title="Locks: who waits for whom",
        nodes=tuple(nodes.values()),
        edges=tuple(edges),
        left_out=len(locks) - len(shown),
    )


def _rank(members: Sequence[Wait], owners: set[int], caught: set[int | None]) -> tuple[bool, bool, int]:
    """Locks of deadlocks first, then those that lead on to others, then those with many waiters."""
    return (
        not any(wait.pid in caught for wait in members),
        not any(wait.task in owners for wait in members),
        -len(members),
    )


def _add(
    place: _Place,
    members: Sequence[Wait],
    owners: set[int],
    caught: set[int | None],
    nodes: dict[str, Node],
    edges: list[Edge],
) -> None:
    first = members[0]
    address, name = place
    own = f"{address:x}" + (f" {name}" if first.type == "futex" else "")
    lock = f"lock {own}"
    circle = [wait for wait in members if wait.pid in caught and wait.owner_pid in caught]
    nodes[lock] = Node(
        id=lock, label=f"{lock_name(first)}\n{first.type or 'lock'}", kind="lock", marked=bool(circle)
    )
    alone = [wait for wait in members if wait.task in owners or wait in circle]
    for wait in alone:
        task = f"task {wait.task:x}"
        nodes[task] = Node(id=task, label=_task(wait), kind="task", marked=wait.pid in caught)
        edges.append(Edge(source=task, target=lock, label=_since(wait), marked=wait in circle))
    rest = [wait for wait in members if wait not in alone]
    if rest:
        task = f"tasks of {own}"
        nodes[task] = Node(id=task, label=_tasks(rest), kind="task")
        edges.append(Edge(source=task, target=lock, label=_since(rest[0])))
    if first.owner_task is not None:
        owner = f"task {first.owner_task:x}"
        who = f"{first.owner_comm or '?'} ({first.owner_pid})"
        nodes.setdefault(owner, Node(id=owner, label=who, kind="task", marked=first.owner_pid in caught))
        said = "read by" if first.owner_reads else "held by"
        said = f"perhaps {said}" if first.owner_doubt else said
        edges.append(Edge(source=lock, target=owner, label=said, marked=bool(circle)))


def _task(wait: Wait) -> str:
    return f"{wait.comm or '?'} ({wait.pid})"


def _tasks(waits: Sequence[Wait]) -> str:
    lines = [_task(wait) for wait in waits[:_NAMED]]
    if len(waits) > _NAMED:
        lines.append(f"and {len(waits) - _NAMED} more tasks")
    return "\n".join(lines)


def _since(wait: Wait) -> str:
    return "" if wait.seconds is None else f"{wait.seconds:.0f} s"
