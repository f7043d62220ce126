"""Calls between CPUs that aren't done: who called, for which CPU, whether it waits (kernel/smp.c).

smp_call_function_many() has a call for each pair of CPUs (``cfd_data``), smp_call_function_single() one of
each CPU (``csd_data``), or, where it waits, one on its stack: that it is one tells who waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.clock import clock
from crashdrive.linux.sched.cpu_stacks import thread_size
from crashdrive.linux.sched.ticks import ticks
from crashdrive.linux.smp.queues import CALL, FIELDS, Kinds, Queued, kinds, own_works, queued
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import functions
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_MANY, _TASK = "struct call_function_data", "struct task_struct"
_OF_TASK = {"pid": ("pid",), "comm": ("comm",), "stack": ("stack",)}
_SECOND = 1_000_000_000


class CpuCall(Record, frozen=True):
    """A call (or wakeup, or IRQ work) that a CPU shall run and hasn't.

    ``to_cpu``: the CPU that shall run it, None where only the caller is known; ``from_cpu``: the CPU that
    called, None where nothing tells. ``call_kind``: ``call``, ``wakeup``, ``IRQ work``, ``own IRQ work``
    (raised by the CPU for itself), ``lazy IRQ work`` (waits for the tick). ``called_function``: what shall be
    run there; of a wakeup ``woken_pid`` is the task. ``call_state``: ``queued``, or ``taken``: no longer
    queued, and not done. ``waits``: the caller waits until it is done; ``pid`` and ``comm``: the task that
    ran on the calling CPU. ``target_tick_seconds``: since the last tick of ``to_cpu``: it has had its
    interrupts off for about so long; None where its tick is stopped, as it is idle.
    """

    from_cpu: int | None
    to_cpu: int | None
    call_kind: str | None
    called_function: str | None
    woken_pid: int | None
    call_state: str
    waits: bool | None
    pid: int | None
    comm: str | None
    target_tick_seconds: float | None
    call_address: Address


class SmpCpu(Record, frozen=True):
    """A CPU: ``queued_calls`` in its queue; ``waits_for_cpus``: those whose answers it waits for.

    ``waited_for_by``: CPUs that wait for it. ``pid``, ``comm``: its running task.
    ``target_tick_seconds``: as in `CpuCall`.
    """

    cpu: int
    pid: int | None
    comm: str | None
    queued_calls: int
    waits_for_cpus: tuple[int, ...]
    waited_for_by: tuple[int, ...]
    target_tick_seconds: float | None


class Smp(NamedTuple):
    """CPUs, and the calls that they shall run for each other."""

    cpus: list[SmpCpu]
    calls: list[CpuCall]


class _Caller(NamedTuple):
    """A call's address, the CPU whose it is, and its members."""

    cpu: int
    to: int | None
    flags: int | None
    function: int | None
    place: int


class _Running(NamedTuple):
    """The task that ran on a CPU, and where its stack begins."""

    pid: int | None
    comm: str | None
    stack: int | None


def smp(survey: Survey) -> Smp:
    """All CPUs and calls; none on kernels without SMP."""
    if not survey.kernel.symbols.has("call_single_queue"):
        survey.absent("SMP")
        return Smp([], [])
    bits = kinds(survey)
    entries = queued(survey, bits)
    tasks = _running(survey)
    ages = next(iter(survey.attempt("ticks", lambda: [_ages(survey)])), {})
    calls = [*_calls(survey, bits, entries, tasks, ages), *_own(survey, tasks, ages)]
    cpus = [_cpu(cpu, tasks[cpu], entries, calls, ages.get(cpu)) for cpu in survey.kernel.cpus]
    return Smp(cpus, calls)


def _cpu(cpu: int, task: _Running, entries: list[Queued], calls: list[CpuCall], age: float | None) -> SmpCpu:
    waiting = [call for call in calls if call.waits]
    return SmpCpu(
        cpu=cpu,
        pid=task.pid,
        comm=task.comm,
        queued_calls=sum(entry.cpu == cpu for entry in entries),
        waits_for_cpus=_numbers(call.to_cpu for call in waiting if call.from_cpu == cpu),
        waited_for_by=_numbers(call.from_cpu for call in waiting if call.to_cpu == cpu),
        target_tick_seconds=age,
    )


def _numbers(cpus: Iterator[int | None]) -> tuple[int, ...]:
    return tuple(sorted({cpu for cpu in cpus if cpu is not None}))


def _calls(
    survey: Survey,
    bits: Kinds,
    entries: list[Queued],
    tasks: Mapping[int, _Running],
    ages: Mapping[int, float | None],
) -> Iterator[CpuCall]:
    """Queued calls, then those that were taken out of a queue and are locked."""
    known = {caller.place: caller for caller in (*_many(survey, bits), *_single(survey, bits))}
    size, there = thread_size(survey.kernel), {entry.place for entry in entries}
    taken = [caller for caller in known.values() if caller.place not in there]
    names = functions(survey.kernel, [*(one.function for one in entries), *(one.function for one in taken)])
    taken = list(_of_functions(survey, names, taken))
    woken = _pids(survey, [entry.task for entry in entries if entry.task])
    for entry in entries:
        caller = known.get(entry.place)
        source = caller.cpu if caller else _on_stack(entry.place, tasks, size)
        task = None if source is None else tasks.get(source)
        yield CpuCall(
            from_cpu=source,
            to_cpu=entry.cpu,
            call_kind=entry.kind,
            called_function=names[entry.function],
            woken_pid=woken.get(entry.task or 0),
            call_state="queued",
            waits=None if entry.flags is None else entry.kind == "call" and bits.waits(entry.flags),
            pid=task.pid if task else None,
            comm=task.comm if task else None,
            target_tick_seconds=ages.get(entry.cpu),
            call_address=entry.place,
        )
    for caller in taken:
        task = tasks.get(caller.cpu)
        yield CpuCall(
            from_cpu=caller.cpu,
            to_cpu=caller.to,
            call_kind="call",
            called_function=names[caller.function],
            woken_pid=None,
            call_state="taken",
            waits=bits.waits(caller.flags),
            pid=task.pid if task else None,
            comm=task.comm if task else None,
            target_tick_seconds=None if caller.to is None else ages.get(caller.to),
            call_address=caller.place,
        )


def _of_functions(
    survey: Survey, names: Mapping[int | None, str | None], taken: Sequence[_Caller]
) -> Iterator[_Caller]:
    """Locked calls of functions; others are noted: they are no calls, as memory is damaged."""
    for caller in taken:
        if caller.function is None or names[caller.function] not in {None, f"{caller.function:#x}"}:
            yield caller
        else:
            message = f"call {caller.place:#x}: {caller.function:#x} is no known function"
            survey.miss([Notice(kind="damaged", message=message)])


def _own(
    survey: Survey, tasks: Mapping[int, _Running], ages: Mapping[int, float | None]
) -> Iterator[CpuCall]:
    found = list(own_works(survey))
    names = functions(survey.kernel, [function for _, _, function, _ in found])
    for cpu, word, function, place in found:
        yield CpuCall(
            from_cpu=cpu,
            to_cpu=cpu,
            call_kind="own IRQ work" if word == "raised" else "lazy IRQ work",
            called_function=names[function],
            woken_pid=None,
            call_state="queued",
            waits=False,
            pid=tasks[cpu].pid,
            comm=tasks[cpu].comm,
            target_tick_seconds=ages.get(cpu),
            call_address=place,
        )


def _on_stack(place: int, tasks: Mapping[int, _Running], size: int) -> int | None:
    """The CPU on whose running task's stack a call lies."""
    return next(
        (cpu for cpu, one in tasks.items() if one.stack and one.stack <= place < one.stack + size), None
    )


def _many(survey: Survey, bits: Kinds) -> Iterator[_Caller]:
    """The calls of ``cfd_data`` that aren't done: each CPU has one for each other CPU."""
    kernel, cpus = survey.kernel, survey.kernel.cpus
    if not kernel.symbols.has("cfd_data"):
        return
    # struct cfd_percpu from 5.14 to 6.3 (de7b09ef658d, 1139aeb1c521)
    path = kernel.path(_MANY, "csd", "pcpu")
    shift = kernel.offset("struct cfd_percpu", "csd") if path == "pcpu" else 0
    own = [kernel.per_cpu_address("cfd_data", cpu) for cpu in cpus]
    pointers = survey.gaps(kernel.read_many(_MANY, own, [path]), "calls of many CPUs")[path]
    # a CPU that never was on line has none
    pairs = [
        (cpu, to, kernel.per_cpu_address(pointer, to) + shift)
        for cpu, pointer in zip(cpus, pointers, strict=True)
        if pointer
        for to in cpus
    ]
    yield from _locked(survey, bits, pairs)


def _single(survey: Survey, bits: Kinds) -> Iterator[_Caller]:
    """The calls of ``csd_data`` that aren't done: each CPU has one for a call that it doesn't wait for."""
    kernel = survey.kernel
    if kernel.symbols.has("csd_data"):
        places = [(cpu, None, kernel.per_cpu_address("csd_data", cpu)) for cpu in kernel.cpus]
        yield from _locked(survey, bits, places)


def _locked(survey: Survey, bits: Kinds, pairs: Sequence[tuple[int, int | None, int]]) -> Iterator[_Caller]:
    """The locked calls; calls in a queue are locked, too. Given one by one: thousands of CPUs have millions
    of pairs.
    """
    fields = Fields(survey.kernel, CALL, FIELDS, ("flags", "function"))
    columns = survey.read(fields, [place for *_, place in pairs], "calls of CPUs")
    for (cpu, to, place), flags, function in zip(pairs, columns["flags"], columns["function"], strict=True):
        if flags is not None and flags & bits.lock:
            yield _Caller(cpu, to, flags, function, place)


def _running(survey: Survey) -> dict[int, _Running]:
    """The running task of each CPU."""
    kernel, cpus = survey.kernel, survey.kernel.cpus
    places = [kernel.per_cpu_address("runqueues", cpu) for cpu in cpus]
    current = survey.gaps(kernel.read_many("struct rq", places, ["curr"]), "run queues")["curr"]
    there = [task for task in current if task]
    fields = Fields(kernel, _TASK, _OF_TASK, _OF_TASK)
    rows: dict[int, dict[str, Any]] = dict(survey.addressed(fields, there, "running tasks"))
    nothing: dict[str, Any] = dict.fromkeys(_OF_TASK)
    return {cpu: _Running(**rows.get(task or 0, nothing)) for cpu, task in zip(cpus, current, strict=True)}


def _ages(survey: Survey) -> dict[int, float | None]:
    """Seconds since the last tick of each CPU; None where the tick is stopped, or unknown."""
    now = round(clock(survey).monotonic * _SECOND)
    return {
        cpu: None if tick.last is None or tick.stopped else max(0, now - tick.last) / _SECOND
        for cpu, tick in ticks(survey).items()
    }


def _pids(survey: Survey, tasks: list[int]) -> dict[int, int | None]:
    column = survey.gaps(survey.kernel.read_many(_TASK, tasks, ["pid"]), "tasks to wake up")["pid"]
    return dict(zip(tasks, column, strict=True))
