"""Running tasks that wait, spinning, until other CPUs have run a function (kernel/smp.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.sched.stacks import read_stacks
from crashdrive.linux.smp.calls import smp
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.sched.stacks import TaskStack
    from crashdrive.linux.survey import Survey

# csd_lock_wait() is inlined into these
_WAITING = re.compile(r"smp_call_function_(single|many_cond|many)|csd_lock_wait\w*|__csd_lock_wait")
_CALLERS = re.compile(
    r"(smp_call|on_each_cpu|kick_all_cpus|flush_tlb|native_flush_tlb|text_poke|csd_lock|__csd_lock)\w*"
)


class IpiWait(Record, frozen=True):
    """A running task that waits for other CPUs.

    ``waiting_in``: the function in which it waits, ``caller`` the first function behind the machinery.
    ``waits_for_cpus``: the CPUs, as far as calls tell that aren't done; none where the last one was just
    taken out of its queue. ``called_functions``: what these shall run. ``target_tick_seconds``: the longest
    time since a tick of these CPUs; None where no tick is due.
    """

    cpu: int | None
    pid: int | None
    comm: str | None
    waiting_in: str | None
    caller: str | None
    waits_for_cpus: tuple[int, ...]
    called_functions: tuple[str, ...]
    target_tick_seconds: float | None
    task: Address


def ipi_waits(survey: Survey) -> Iterator[IpiWait]:
    """The tasks, by CPU; on machines whose stacks are followed."""
    kernel = survey.kernel
    places = [kernel.per_cpu_address("runqueues", cpu) for cpu in kernel.cpus]
    current = survey.gaps(kernel.read_many("struct rq", places, ["curr"]), "run queues")["curr"]
    running = [task for task in current if task]
    stacks = {one.task: one for one in read_stacks(survey, tasks=running)}
    calls = [call for call in smp(survey).calls if call.waits]
    for cpu, task in zip(kernel.cpus, current, strict=True):
        one = stacks.get(task or 0)
        if one is None or (function := _waiting_in(one)) is None:
            continue
        own = [call for call in calls if call.from_cpu == cpu]
        ages = [call.target_tick_seconds for call in own if call.target_tick_seconds is not None]
        yield IpiWait(
            cpu=cpu,
            pid=one.pid,
            comm=one.comm,
            waiting_in=function,
            caller=_caller(one),
            waits_for_cpus=tuple(sorted({call.to_cpu for call in own if call.to_cpu is not None})),
            called_functions=tuple(dict.fromkeys(c.called_function for c in own if c.called_function)),
            target_tick_seconds=max(ages, default=None),
            task=one.task,
        )


def _functions(one: TaskStack) -> list[str]:
    """The task's own functions, the youngest first, without those of interrupts above them."""
    return [plain(frame.function) for frame in one.frames if frame.segment == "process" and frame.function]


def _waiting_in(one: TaskStack) -> str | None:
    """The youngest function, where it is one that waits: else it runs something on its own CPU."""
    functions = _functions(one)
    return functions[0] if functions and _WAITING.fullmatch(functions[0]) else None


def _caller(one: TaskStack) -> str | None:
    return next((name for name in _functions(one) if not _CALLERS.fullmatch(name)), None)
