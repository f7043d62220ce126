"""Stacks and registers of arm64: its unwinder, each CPU's own stacks, where a sleeping task left off.

Sources: arch/arm64/kernel/stacktrace.c, irq.c, sdei.c; arch/arm64/include/asm/processor.h (cpu_context),
ptrace.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashdrive.kernel.unwind.frame_records import RecordUnwinder, RegisterPlaces
from crashdrive.kernel.unwind.walk import Stack, Start
from crashdrive.linux.sched.stack_pointers import stack_pointers

if TYPE_CHECKING:
    from crashdrive.kernel.memory.window import Window
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

MACHINE = "183"
# the words of struct user_pt_regs, which struct pt_regs begins with; x29 is the frame pointer
WORDS = (*(f"x{number}" for number in range(31)), "sp", "pc", "pstate")
# what `Start` wants, by the names above
ALIASES = {"ip": "pc", "bp": "x29"}
_REGS = "struct pt_regs"
# pointers to stacks with guard pages (CONFIG_VMAP_STACK), and stacks that are arrays
_POINTERS = (("irq_stack_ptr", "irq"), ("sdei_stack_normal_ptr", "sdei"), ("sdei_stack_critical_ptr", "sdei"))
_ARRAYS = (("irq_stack", "irq"), ("overflow_stack", "overflow"))
_MOST_STACK = 1 << 20


class Sleeping:
    """Where a task left off that isn't running: cpu_switch_to() keeps it in ``thread.cpu_context``."""

    paths = ("thread.cpu_context.sp", "thread.cpu_context.fp", "thread.cpu_context.pc")

    def __init__(self, _kernel: Machine, _window: Window) -> None:
        """All is in the task itself."""

    def start(self, stack: Stack, saved: Sequence[int | None]) -> Start | str:
        """The start of the walk over a task's stack, or the reason why there is none."""
        sp, fp, pc = saved
        if sp is None or fp is None or pc is None:
            return "its saved registers can't be read"
        if sp & 7 or not stack.low <= sp <= stack.high:
            return f"its saved stack pointer, {sp:#x}, is not on its stack"
        return Start(pc, sp, fp, exact=False)


def record_unwinder(survey: Survey) -> RecordUnwinder:
    """The unwinder of a kernel."""
    kernel = survey.kernel
    kernel.layouts.prefetch([_REGS, "struct task_struct"])
    lookup = kernel.symbols.lookup

    def name_of(address: int) -> str | None:
        place = lookup(address)
        return None if place is None else place.symbol.name

    places = RegisterPlaces(
        record=kernel.offset(_REGS, "stackframe"),
        sp=kernel.offset(_REGS, "sp"),
        pc=kernel.offset(_REGS, "pc"),
        pstate=kernel.offset(_REGS, "pstate"),
        size=kernel.sizeof(_REGS),
    )
    mask = kernel.session.vmcoreinfo.get("NUMBER(KERNELPACMASK)", "0x0")
    window = kernel.window()
    return RecordUnwinder(window, places, name_of, lambda place: lookup(place) is not None, _hex(mask))


def _hex(text: str) -> int:
    try:
        return int(text, 16) & (1 << 64) - 1
    except ValueError:
        return 0


def cpu_stacks(survey: Survey, size: int) -> dict[int, tuple[Stack, ...]]:
    """The known stacks of each present CPU: ``irq`` (softirqs run there, too), ``overflow``, ``sdei``.

    ``size``: bytes of a task's stack, which is that of these stacks, too. A CPU whose stacks the dump doesn't
    tell is noted.
    """
    kernel = survey.kernel
    found: dict[int, list[Stack]] = {cpu: [] for cpu in kernel.cpus}
    for name, kind in _POINTERS:
        if kernel.symbols.has(name):
            places = {cpu: kernel.per_cpu_address(name, cpu) for cpu in kernel.cpus}
            for cpu, low in stack_pointers(name, places, survey):
                found[cpu].append(Stack(low, low + size, kind))
    for name, kind in _ARRAYS:
        if kernel.symbols.has(name) and (length := _length(kernel, name)):
            for cpu in kernel.cpus:
                low = kernel.per_cpu_address(name, cpu)
                found[cpu].append(Stack(low, low + length, kind))
    return {cpu: tuple(stacks) for cpu, stacks in found.items()}


def _length(kernel: Machine, name: str) -> int:
    """Bytes of an array, by its symbol; 0 where that doesn't tell."""
    told = kernel.symbols.source.size(name) if kernel.symbols.source else None
    return told if told is not None and told <= _MOST_STACK else 0
