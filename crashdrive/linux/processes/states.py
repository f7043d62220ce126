"""How long tasks have been in their state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.sched.cpu_states import run_queues, seconds_since
from crashdrive.linux.sched.running import Queues

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crashdrive.linux.sched.tasks import Task
    from crashdrive.linux.survey import Survey


class Since:
    """Computes times in a state, by the clocks of the run queues. ``running``: the tasks that ran, with their
    CPUs.
    """

    def __init__(self, survey: Survey) -> None:
        self._queues = Queues(survey)
        self._now = run_queues(survey).now
        self.running = self._queues.running

    def seconds(self, task: Task, own: Mapping[str, Any]) -> float | None:
        """Seconds since a task got its CPU, was queued for one, or left it; None for an idle task that
        doesn't run.
        """
        if task.task in self.running:
            return seconds_since(self._now, own["last_arrival"])
        if task.state_letter == "R":
            return seconds_since(self._now, own["last_queued"])
        return self._queues.since(task.cpu, own["exec_start"]) if task.pid else None
