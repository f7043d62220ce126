"""``runq``: the run queues."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.runq import GroupedRunQueue, Lag, OnQueue, QueueClock, Running, RunQueue
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def runq(crash: Runner, *, cpu: int | None = None) -> Answer[RunQueue]:
    """Each CPU's run queue: its address, the running task, the tasks in its queues.

    With ``cpu`` that one alone. Source: crash's ``runq``.
    """
    return call(crash, line("runq", "" if cpu is None else f"-c {arguments.number(cpu)}"))


def runq_groups(crash: Runner) -> Answer[GroupedRunQueue]:
    """The run queues by task groups (``runq -g``)."""
    return call(crash, "runq -g")


def runq_clocks(crash: Runner) -> Answer[QueueClock]:
    """Timestamps of the run queues and of the running tasks (``runq -t``)."""
    return call(crash, "runq -t")


def runq_lags(crash: Runner) -> Answer[Lag]:
    """How many seconds each run queue lags behind the most recent one (``runq -T``)."""
    return call(crash, "runq -T")


def runq_running(crash: Runner) -> Answer[Running]:
    """For how many seconds each CPU's task has been running (``runq -m``)."""
    return call(crash, "runq -m")


def runq_tasks(crash: Runner) -> Answer[OnQueue]:
    """The tasks that say they are on a run queue, found task by task (``runq -d``)."""
    return call(crash, "runq -d")
