"""One task: what it is, where it stands, its memory areas, and what else can be asked of it."""

from __future__ import annotations

from typing import Any

from crashdrive.errors import CrashdriveError, UsageError
from crashdrive.records import Report, Table
from crashdrive.serve import exchange
from crashdrive.serve.desk import BusyError, Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.grid import Grid, grid_of
from crashdrive.serve.reports import report_at
from crashdrive.text import printable

_MORE = (
    ("files", "open files"), ("arguments", "command line"), ("environment", "environment"),
    ("limits", "limits"), ("signals", "signals"),
)  # fmt: skip


def page(asked: Asked, desk: Desk) -> Reply:
    """``task?pid=1``."""
    pid = asked.number("pid")
    found = report_at(desk, "ps", {"pid": (pid,), "wait": True, "maps": True})
    rows = [row for row in found.table("tasks").rows if row.pid == pid]
    if not rows:
        raise UsageError(f"there is no task {pid}")
    stacks, failed = _stacks(desk, pid)
    reports = [found, *([stacks] if stacks else [])]
    return exchange.page(
        "serve_task.html",
        asked,
        title=f"{rows[0].comm or '(unknown)'} ({pid})",
        pid=pid,
        row=rows[0],
        complete=not failed and all(one.complete for one in reports),
        warnings=[printable(one.message) for report in reports for one in report.warnings] + failed,
        stacks=[row for row in stacks.table("stacks").rows if row.pid == pid] if stacks else [],
        facts=grid_of(Table(name="task", rows=rows, layout="fields", title="What it is"), asked.root),
        maps=_maps(asked, found),
        more=[(told, asked.link("report/ps", pid=pid, **{name: "1"})) for name, told in _MORE],
    )


def _stacks(desk: Desk, pid: int) -> tuple[Report | None, list[str]]:
    """Its stack; a dump whose stacks can't be unwound has the rest all the same."""
    options: dict[str, Any] = {"each": True, "pid": (pid,)}
    try:
        return report_at(desk, "stacks", options), []
    except BusyError:
        raise
    except CrashdriveError as error:
        return None, [printable(f"its stack: {error}")]


def _maps(asked: Asked, found: Report) -> Grid | None:
    areas = found.table("maps")
    url = asked.link("cells/ps/maps", pid=asked.number("pid"), wait="1", maps="1")
    return grid_of(areas, asked.root, url) if areas.rows else None
