"""Stacks and registers of ppc64: its unwinder, each CPU's own stacks, where a sleeping task left off.

Sources: arch/powerpc/kernel/process.c, irq.c, setup_64.c, entry_64.S (_switch); asm/paca.h, asm/ptrace.h,
asm/elf.h (elf_gregset_t).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashdrive.kernel.unwind.marked_frames import LINK, REGISTERS_AT, MarkedUnwinder, RegisterPlaces
from crashdrive.kernel.unwind.walk import Stack, Start
from crashdrive.linux.sched.stack_pointers import stack_pointers

if TYPE_CHECKING:
    from crashdrive.kernel.memory.window import Window
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

MACHINE = "21"
# the words of elf_gregset_t, which are those of struct pt_regs
WORDS = (
    *(f"r{number}" for number in range(32)),
    *("nip", "msr", "orig_gpr3", "ctr", "link", "xer", "ccr", "softe", "trap", "dar", "dsisr", "result"),
)
# what `Start` wants, by the names above
ALIASES = {"ip": "nip", "sp": "r1", "bp": "r31"}
_REGS, _PACA, _PACAS = "struct pt_regs", "struct paca_struct", "paca_ptrs"
# arrays of pointers to stacks, by CPU
_ARRAYS = (("hardirq_ctx", "irq"), ("softirq_ctx", "softirq"))
# of the paca: the ends of stacks for what must not use the task's own
_EMERGENCIES = {"emergency_sp": "emergency", "nmi_emergency_sp": "NMI", "mc_emergency_sp": "MCE"}
_FORKED = (
    *("ret_from_fork", "ret_from_fork_scv", "ret_from_kernel_thread"),
    *("ret_from_kernel_user_thread", "start_kernel_thread"),
)


class Sleeping:
    """Where a task left off that isn't running: ``thread.ksp`` points to the frame that _switch() made, and
    its caller's has the return address.
    """

    paths = ("thread.ksp",)

    def __init__(self, kernel: Machine, window: Window) -> None:
        self._window = window
        kernel.layouts.prefetch([_REGS])
        self._nip, self._size = kernel.offset(_REGS, "nip"), kernel.sizeof(_REGS)
        self._forked = {address for name in _FORKED for address in kernel.symbols.addresses(name)}

    def start(self, stack: Stack, saved: Sequence[int | None]) -> Start | str:
        """The start of the walk over a task's stack, or the reason why there is none."""
        window, sp = self._window, saved[0]
        if sp is None:
            return "its saved stack pointer can't be read"
        if sp & 7 or not stack.low <= sp <= stack.high - LINK - 8:
            return f"its saved stack pointer, {sp:#x}, is not on its stack"
        # a new task starts at its function's first byte, in a frame without a chain
        for at in REGISTERS_AT:
            nip = window.word(sp + at + self._nip) if sp + at + self._nip <= stack.high - 8 else None
            if nip in self._forked and nip is not None:
                return Start(nip, sp + at + self._size, None, exact=True)
        chain = window.word(sp)
        if chain is None:
            hole = window.hole(sp, 8)
            return f"its stack at {sp:#x} is {hole.reason if hole else 'missing'}"
        if chain & 7 or not sp < chain <= stack.high - LINK - 8:
            return f"the back chain at {sp:#x}, {chain:#x}, is not on its stack"
        ip = window.word(chain + LINK)
        return (
            f"its stack at {chain + LINK:#x} is missing"
            if ip is None
            else Start(ip, chain, None, exact=False)
        )


def marked_unwinder(survey: Survey) -> MarkedUnwinder:
    """The unwinder of a kernel."""
    kernel = survey.kernel
    kernel.layouts.prefetch([_REGS])
    lookup = kernel.symbols.lookup

    def function_of(address: int) -> int | None:
        place = lookup(address)
        return None if place is None else place.symbol.address

    names = {"nip": "nip", "msr": "msr", "sp": "gpr[1]", "link": "link"}
    places = {name: kernel.offset(_REGS, path) for name, path in names.items()}
    return MarkedUnwinder(kernel.window(), RegisterPlaces(**places, size=kernel.sizeof(_REGS)), function_of)


def cpu_stacks(survey: Survey, size: int) -> dict[int, tuple[Stack, ...]]:
    """The known stacks of each present CPU: ``irq``, ``softirq``, ``emergency``, ``NMI``, ``MCE``.

    ``size``: bytes of a task's stack, which is that of these stacks, too. A CPU whose stacks the dump doesn't
    tell is noted.
    """
    kernel = survey.kernel
    found: dict[int, list[Stack]] = {cpu: [] for cpu in kernel.cpus}
    for name, kind in _ARRAYS:
        start = kernel.symbols.address(name) if kernel.symbols.has(name) else 0
        for cpu, low in _words(survey, name, start):
            found[cpu].append(Stack(low, low + size, kind))
    for cpu, kind, high in _emergencies(survey):
        found[cpu].append(Stack(high - size, high, kind))
    return {cpu: tuple(stacks) for cpu, stacks in found.items()}


def _emergencies(survey: Survey) -> Iterator[tuple[int, str, int]]:
    """CPU, kind and end of the stacks that a paca names; ``paca_ptrs`` since 4.17 (d2e60075a3d4)."""
    kernel = survey.kernel
    if not kernel.symbols.has(_PACAS):
        return
    pacas = dict(_words(survey, _PACAS, kernel.read_pointer(kernel.symbols.address(_PACAS))))
    names = [name for name in _EMERGENCIES if kernel.has_member(_PACA, name)]
    columns = survey.gaps(kernel.read_many(_PACA, list(pacas.values()), names), "pacas")
    for cpu, row in zip(pacas, columns, strict=True):
        yield from ((cpu, _EMERGENCIES[name], high) for name, high in zip(names, row, strict=True) if high)


def _words(survey: Survey, name: str, start: int) -> Iterator[tuple[int, int]]:
    """Each present CPU's pointer in an array that begins at ``start``; none where there is no such array."""
    kernel = survey.kernel
    places = {cpu: start + kernel.pointer_size * cpu for cpu in kernel.cpus} if start else {}
    return stack_pointers(name, places, survey)
