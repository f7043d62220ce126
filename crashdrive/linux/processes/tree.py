"""The tree of processes, in lines as ``pstree -p`` prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.processes.rows import TaskRow


class TreeLine(Record, frozen=True):
    """A process below its parent, or a thread below its process; ``depth``: how many are above it."""

    tree_line: str
    depth: int
    pid: int | None
    ppid: int | None
    task: Address


def tree(rows: Sequence[TaskRow], wanted: set[int] | None = None) -> Iterator[TreeLine]:
    """The processes and threads, each below its parent; with ``wanted``, these tasks and those above and
    below.
    """
    above = _parents(rows)
    below: dict[int | None, list[TaskRow]] = {}
    for row in rows:
        below.setdefault(above[row.task], []).append(row)
    shown = None if wanted is None else _around(wanted, above, below)
    for row in below.get(None, []):
        yield from _branch(row, below, shown)


def _parents(rows: Sequence[TaskRow]) -> dict[int, int | None]:
    """The task that each stands below: a thread's leader, a process's parent."""
    leaders: dict[int | None, int] = {
        row.tgid: row.task for row in rows if row.pid == row.tgid and row.tgid is not None
    }
    found: dict[int, int | None] = {}
    for row in rows:
        thread = row.pid != row.tgid and row.tgid in leaders
        over = leaders.get(row.tgid if thread else row.ppid) if row.pid else None
        found[row.task] = None if over == row.task else over
    return {task: None if _is_circle(task, found) else over for task, over in found.items()}


def _is_circle(task: int, above: Mapping[int, int | None]) -> bool:
    """Whether the parents of a task form a loop, as in a damaged dump."""
    seen: set[int] = set()
    at: int | None = task
    while at is not None and at not in seen:
        seen.add(at)
        at = above[at]
    return at is not None


def _around(
    wanted: set[int], above: Mapping[int, int | None], below: Mapping[int | None, Sequence[TaskRow]]
) -> set[int]:
    shown = set(wanted)
    for task in wanted:
        at = above.get(task)
        while at is not None and at not in shown:
            shown.add(at)
            at = above[at]
    level = list(wanted)
    while level:
        level = [row.task for task in level for row in below.get(task, ())]
        shown.update(level)
    return shown


def _branch(
    top: TaskRow, below: Mapping[int | None, Sequence[TaskRow]], shown: set[int] | None
) -> Iterator[TreeLine]:
    # a stack of its own: chains of processes may be deeper than Python's
    waiting = [(top, "", "", 0)]
    while waiting:
        row, lead, branch, depth = waiting.pop()
        if shown is not None and row.task not in shown:
            continue
        yield TreeLine(
            tree_line=f"{lead}{branch}{_label(row)}", depth=depth, pid=row.pid, ppid=row.ppid, task=row.task
        )
        inner = lead + {"": "", "|-": "| ", "`-": "  "}[branch]
        children = [one for one in below.get(row.task, ()) if shown is None or one.task in shown]
        children.sort(key=lambda one: (one.pid == one.tgid, one.pid or 0))
        last = len(children) - 1
        waiting += [
            (child, inner, "`-" if at == last else "|-", depth + 1)
            for at, child in reversed(list(enumerate(children)))
        ]


def _label(row: TaskRow) -> str:
    name = row.comm if row.comm is not None else "(unknown)"
    shown = name if row.pid == row.tgid else f"{{{name}}}"
    return f"{shown}({'?' if row.pid is None else row.pid})"
