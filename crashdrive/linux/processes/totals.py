"""Numbers of tasks, and the limits of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crashdrive.linux.processes.rows import TaskRow
    from crashdrive.linux.survey import Survey


class TaskTotals(Record, frozen=True):
    """One row. ``processes`` and ``threads`` in all, the ``kernel_threads`` included.

    ``pid_max``: as kernel.pid_max, of the first pid namespace; ``threads_max``: as kernel.threads-max.
    ``used_percent``: threads in percent of the smaller limit.
    """

    processes: int
    threads: int
    kernel_threads: int
    zombies: int
    pid_max: int
    threads_max: int
    used_percent: float


class StateCount(Record, frozen=True):
    """The number of threads in a state, and the thread that has been in it for longest."""

    state: str | None
    state_letter: str | None
    count: int
    longest: float | None
    pid: int | None
    comm: str | None


def task_totals(survey: Survey, threads: Iterable[TaskRow]) -> TaskTotals:
    """The counts of these threads, and the kernel's limits."""
    kernel, rows = survey.kernel, list(threads)
    # the limit of each namespace since 6.14 (7863dcc72d0f)
    own = kernel.has_member("struct pid_namespace", "pid_max")
    place = kernel.symbols.address("init_pid_ns" if own else "pid_max")
    pid_max = (
        kernel.read_many("struct pid_namespace", [place], ["pid_max"]).check()["pid_max"][0]
        if own
        else (int(kernel.symbol_as("pid_max", "int")))
    )
    most = int(kernel.symbol_as("max_threads", "int"))
    return TaskTotals(
        processes=sum(row.pid == row.tgid for row in rows),
        threads=len(rows),
        kernel_threads=sum(bool(row.kernel_thread) for row in rows),
        zombies=sum(row.state_letter == "Z" for row in rows),
        pid_max=pid_max,
        threads_max=most,
        used_percent=round(100 * len(rows) / max(min(pid_max, most), 1), 1),
    )


def state_counts(threads: Iterable[TaskRow]) -> Iterator[StateCount]:
    """A row for each state that there is, the most frequent first."""
    groups: dict[tuple[str | None, str | None], list[TaskRow]] = {}
    for row in threads:
        groups.setdefault((row.state, row.state_letter), []).append(row)
    for (state, letter), rows in sorted(groups.items(), key=lambda group: -len(group[1])):
        first = max(rows, key=lambda row: -1.0 if row.state_seconds is None else row.state_seconds)
        yield StateCount(
            state=state, state_letter=letter, count=len(rows), longest=first.state_seconds,
            pid=first.pid, comm=first.comm,
        )  # fmt: skip
