"""Kernel stacks of all tasks, unwound here, also of tasks that crash doesn't know.

On x86-64, arm64, ppc64, s390x.

::

    for stack in stacks(crash.kernel):
        print(stack.pid, stack.comm, stack.state, stack.wait_channel)
        for frame in stack.frames:
            print(frame.level, frame.segment, frame.function, frame.doubt or "")

The stack of a sleeping task begins where its ``thread.sp`` points, that of a running one at the registers of
its CPU: those before the NMI that stopped it, or those of the exception that the kernel died of. All stacks
are fetched together: some twenty round trips for any number of tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.kernel.unwind.walk import Stack, Start, Trace
from crashdrive.linux.sched.cpu_stacks import thread_size
from crashdrive.linux.sched.frames import Names, StackFrame
from crashdrive.linux.sched.machines import ways
from crashdrive.linux.sched.running import Queues
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.sched.tasks import Task, read_tasks
from crashdrive.linux.sched.unwinding import unwinder
from crashdrive.linux.survey import Reading, Survey
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from crashdrive.kernel.memory.window import Window
    from crashdrive.linux.machine import Machine

_TASK, _RQ, _INACTIVE = "struct task_struct", "struct rq", "struct inactive_task_frame"
_BATCH = 2048  # tasks whose stacks are held at once
# 3aec4ecb3d1f (6.6) made ret_from_fork a function and this its caller
_FORKED = ("ret_from_fork_asm", "ret_from_fork")


class TaskStack(Record, frozen=True):
    """The kernel stack of a task, ``frames`` from the youngest on.

    ``state`` is crash's two letters, ``state_letter`` the kernel's; ``running``: it was on its CPU.
    ``wait_channel``: the function in which a sleeping task waits, as in /proc/PID/wchan: the first one
    outside the scheduler. ``off_cpu``: seconds since it last ran (how long a blocked task has been blocked),
    None for a running one. ``ending``: ``user`` (the last frame is in user space), ``end`` (a kernel thread's
    first function), ``none`` (it has no stack, as a zombie) or ``lost``. ``complete`` is False where the end
    wasn't reached, or only by guessing; ``reason`` says why.
    """

    pid: int | None
    tgid: int | None
    cpu: int | None
    task: Address
    state: str | None
    state_letter: str | None
    comm: str | None
    running: bool
    wait_channel: str | None
    off_cpu: float | None
    ending: str
    reason: str | None
    complete: bool
    frames: tuple[StackFrame, ...]


def stacks(
    kernel: Machine,
    *,
    wanted: Callable[[Task], bool] | None = None,
    tasks: Sequence[int] | None = None,
) -> Reading[TaskStack]:
    """The stacks of all tasks, swappers first; or only of those that ``wanted`` accepts, or at these
    addresses.

    ``complete``: all tasks were found, and all stacks followed to their ends. KernelError on machines other
    than x86-64, arm64, ppc64 and s390x.
    """
    survey = Survey(kernel)
    rows = read_stacks(survey, wanted=wanted, tasks=tasks)
    return Reading(rows=tuple(rows), complete=survey.complete, notices=tuple(survey.notices))


def read_stacks(
    survey: Survey,
    *,
    wanted: Callable[[Task], bool] | None = None,
    tasks: Sequence[int] | None = None,
) -> list[TaskStack]:
    """The stacks, gaps noted in a survey."""
    reader = _Reader(survey)
    if tasks is None:
        found = for_each_task(survey.kernel, idle=True)
        survey.walked(found, "tasks")
        tasks = found.addresses
    rows = list(reader.read(tasks, wanted))
    if cut := [row for row in rows if not row.complete]:
        first = f"{len(cut)} can't be followed for sure, first that of pid {cut[0].pid} ({cut[0].reason})"
        survey.miss([Notice(kind="lost", message=f"stacks: {first}")])
    return rows


class _Place(NamedTuple):
    """A task, the base of its stack, when it last ran, its saved stack pointer and other registers."""

    task: Task
    stack: int | None
    exec_start: int | None
    sp: int | None
    others: tuple[int | None, ...] = ()


class _Reader:
    """Reads stacks of one kernel; run queues and unwind tables are read once."""

    def __init__(self, survey: Survey) -> None:
        self.survey, self.kernel = survey, survey.kernel
        self.kernel.layouts.prefetch([_TASK, _RQ])
        self.unwinder = unwinder(survey)
        self.size = thread_size(self.kernel)
        self.names = Names(self.kernel)
        self.queues = Queues(survey)
        own = ways(self.kernel)
        self._sleeping = (_Inactive if own is None else own.sleeping)(self.kernel, self.unwinder.window)

    def read(self, tasks: Sequence[int], wanted: Callable[[Task], bool] | None) -> Iterator[TaskStack]:
        """The stacks, in the order of the tasks."""
        places = [place for place in self._places(tasks) if wanted is None or wanted(place.task)]
        for first in range(0, len(places), _BATCH):
            batch = places[first : first + _BATCH]
            self._bring(batch)
            yield from map(self._stack, batch)
            self.unwinder.window.drop()

    def _places(self, tasks: Sequence[int]) -> Iterator[_Place]:
        paths = ["stack", "se.exec_start", *self._sleeping.paths]
        records, columns = read_tasks(self.kernel, tasks, paths)
        self.survey.gaps(columns, "tasks")
        for task, stack, exec_start, sp, *others in zip(
            records, *(columns[path] for path in paths), strict=True
        ):
            yield _Place(task, stack, exec_start, sp, tuple(others))

    def _bring(self, places: Sequence[_Place]) -> None:
        """Fetch the used parts of these stacks, in one round trip."""
        ranges: list[tuple[int, int]] = []
        for place in places:
            if place.stack and (sp := self._sp(place)) is not None:
                low, high = place.stack, place.stack + self.size
                start = sp if low <= sp < high else low
                ranges.append((start, high - start))
        self.unwinder.window.fetch(ranges)

    def _sp(self, place: _Place) -> int | None:
        cpu = self.queues.running.get(place.task.task)
        return place.sp if cpu is None else self.queues.registers.get(cpu, {}).get("sp")

    def _stack(self, place: _Place) -> TaskStack:
        task = place.task
        cpu = self.queues.running.get(task.task)
        trace = self._trace(place, cpu)
        frames = self.names.frames(trace.frames)
        return TaskStack(
            pid=task.pid,
            tgid=task.tgid,
            cpu=task.cpu if cpu is None else cpu,
            task=task.task,
            state=task.state,
            state_letter=task.state_letter,
            comm=task.comm,
            running=cpu is not None,
            wait_channel=self.names.wait_channel(frames) if cpu is None and task.state != "RU" else None,
            off_cpu=self.queues.since(task.cpu, place.exec_start) if cpu is None and task.pid else None,
            ending=trace.ending,
            reason=trace.reason,
            complete=trace.ending == "none" or trace.reason is None,
            frames=frames,
        )

    def _trace(self, place: _Place, cpu: int | None) -> Trace:
        if place.stack is None:
            return Trace((), "lost", "where its stack lies can't be read")
        if not place.stack:
            return Trace((), "none", "its stack was released")
        own = Stack(place.stack, place.stack + self.size, "task")
        if cpu is not None:
            return self._running(own, cpu)
        start = self._sleeping.start(own, (place.sp, *place.others))
        return self.unwinder.trace(start, (own,)) if isinstance(start, Start) else Trace((), "lost", start)

    def _running(self, own: Stack, cpu: int) -> Trace:
        registers = self.queues.registers.get(cpu)
        if registers is None:
            return Trace((), "lost", f"it ran, and the dump has no registers of CPU {cpu}")
        others = self.queues.stacks.get(cpu, ())
        start = Start(registers["ip"], registers["sp"], registers["bp"], exact=True, registers=registers)
        return self.unwinder.trace(start, (own, *others))


class _Inactive:
    """The registers that __switch_to_asm() leaves on the stack of a task that isn't running
    (inactive_task_frame).
    """

    paths = ("thread.sp",)

    def __init__(self, kernel: Machine, window: Window) -> None:
        self._window = window
        self._size = kernel.sizeof(_INACTIVE)
        self._places = [kernel.offset(_INACTIVE, name) for name in ("ret_addr", "bp")]
        symbols = kernel.symbols
        symbols.prefetch(_FORKED)
        self._forked = {address for name in _FORKED for address in symbols.addresses(name)}

    def start(self, stack: Stack, saved: Sequence[int | None]) -> Start | str:
        """The start of the walk over a task's stack, or the reason why there is none."""
        window, sp = self._window, saved[0]
        if sp is None:
            return "its saved stack pointer can't be read"
        if sp & 7 or not stack.low <= sp <= stack.high - self._size:
            return f"its saved stack pointer, {sp:#x}, is not on its stack"
        ip, bp = (window.word(sp + place) for place in self._places)
        if ip is None:
            hole = window.hole(sp, self._size)
            return f"its stack at {sp:#x} is {hole.reason if hole else 'missing'}"
        # a new task starts at this function's first byte, which is no return address
        return Start(ip, sp + self._size, bp, exact=ip in self._forked)
