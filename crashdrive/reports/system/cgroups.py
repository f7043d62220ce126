r"""Cgroups of both versions: their tree, members, limits, counters, pressure.

\b
Examples:
  crashdrive report cgroups vmcore
  crashdrive report cgroups --path /system.slice --tasks vmcore
  crashdrive report cgroups --show memory --pressure vmcore

processes and threads are those of a group itself. An empty cell is no limit. Amounts of memory.stat and CPU
times are as the kernel summed them up last.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from crashdrive.linux.cgroups.groups import CgroupRow, cgroups
from crashdrive.linux.cgroups.io import cgroup_io
from crashdrive.linux.cgroups.pressure import pressures
from crashdrive.linux.cgroups.roots import hierarchies
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "cgroups"
SUMMARY = "Cgroups of both versions: tree, tasks, limits and counters, pressure."
BTF = True
_COLUMNS = {
    "use": ("processes", "usage_seconds", "memory_bytes", "memory_max", "pids_current", "pids_max", "frozen"),
    "cpu": ("user_seconds", "system_seconds", "cpu_weight", "quota_seconds", "period_seconds",
            "throttled_periods", "throttled_seconds"),
    "memory": ("memory_bytes", "memory_peak_bytes", "memory_low", "memory_high", "memory_max", "swap_bytes",
               "anonymous_bytes", "file_bytes", "kernel_bytes", "memory_oom_kills"),
    "tree": ("level", "processes", "threads", "cgroups_below", "dying_below", "dying", "controllers"),
}  # fmt: skip
OPTIONS = (
    Option(name="path", flags=("-p", "--path"), kind="text", help="This cgroup and those below it."),
    Option(
        name="show", flags=("--show",), kind="text", choices=tuple(_COLUMNS), many=True,
        help="Other columns than use.",
    ),
    Option(name="tasks", flags=("-t", "--tasks"), help="The tasks in each, too."),
    Option(name="pressure", flags=("--pressure",), help="Pressure: who stood still, for lack of what."),
    Option(name="io", flags=("--io",), help="What each read and wrote, by device."),
)  # fmt: skip


def report(crash: Any, **asked: Any) -> Report:
    """The cgroups that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    every = survey.attempt("cgroups", lambda: [cgroups(survey)])
    if asked["path"] is not None:
        paths = sorted({row.path for one in every for row in one.rows if row.path})
        survey.require("cgroup", [asked["path"]], paths)
    tables = list(_tables(survey, every, asked))
    return judged(report_of(NAME, survey, tables), "system")


def _tables(survey: Survey, every: list[Any], asked: dict[str, Any]) -> Iterator[Table]:
    rows: list[CgroupRow] = [row for one in every for row in one.rows if _is_wanted(row.path, asked["path"])]
    shown = dict.fromkeys(name for what in asked["show"] or ("use",) for name in _COLUMNS[what])
    old = ("hierarchy",) if any(row.hierarchy != "unified" for row in rows) else ()
    yield Table(name="cgroups", rows=rows, columns=(*old, "path", *shown), title="Cgroups")
    if asked["tasks"]:
        tasks = [row for one in every for row in one.tasks if _is_wanted(row.path, asked["path"])]
        yield Table(name="tasks", rows=tasks, title="Tasks")
    found = [one for each in every for one in each.found if _is_wanted(one.path, asked["path"])]
    if asked["pressure"]:
        yield Table(
            name="pressure",
            rows=survey.attempt("pressure", partial(pressures, survey, found)),
            title="Pressure",
        )
    if asked["io"]:
        yield Table(name="io", rows=survey.attempt("io", partial(cgroup_io, survey, found)), title="I/O")
    trees = survey.attempt("hierarchies of cgroups", partial(hierarchies, survey))
    yield Table(name="hierarchies", rows=trees, title="Hierarchies")


def _is_wanted(path: str | None, wanted: str | None) -> bool:
    if wanted is None:
        return True
    return path is not None and (path == wanted or path.startswith(f"{wanted.rstrip('/')}/"))
