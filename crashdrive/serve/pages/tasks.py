"""The tree of processes and threads, with what each is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.processes.tree import TreeLine, tree
from crashdrive.records import Address, Record, Report, Table
from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.grid import WHOLE, Grid, cells_of, grid_of
from crashdrive.serve.reports import report_at
from crashdrive.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashdrive.linux.processes.rows import TaskRow


class TaskLine(Record, frozen=True):
    """A line of the tree; ``name`` of a thread is in braces. Sizes are in bytes."""

    name: str
    pid: int | None
    state: str | None
    cpu: int | None
    state_seconds: float | None
    threads: int | None
    rss: int | None
    vsz: int | None
    uid: int | None
    task: Address


def page(asked: Asked, desk: Desk) -> Reply:
    """Processes; ``threads=1``: their threads, too. ``tasks/cells`` is what its script fetches."""
    threads = bool(asked.text("threads"))
    report = report_at(desk, "ps", {"threads": True} if threads else {})
    lines = list(tree(_rows(report)))
    grid = _grid(asked, report, lines, threads=threads)
    if asked.path[1:] == ("cells",):
        return exchange.data({**cells_of(grid), "depth": [line.depth for line in lines]})
    return exchange.page(
        "serve_tasks.html",
        asked,
        title="Tasks",
        report=report,
        threads=threads,
        warnings=[printable(notice.message) for notice in report.warnings],
        grid=grid,
        depths=[line.depth for line in lines[:WHOLE]],
        states=grid_of(report.table("states"), asked.root),
    )


def _rows(report: Report) -> Sequence[TaskRow]:
    return report.table("tasks").rows


def _grid(asked: Asked, report: Report, lines: Sequence[TreeLine], *, threads: bool) -> Grid:
    rows = {row.task: row for row in _rows(report)}
    shown = [_line(rows[line.task]) for line in lines]
    table = Table(
        name="tasks", rows=shown, columns=tuple(TaskLine.__struct_fields__),
        title="Threads" if threads else "Processes",
    )  # fmt: skip
    return grid_of(table, asked.root, asked.link("tasks/cells", threads="1" if threads else None))


def _line(row: TaskRow) -> TaskLine:
    name = "(unknown)" if row.comm is None else row.comm
    return TaskLine(
        name=name if row.pid == row.tgid else f"{{{name}}}", pid=row.pid, state=row.state, cpu=row.cpu,
        state_seconds=row.state_seconds, threads=row.threads, rss=row.rss, vsz=row.vsz, uid=row.uid,
        task=row.task,
    )  # fmt: skip
