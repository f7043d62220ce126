r"""Processes and threads: states and how long, owners, scheduling, memory, times, I/O.

\b
Examples:
  crashdrive report ps vmcore
  crashdrive report ps --threads --state D --wait vmcore
  crashdrive report ps --tree --pid 1 vmcore    as pstree -p
  crashdrive report ps --show memory --sort rss vmcore
  crashdrive report ps --pid 4711 --arguments --limits --files vmcore

state_seconds: how long a task has been in its state. --show chooses columns;
--format json has all of them. --arguments and --environment need the dump's
user pages; without them the report is marked.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from crashdrive.linux.fs.open_files import held_files
from crashdrive.linux.processes.arguments import process_arguments
from crashdrive.linux.processes.limits import process_limits
from crashdrive.linux.processes.maps import process_maps
from crashdrive.linux.processes.rows import TaskTable
from crashdrive.linux.processes.signals import signal_masks
from crashdrive.linux.processes.totals import state_counts, task_totals
from crashdrive.linux.processes.tree import tree
from crashdrive.linux.processes.waits import with_wait_channels
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from crashdrive.linux.processes.rows import TaskRow

NAME = "ps"
SUMMARY = "Processes and threads: states and how long, owners, scheduling, memory, times, tree."
BTF = True

_COLUMNS = {
    "states": ("pid", "ppid", "uid", "state", "cpu", "state_seconds", "vsz", "rss", "comm"),
    "times": ("pid", "user_seconds", "system_seconds", "children_user_seconds", "children_system_seconds",
              "waited_seconds", "start_time", "comm"),
    "scheduling": ("pid", "state", "cpu", "policy", "priority", "nice", "realtime_priority", "allowed_cpus",
                   "runs", "voluntary_switches", "involuntary_switches", "comm"),
    "memory": ("pid", "vsz", "rss", "rss_anonymous", "rss_file", "rss_shmem", "swap_bytes", "page_tables",
               "locked_bytes", "peak_rss", "oom_score", "oom_score_adj", "comm"),
    "io": ("pid", "rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "major_faults",
           "minor_faults", "open_files", "comm"),
    "ids": ("pid", "tgid", "ppid", "pgid", "sid", "tty", "inner_pids", "uid", "euid", "gid", "egid", "comm"),
    "places": ("pid", "cgroup", "old_cgroups", "namespaces", "comm"),
    "rights": ("pid", "uid", "euid", "capabilities", "no_new_privs", "seccomp", "seccomp_filters",
               "tracer_pid", "comm"),
    "addresses": ("pid", "task", "stack_pointer", "mm", "task_flags", "comm"),
}  # fmt: skip
_SORTS = ("pid", "rss", "swap_bytes", "state_seconds", "runtime_seconds", "open_files", "oom_score")

OPTIONS = (
    Option(name="threads", flags=("-T", "--threads"), help="Each thread by itself, with its own counters."),
    Option(name="tree", flags=("--tree",), help="Who made whom, with pids; of chosen ones who is near them."),
    Option(
        name="show", flags=("--show",), kind="text", choices=tuple(_COLUMNS), many=True,
        help="Other columns than states.",
    ),
    Option(
        name="sort", flags=("--sort",), kind="text", choices=_SORTS,
        help="The largest first; of pids the lowest.",
    ),
    Option(
        name="wait",
        flags=("-w", "--wait"),
        help="Where each sleeps, as /proc/PID/wchan.",
        fills=("wait_channel",),
    ),
    Option(name="arguments", flags=("-a", "--arguments"), help="Command lines."),
    Option(name="environment", flags=("-e", "--environment"), help="Command lines and environments."),
    Option(name="limits", flags=("-r", "--limits"), help="Resource limits."),
    Option(name="signals", flags=("--signals",), help="Signals that wait, are blocked, ignored, caught."),
    Option(name="files", flags=("--files",), help="Open files."),
    Option(name="maps", flags=("--maps",), help="Memory areas."),
    Option(name="pid", flags=("-p", "--pid"), kind="integer", many=True, help="A task by its pid."),
    Option(name="comm", flags=("-c", "--comm"), kind="text", help="Of this name (a pattern: kworker*)."),
    Option(
        name="state", flags=("-s", "--state"), kind="text", many=True,
        help="In a state: UN as crash has it, or D as the kernel.",
    ),
    Option(name="cpu", flags=("--cpu",), kind="integer", many=True, help="Of a CPU."),
    Option(name="uid", flags=("--uid",), kind="integer", many=True, help="Of a user, by number."),
    Option(name="cgroup", flags=("--cgroup",), kind="text", help="In this cgroup or below it."),
    Option(
        name="namespace", flags=("--namespace",), kind="text", many=True,
        help="In one other than the first: net:[4026532265], its number, or net for any.",
    ),
    Option(name="running", flags=("-A", "--running"), help="Those that ran on a CPU."),
    Option(name="user", flags=("-u", "--user"), help="No kernel threads."),
    Option(name="kernel", flags=("-k", "--kernel"), help="Kernel threads alone."),
)  # fmt: skip


def report(crash: Any, **asked: Any) -> Report:
    """The tasks that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    found = survey.attempt("tasks", lambda: [TaskTable(survey)])
    every = [row for table in found for row in table.threads()]
    leaders = {row.pid for row in every if row.pid == row.tgid}
    # a thread that is asked for by its number is shown
    alone = asked["threads"] or not leaders.issuperset(asked["pid"])
    rows = every if alone else [row for table in found for row in table.processes()]
    chosen = _sorted(_chosen(survey, rows, asked), asked["sort"])
    if asked["wait"]:
        chosen = survey.attempt("wait channels", partial(with_wait_channels, survey, chosen))
    tables = [
        *([_tree(every, rows, chosen)] if asked["tree"] else [_tasks(chosen, asked)]),
        *_details(survey, chosen, asked),
        Table(name="states", rows=list(state_counts(every)), title="States of all threads"),
        Table(
            name="totals", layout="fields", title="How many",
            rows=survey.attempt("limits of tasks", lambda: [task_totals(survey, every)]),
        ),
    ]  # fmt: skip
    return judged(report_of(NAME, survey, tables), "system")


def _details(survey: Survey, chosen: Sequence[TaskRow], asked: dict[str, Any]) -> Iterator[Table]:
    makers: dict[str, tuple[bool, Callable[[], Any]]] = {
        "arguments": (
            asked["arguments"] or asked["environment"],
            partial(process_arguments, survey, chosen, environment=asked["environment"]),
        ),
        "limits": (asked["limits"], partial(process_limits, survey, chosen)),
        "signals": (asked["signals"], partial(signal_masks, survey, chosen)),
        "maps": (asked["maps"], partial(process_maps, survey, chosen)),
        "files": (asked["files"], partial(_files, survey, chosen)),
    }
    for name, (wanted, make) in makers.items():
        if wanted:
            columns = {"arguments": _ARGUMENTS, "files": _FILES}.get(name, ())
            yield Table(name=name, rows=survey.attempt(name, make), columns=columns, title=name.capitalize())


_ARGUMENTS = ("pid", "comm", "argv", "environment", "missing")
_FILES = ("pid", "comm", "held_by", "file_kind", "path", "deleted")


def _files(survey: Survey, chosen: Sequence[TaskRow]) -> Iterator[Any]:
    processes = {row.tgid for row in chosen}
    return (one for one in held_files(survey) if one.pid in processes)


def _tasks(rows: Sequence[TaskRow], asked: dict[str, Any]) -> Table:
    shown = dict.fromkeys(name for what in asked["show"] or ("states",) for name in _COLUMNS[what])
    shown.pop("comm", None)
    wait = {"wait_channel": None} if asked["wait"] else {}
    return Table(name="tasks", rows=list(rows), columns=(*shown, *wait, "comm"), title="Tasks")


def _tree(every: Sequence[TaskRow], rows: Sequence[TaskRow], chosen: Sequence[TaskRow]) -> Table:
    wanted = None if len(chosen) == len(rows) else {row.task for row in chosen}
    lines = list(tree(every if len(rows) == len(every) else rows, wanted))
    return Table(name="tree", rows=lines, columns=("tree_line",), layout="lines", title="Tree")


def _chosen(survey: Survey, rows: Sequence[TaskRow], asked: dict[str, Any]) -> list[TaskRow]:
    survey.require("pid", asked["pid"], sorted(row.pid for row in rows if row.pid is not None))
    survey.require("CPU", asked["cpu"], survey.kernel.cpus)
    states = {state for row in rows for state in (row.state, row.state_letter) if state}
    survey.require("state", asked["state"], sorted(states | {"UN", "D", "RU", "R", "IN", "S", "ZO", "Z"}))
    return [row for row in rows if _is_wanted(row, asked)]


def _is_wanted(row: TaskRow, asked: dict[str, Any]) -> bool:
    return (
        (not asked["pid"] or row.pid in asked["pid"])
        and (not asked["cpu"] or row.cpu in asked["cpu"])
        and (not asked["uid"] or row.uid in asked["uid"])
        and (not asked["state"] or not {row.state, row.state_letter}.isdisjoint(asked["state"]))
        and (asked["comm"] is None or fnmatchcase(row.comm or "", asked["comm"]))
        and (asked["cgroup"] is None or _is_below(row, asked["cgroup"]))
        and (not asked["namespace"] or any(_lives_in(row, one) for one in asked["namespace"]))
        and (row.running or not asked["running"])
        and not (asked["user"] and row.kernel_thread)
        and not (asked["kernel"] and row.kernel_thread is False)
    )


def _is_below(row: TaskRow, cgroup: str) -> bool:
    wanted = cgroup.rstrip("/")
    paths = [row.cgroup, *(one.partition(":")[2] for one in row.old_cgroups)]
    return any(path is not None and (path == cgroup or path.startswith(f"{wanted}/")) for path in paths)


def _lives_in(row: TaskRow, wanted: str) -> bool:
    """By a namespace's kind, its number, or both."""
    return any(
        wanted in {one, kind, number.strip("[]")}
        for one in row.namespaces
        for kind, _, number in [one.partition(":")]
    )


def _sorted(rows: list[TaskRow], by: str | None) -> list[TaskRow]:
    if by is None:
        return rows
    sign = 1 if by == "pid" else -1
    return sorted(rows, key=lambda row: (getattr(row, by) is None, sign * (getattr(row, by) or 0)))
