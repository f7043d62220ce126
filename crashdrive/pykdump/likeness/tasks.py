"""Tasks as ``taskinfo`` prints them, out of report ps' rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from crashdrive.pykdump.likeness.marks import UNREAD, rows, told
from crashdrive.records import Report

Ask = Callable[[str], str]
_COLUMNS = (
    " PID          CMD       CPU   Ran ms ago   STATE",
    "--------   ------------  --  ------------- -----",
)
_RULE = "-" * 78


def lines(
    report: Report, ask: Ask, *, recent: bool = False, most: int | None = None, command: str | None = None
) -> Iterator[str]:
    """The tasks: threads behind the leader of their group, or (``recent``) what ran last first.

    ``most``: how many at most, half of them from each end. ``command``: one of crash's, asked by ``ask`` of
    each task with its pid behind it.
    """
    found = rows(report, "tasks")
    if recent:
        # what never ran, or isn't known to have, is last
        found.sort(key=lambda row: (row.state_seconds is None, row.state_seconds or 0.0, row.pid or 0))
        title = "Tasks in reverse order, scheduled recently first"
    else:
        title = "Tasks in PID order, grouped by Thread Group leader"
    skipped = max(0, len(found) - most) if most is not None else 0
    yield f"=== {title}{f' ({skipped} tasks skipped)' if skipped else ''} ==="
    if command is None:
        yield from _COLUMNS
    for row in _ends(found, most if skipped else None):
        if row is None:
            yield "           <snip>"
            continue
        if command is not None:
            yield from _COLUMNS
        yield _task(row, indent=not recent)
        if command is not None and row.pid is not None:
            yield from _answer(f"{command} {row.pid}", ask)


def _ends(found: Sequence[Any], most: int | None) -> Iterator[Any]:
    """All, or as many from each end, with None between them."""
    if most is None:
        yield from found
        return
    first = most // 2
    yield from found[:first]
    yield None
    yield from found[len(found) - (most - first) :]


def _task(row: Any, *, indent: bool) -> str:
    thread = row.tgid is not None and row.pid != row.tgid
    pid = f"{'  ' if thread and indent else ' '}{told(row.pid):>6}"
    if row.running:
        pid = ">" + pid[1:]
    group = f" (tgid={row.tgid})" if thread else ""
    ago = UNREAD if row.state_seconds is None else str(int(row.state_seconds * 1000))
    return (
        f"{pid} {told(row.comm):>14s} {told(row.cpu):>3} {ago:>14s}  {told(row.state)} "
        f"{group:>13s} UID={told(row.uid)}"
    )


def _answer(line: str, ask: Ask) -> Iterator[str]:
    yield from ("", f"crash> {line}")
    # of the ends of lines that Python knows a name can hold all but this one
    yield from ask(line).removesuffix("\n").split("\n")
    yield from ("", _RULE, "")
