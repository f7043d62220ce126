"""What stacks and registers are on each architecture other than x86-64, whose ways are the readers' own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from crashdrive.linux.sched import arm64, ppc64, s390x

if TYPE_CHECKING:
    from crashdrive.kernel.memory.window import Window
    from crashdrive.kernel.unwind.walk import Stack, Start, Trace
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey


class StackUnwinder(Protocol):
    """Follows the stacks of one kernel, whose memory is read by ``window``."""

    @property
    def window(self) -> Window:
        """What stacks are read by."""
        ...

    def trace(self, start: Start, stacks: Sequence[Stack]) -> Trace:
        """The frames from ``start`` on over these stacks, the first of them its own; raises nothing."""
        ...


class SleepingTasks(Protocol):
    """Where tasks left off that aren't running; ``paths`` in ``struct task_struct`` tell."""

    @property
    def paths(self) -> Sequence[str]:
        """The members that `start` is given the values of."""
        ...

    def start(self, stack: Stack, saved: Sequence[int | None]) -> Start | str:
        """The start of the walk over a task's stack, or the reason why there is none."""
        ...


class Ways(NamedTuple):
    """``words``: the registers in a CPU's note, in order; ``aliases``: what readers know some of them by."""

    unwinder: Callable[[Survey], StackUnwinder]
    cpu_stacks: Callable[[Survey, int], dict[int, tuple[Stack, ...]]]
    sleeping: Callable[[Machine, Window], SleepingTasks]
    words: Sequence[str]
    aliases: Mapping[str, str]


# by ELF's number
_WAYS = {
    arm64.MACHINE: Ways(arm64.record_unwinder, arm64.cpu_stacks, arm64.Sleeping, arm64.WORDS, arm64.ALIASES),
    ppc64.MACHINE: Ways(ppc64.marked_unwinder, ppc64.cpu_stacks, ppc64.Sleeping, ppc64.WORDS, ppc64.ALIASES),
    s390x.MACHINE: Ways(s390x.chain_unwinder, s390x.cpu_stacks, s390x.Sleeping, s390x.WORDS, s390x.ALIASES),
}


def ways(kernel: Machine) -> Ways | None:
    """Those of a kernel's architecture; None for x86-64 and for architectures that aren't known here."""
    return _WAYS.get(kernel.session.identity.get("machine", ""))
