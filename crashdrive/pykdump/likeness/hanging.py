"""Tasks that wait as ``hanginfo`` prints them, out of report hang's rows.

Beyond the program: deadlocks, filesystems that are frozen, findings. A task's CPU isn't shown.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from crashdrive.pykdump.likeness.marks import UNREAD, rows, told
from crashdrive.records import Report

Ask = Callable[[str], str]
MOST = 10
_RULE = "-" * 78
_SEVERAL = {"mutex": "mutexes", "rwsem": "rw semaphores", "semaphore": "semaphores"}
_COLUMNS = (
    "     PID          CMD        Ran ms ago   Waits in",
    "    --------   ------------  ----------   --------",
)


def lines(
    report: Report,
    ask: Ask,
    *,
    most: int | None = None,
    by_pid: bool = False,
    verbose: bool = False,
    tree: bool = False,
) -> Iterator[str]:
    """Tasks by what they wait for, and who holds that, with crash's stack of each.

    ``most``: how many tasks of each lock, half of them from each end, `MOST` where None; who began to wait
    last is first, or (``by_pid``) the lowest pid. ``verbose``: a line for each. ``tree``: tasks below those
    that they wait for, too.
    """
    waits = rows(report, "tasks")
    if waits:
        yield " *** UNINTERRUPTIBLE threads, classified ***"
        yield from _classified(waits, MOST if most is None else most, by_pid=by_pid, verbose=verbose)
        yield from _owners(waits, ask)
    elif report.complete:
        yield "There are no UNINTERRUPTIBLE tasks"
    else:
        yield f"There are {UNREAD} UNINTERRUPTIBLE tasks"
    yield from _deadlocks(rows(report, "cycles"))
    yield from _frozen(rows(report, "frozen"))
    if report.findings:
        yield from ("", "*** Findings ***")
        yield from (f"  {one.severity}: {one.message}" for one in report.findings)
    if tree and waits:
        yield from _trees(waits)


def _classified(waits: Sequence[Any], most: int, *, by_pid: bool, verbose: bool) -> Iterator[str]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for wait in waits:
        groups[wait.type, wait.address, wait.lock, None if wait.type else wait.function].append(wait)
    before = None
    for (kind, address, lock, function), found in sorted(groups.items(), key=_order):
        title = f"Waiting on {_SEVERAL.get(kind, kind)}" if kind else f"Waiting in {told(function)}"
        if title != before:
            yield from ("", f" {f' {title} ':=^60}")
            before = title
        if kind:
            yield f"  -- <{kind} {UNREAD if address is None else hex(address)}> {lock or ''}".rstrip()
            yield from dict.fromkeys(map(_owner, found))
        yield from _pids(found, most, by_pid=by_pid, verbose=verbose)


def _order(item: tuple[Any, list[Any]]) -> tuple[bool, str, int, int]:
    (kind, address, _, function), found = item
    # what is known to be a lock first; of each kind the most wanted one
    return kind is None, kind or function or "", -len(found), address or 0


def _owner(wait: Any) -> str:
    if wait.owner_task is None:
        return "   No known owner"
    reads = " (reads)" if wait.owner_reads else ""
    return f"   Owner: pid={told(wait.owner_pid)} cmd={told(wait.owner_comm)}{reads}"


def _pids(found: list[Any], most: int, *, by_pid: bool, verbose: bool) -> Iterator[str]:
    # those whose time isn't known are the oldest
    aged = sorted(found, key=lambda wait: (wait.seconds is None, wait.seconds or 0.0, wait.pid or 0))
    young, old = aged[0], aged[-1]
    yield (
        f"    ... {len(found)} pids. Youngest,oldest: {told(young.pid)}, {told(old.pid)}"
        f"  Ran ms ago: {_ago(young)}, {_ago(old)}"
    )
    if most < 1:
        return
    if by_pid:
        aged.sort(key=lambda wait: (wait.pid is None, wait.pid or 0))
    first, shown = most // 2, len(aged) <= most
    parts = [aged] if shown else [aged[:first], aged[len(aged) - (most - first) :]]
    if not shown:
        yield f"        printing {most} out of {len(aged)}"
    skipped = f"<{len(aged) - most} skipped>"
    if verbose:
        yield from _COLUMNS
        for number, part in enumerate(parts):
            yield from [f"             {skipped}"] if number else []
            yield from map(_row, part)
        return
    yield f"        sorted by {'pid' if by_pid else 'ran_ago, youngest first'}"
    words = f" {skipped} ".join(" ".join(str(told(wait.pid)) for wait in part) for part in parts)
    yield from textwrap.wrap(
        words, 78, initial_indent=" " * 8, subsequent_indent=" " * 8, break_on_hyphens=False
    )


def _row(wait: Any) -> str:
    return f"    {told(wait.pid):>8}   {told(wait.comm):12s}  {_ago(wait):>10}   {told(wait.function)}"


def _ago(wait: Any) -> str:
    return UNREAD if wait.seconds is None else str(int(wait.seconds * 1000))


def _owners(waits: Sequence[Any], ask: Ask) -> Iterator[str]:
    held: dict[int, list[Any]] = defaultdict(list)
    for wait in waits:
        if wait.owner_task is not None:
            held[wait.owner_task].append(wait.pid)
    if held:
        yield from ("", "*** Threads that own resources the other threads are waiting on ***")
    for owner, pids in held.items():
        yield from ask(f"bt {owner:#x}").removesuffix("\n").split("\n")
        yield f"  {', '.join(str(told(pid)) for pid in pids)} wait for it"
        yield ""


def _deadlocks(cycles: Sequence[Any]) -> Iterator[str]:
    if cycles:
        yield from ("", "*** Deadlocks ***")
    for cycle in cycles:
        named = zip(cycle.pids, cycle.comms, strict=True)
        tasks = " -> ".join(f"{told(pid)}({told(comm)})" for pid, comm in named)
        yield f"  {tasks} -> {told(cycle.pids[0])}{'' if cycle.sure else '  (not for sure)'}"


def _frozen(filesystems: Sequence[Any]) -> Iterator[str]:
    if filesystems:
        yield from ("", "*** Frozen filesystems ***")
    for one in filesystems:
        yield f"  <struct super_block {one.super_block:#x}> {told(one.type)} {told(one.mount_point)}"


def _trees(waits: Sequence[Any]) -> Iterator[str]:
    """Tasks below those that they wait for; of a circle each once."""
    below: dict[int, list[int]] = defaultdict(list)
    names: dict[int, str] = {}
    for wait in waits:
        names[wait.task] = f"{told(wait.pid)}({told(wait.comm)})"
        if wait.owner_task is not None:
            below[wait.owner_task].append(wait.task)
            names.setdefault(wait.owner_task, f"{told(wait.owner_pid)}({told(wait.owner_comm)})")
    waiting = {task for tasks in below.values() for task in tasks}
    shown: set[int] = set()
    # those who wait for nobody first: what is left are circles
    for top in sorted(below, key=lambda task: task in waiting):
        if top not in shown:
            yield _RULE
            yield from _branch(top, below, names, shown)


def _branch(
    top: int, below: Mapping[int, list[int]], names: Mapping[int, str], shown: set[int]
) -> Iterator[str]:
    ahead = [(top, 0)]
    while ahead:
        task, depth = ahead.pop()
        again = task in shown
        mark = f"{'   ' * (depth - 1)}`- " if depth else ""
        yield f"{mark}{names[task]}{' (see above)' if again else ''}"
        if not again:
            shown.add(task)
            ahead += [(one, depth + 1) for one in reversed(below.get(task, ()))]
