"""What happened: the first page about a kernel crash.

    crashdrive run vmcore examples/report.py [LINES OF LOG]
    crashdrive run --format json vmcore examples/report.py | jq .tables.panic

Which kernel, why it died, the stack of the task that panicked, what ran on the other CPUs, all tasks by their
states, the end of the log. The task list is the kernel's own, walked in memory: crash's can be shorter than
that (crash 8.0.2 knows only the running tasks of a 6.1 kernel).
"""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from crashdrive import Crash
from crashdrive.errors import CommandFailedError, KernelError, ParseError
from crashdrive.linux.sched.tasks import Task
from crashdrive.parsers.bt import Backtrace
from crashdrive.parsers.sys import System
from crashdrive.records import Answer, Notice, Report, Table

STATES = {
    "R": "running or ready to run",
    "S": "sleeping",
    "D": "sleeping, can't be interrupted",
    "I": "idle kernel thread",
    "T": "stopped",
    "t": "traced",
    "Z": "zombie",
    "X": "dead",
    "P": "parked",
}
# without crash's number of tasks, which can be too low: they are counted below
SYSTEM = (
    "kernel",
    "dumpfile",
    "dump_flags",
    "cpus",
    "date",
    "timezone",
    "uptime",
    "load_average",
    "nodename",
    "release",
    "version",
    "machine",
    "memory",
    "panic",
)


def report(crash: Crash) -> Report:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    system = asked("sys", crash.sys)
    panicked = asked("bt", crash.bt, panic=True)
    active = asked("bt", crash.bt, active=True)
    tasks = asked("tasks", crash.kernel.tasks)
    log = asked("log", crash.log)
    # of a dump that was filtered, sys says that it is partial: its own answer is whole
    answers = [panicked, active, tasks, log]
    trace = panicked[0] if len(panicked) else None
    return Report(
        report="what-happened",
        complete=len(system) > 0 and all(whole(crash, answer) for answer in answers),
        warnings=notices(system, *answers),
        tables=(
            Table(name="system", rows=system.records, columns=SYSTEM, layout="fields", title="The system"),
            Table(name="panic", rows=the_panic(system, trace), layout="fields", title="The panic"),
            Table(
                name="backtrace",
                rows=trace.frames if trace else (),
                columns=("level", "function", "module", "address"),
                title=f"Stack of PID {trace.pid} ({trace.comm})"
                if trace
                else "Stack of the task that panicked",
            ),
            Table(name="cpus", rows=[on_cpu(one) for one in active], title="What ran on the CPUs"),
            Table(name="states", rows=by_state(tasks), title=f"All {len(tasks)} tasks by state"),
            Table(
                name="tasks",
                rows=tasks.records,
                columns=("pid", "ppid", "cpu", "state", "comm", "task", "vsz", "rss"),
                title="All tasks",
            ),
            Table(
                name="log",
                rows=[{"time": entry.timestamp, "text": entry.text} for entry in log.records[-lines:]],
                title=f"The last {lines} messages of the log",
            ),
        ),
    )


def asked(what: str, call: Callable[..., Answer[Any]], **options: Any) -> Answer[Any]:
    """An answer; an empty one that says why where a damaged dump gives none: the others are worth having."""
    try:
        return call(**options)
    except (CommandFailedError, KernelError, ParseError) as error:
        notice = Notice(kind="error", message=str(error))
        return Answer(command=what, shape="failed", complete=False, warnings=(notice,), records=())


def whole(crash: Crash, answer: Answer[Any]) -> bool:
    """Whether nothing is missing but tasks that crash doesn't know: the task list here isn't crash's."""
    known = {warning.message for warning in crash.health.warnings if warning.kind == "task-table"}
    return answer.complete or {notice.message for notice in answer.warnings} <= known


def notices(*answers: Answer[Any]) -> tuple[Notice, ...]:
    return tuple({notice.message: notice for answer in answers for notice in answer.warnings}.values())


def the_panic(system: Answer[System], trace: Backtrace | None) -> list[dict[str, Any]]:
    messages = [{"message": one.panic} for one in system]
    if trace is None:
        return messages
    place = {"cpu": trace.cpu, "pid": trace.pid, "comm": trace.comm, "task": trace.task}
    return [message | place for message in messages or [{}]]


def on_cpu(trace: Backtrace) -> dict[str, Any]:
    calls = [frame.function for frame in trace.frames]
    return {"cpu": trace.cpu, "pid": trace.pid, "comm": trace.comm, "calls": " < ".join(calls[:6])}


def by_state(tasks: Answer[Task]) -> list[dict[str, Any]]:
    counted = Counter(task.state_letter for task in tasks).most_common()
    return [{"state": state, "tasks": count, "meaning": STATES.get(state or "")} for state, count in counted]
