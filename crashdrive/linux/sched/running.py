"""Running tasks by CPU, with registers; and since when the other tasks don't run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from crashdrive.linux.sched.cpu_stacks import cpu_stacks
from crashdrive.linux.sched.registers import Registers, cpu_registers
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from crashdrive.kernel.unwind.walk import Stack
    from crashdrive.linux.survey import Survey

_RQ = "struct rq"
# clock_task: since 2.6.37 (fe44d62122829)
_FIELDS = {"curr": ("curr",), "clock": ("clock",), "clock_task": ("clock_task",)}
_SECOND = 1e9


class Queues:
    """The run queues of all present CPUs. ``running``: CPUs by the tasks that they ran."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        kernel = survey.kernel
        places = [kernel.per_cpu_address("runqueues", cpu) for cpu in kernel.cpus]
        rows = survey.rows(Fields(kernel, _RQ, _FIELDS, ("curr",)), places, "run queues")
        queues = dict(zip(kernel.cpus, rows, strict=True))
        self.running = {row["curr"]: cpu for cpu, row in queues.items() if row["curr"]}
        clocks = [row["clock"] for row in queues.values() if row["clock"]]
        self._lags = {
            cpu: row["clock"] - row["clock_task"]
            for cpu, row in queues.items()
            if row["clock"] is not None and row["clock_task"] is not None
        }
        self._now = max(clocks, default=None)

    @cached_property
    def registers(self) -> Mapping[int, Registers]:
        """Registers by CPU, of the CPUs whose registers the dump has."""
        return cpu_registers(self._survey)

    @cached_property
    def stacks(self) -> Mapping[int, tuple[Stack, ...]]:
        """Each CPU's own stacks."""
        return cpu_stacks(self._survey)

    def since(self, cpu: int | None, exec_start: int | None) -> float | None:
        """Seconds since a task left its CPU, by ``se.exec_start``, a time of that CPU's ``clock_task``.

        The scheduler sets it whenever it accounts for the task, the last time when the task leaves the CPU.
        The clock leaves out time of interrupts; the clock of an idle CPU stands still.
        """
        if not exec_start or self._now is None or cpu not in self._lags:
            return None
        now: int = self._now - self._lags[cpu]
        return max(now - exec_start, 0) / _SECOND
