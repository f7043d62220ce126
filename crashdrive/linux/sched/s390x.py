"""Stacks and registers of s390x: its unwinder, each CPU's own stacks, where a sleeping task left off.

Sources: arch/s390/kernel/unwind_bc.c, dumpstack.c, process.c; arch/s390/include/asm/lowcore.h, processor.h
(STACK_INIT_OFFSET), ptrace.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashdrive.kernel.unwind.back_chain import ChainUnwinder, FramePlaces
from crashdrive.kernel.unwind.walk import Stack, Start
from crashdrive.linux.lowcore import LOWCORE, MACHINE, lowcores

if TYPE_CHECKING:
    from crashdrive.kernel.memory.window import Window
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

__all__ = ["ALIASES", "MACHINE", "WORDS", "Sleeping", "chain_unwinder", "cpu_stacks"]
# the first words of s390_regs, which a note has: the PSW and the general registers; %r15 is the stack pointer
WORDS = ("psw_mask", "psw_addr", *(f"r{number}" for number in range(16)))
# what `Start` wants, by the names above
ALIASES = {"ip": "psw_addr", "sp": "r15", "bp": "r11"}
_FRAME, _REGS = "struct stack_frame", "struct pt_regs"
_LINK = 8  # %r14 in gprs[], which begins with %r6
_SP = 15
# of lowcore, and what crashdrive calls each; the restart and machine check stacks may be missing
_STACKS = {"async_stack": "irq", "nodat_stack": "nodat", "restart_stack": "restart", "mcck_stack": "mcck"}


class Sleeping:
    """Where a task left off that isn't running: ``thread.ksp`` points to the frame that __switch_to() saved
    its registers in.
    """

    paths = ("thread.ksp",)

    def __init__(self, kernel: Machine, window: Window) -> None:
        self._window, self._places = window, frame_places(kernel)
        self._forked = set(kernel.symbols.addresses("ret_from_fork"))

    def start(self, stack: Stack, saved: Sequence[int | None]) -> Start | str:
        """The start of the walk over a task's stack, or the reason why there is none."""
        window, sp, places = self._window, saved[0], self._places
        if sp is None:
            return "its saved stack pointer can't be read"
        if sp & 7 or not stack.low <= sp <= stack.high - places.frame_size:
            return f"its saved stack pointer, {sp:#x}, is not on its stack"
        ip = window.word(sp + places.link)
        if ip is None:
            hole = window.hole(sp, places.frame_size)
            return f"its stack at {sp:#x} is {hole.reason if hole else 'missing'}"
        # a new task starts at this function's first byte, which is no return address
        return Start(ip, sp, None, exact=ip in self._forked)


def frame_places(kernel: Machine) -> FramePlaces:
    """Where this kernel's frames and registers hold what a walk needs."""
    kernel.layouts.prefetch([_FRAME, _REGS])
    return FramePlaces(
        back_chain=kernel.offset(_FRAME, "back_chain"),
        link=kernel.offset(_FRAME, f"gprs[{_LINK}]"),
        frame_size=kernel.sizeof(_FRAME),
        mask=kernel.offset(_REGS, "psw.mask"),
        address=kernel.offset(_REGS, "psw.addr"),
        sp=kernel.offset(_REGS, f"gprs[{_SP}]"),
        regs_size=kernel.sizeof(_REGS),
    )


def chain_unwinder(survey: Survey) -> ChainUnwinder:
    """The unwinder of a kernel."""
    kernel = survey.kernel
    lookup = kernel.symbols.lookup
    return ChainUnwinder(kernel.window(), frame_places(kernel), lambda place: lookup(place) is not None)


def cpu_stacks(survey: Survey, size: int) -> dict[int, tuple[Stack, ...]]:
    """The known stacks of each present CPU: ``irq``, ``nodat``, ``restart``, ``mcck``.

    ``size``: bytes of a task's stack, which is that of these stacks, too; the lowcore has where on each of
    them the first frame lies. A CPU whose stacks the dump doesn't tell is noted.
    """
    kernel = survey.kernel
    found: dict[int, tuple[Stack, ...]] = dict.fromkeys(kernel.cpus, ())
    places = lowcores(survey)
    names = [name for name in _STACKS if kernel.has_member(LOWCORE, name)]
    columns = survey.gaps(kernel.read_many(LOWCORE, list(places.values()), names), "lowcores")
    above = kernel.sizeof(_FRAME) + kernel.sizeof(_REGS)
    for cpu, row in zip(places, columns, strict=True):
        tops = ((word + above, name) for name, word in zip(names, row, strict=True) if word)
        found[cpu] = tuple(Stack(top - size, top, _STACKS[name]) for top, name in tops)
    return found
