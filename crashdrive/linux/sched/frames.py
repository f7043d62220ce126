"""Frames of kernel stacks with function names and contexts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.kernel.unwind.walk import Frame
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from crashdrive.kernel.symbols.lookup import Symbol
    from crashdrive.linux.machine import Machine

# include/asm-generic/vmlinux.lds.h: functions marked __sched, and the code of locks
_SCHED = (("__sched_text_start", "__sched_text_end"), ("__lock_text_start", "__lock_text_end"))
_SOFTIRQ = frozenset({"handle_softirqs", "__do_softirq"})  # renamed in 6.10 (1fd0c0bf3a6b)
# entry points of interrupts and exceptions: arch/x86/include/asm/idtentry.h, and names from before 5.8
_NMI = re.compile(r"(asm_)?exc_nmi|nmi|end_repeat_nmi|first_nmi")
_INTERRUPT = re.compile(
    r"asm_(sysvec_\w+|common_interrupt|spurious_interrupt)|common_interrupt|apic_timer_interrupt|ret_from_intr"
    r"|(reschedule|call_function|call_function_single|irq_work)_interrupt|reboot_interrupt|interrupt_entry"
)
_EXCEPTION = re.compile(
    r"asm_exc_\w+|(async_)?page_fault|general_protection|invalid_op|divide_error|double_fault|stack_segment|int3"
    r"|debug|machine_check|paranoid_entry|error_entry"
)
_SYSTEM_CALL = re.compile(r"__(?:x64|ia32|ia32_compat|se)_sys_(\w+)")
_OF_STACKS = {"irq": "irq", "NMI": "nmi", "entry": "process"}


class StackFrame(Record, frozen=True):
    """A frame: a function on a stack that hasn't returned.

    ``level``: 0 is the youngest. ``address``: the return address of its call, or where it was interrupted;
    ``sp``: the stack pointer there (crash's bt has the address of the word below it in brackets).
    ``function`` is None where no symbol tells it; ``offset``: bytes from its start to ``address``.
    ``segment``: ``user``, ``process``, ``softirq``, ``irq``, ``exception`` or ``nmi``. ``sure`` is False
    where the frame may be stale or wrong; ``doubt`` says why. ``pt_regs``: address of the structure with all
    of this frame's registers, where it was interrupted.
    """

    level: int
    sp: Address
    function: str | None
    offset: int | None
    address: Address
    module: str | None
    segment: str
    sure: bool
    doubt: str | None
    pt_regs: Address | None


class _Name(NamedTuple):
    function: str | None
    offset: int | None
    module: str | None


_USER = _Name(None, None, None)


class Names:
    """Names addresses of code, each looked up once."""

    def __init__(self, kernel: Machine) -> None:
        self._symbols = kernel.symbols
        self._known: dict[tuple[int, bool], _Name] = {}
        has, address = kernel.symbols.has, kernel.symbols.address
        kernel.symbols.prefetch([name for pair in _SCHED for name in pair])
        self._sched = [(address(low), address(high)) for low, high in _SCHED if has(low) and has(high)]

    def frames(self, found: Sequence[Frame]) -> tuple[StackFrame, ...]:
        """Frames as records, in their order, the youngest first."""
        names = [_USER if frame.stack == "user" else self._name(frame) for frame in found]
        parts = _segments(found, names)
        return tuple(
            StackFrame(
                level=level,
                sp=frame.sp,
                function=name.function,
                offset=name.offset,
                address=frame.address,
                module=name.module,
                segment=segment,
                sure=frame.doubt is None,
                doubt=frame.doubt,
                pt_regs=frame.registers or None,
            )
            for level, (frame, name, segment) in enumerate(zip(found, names, parts, strict=True))
        )

    def _name(self, frame: Frame) -> _Name:
        key = frame.address, frame.exact
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = self._look_up(*key)
        return name

    def _look_up(self, address: int, exact: bool) -> _Name:  # noqa: FBT001 - as in the key
        """The function of the call instruction: the return address of a call that never returns may be in the
        next one.
        """
        place = self._symbols.lookup(address if exact else address - 1)
        if place is None:
            return _USER
        return _Name(self._plain(place.symbol), address - place.symbol.address, place.module)

    def _plain(self, symbol: Symbol) -> str:
        """A symbol's name; for a system call, that of kallsyms, not those of the system call tables.

        All names of a call without arguments are one function (SYSCALL_DEFINE0,
        arch/x86/include/asm/syscall_wrapper.h).
        """
        call = _SYSTEM_CALL.fullmatch(symbol.name)
        name = f"__do_sys_{call[1]}" if call else ""
        return name if name and symbol.address in self._symbols.addresses(name) else symbol.name

    def wait_channel(self, frames: Iterable[StackFrame]) -> str | None:
        """The first function that is no part of the scheduler, as get_wchan() has it."""
        return next((frame.function for frame in frames if not self._is_sched(frame.address)), None)

    def _is_sched(self, address: int) -> bool:
        return any(low <= address < high for low, high in self._sched)


def _segments(frames: Sequence[Frame], names: Sequence[_Name]) -> list[str]:
    """The segment of each frame: that of its caller, unless an entry point begins a new one."""
    return list(_from_oldest(frames, names))[::-1]


def _from_oldest(frames: Sequence[Frame], names: Sequence[_Name]) -> Iterator[str]:
    segment = "process"
    for frame, name in zip(reversed(frames), reversed(names), strict=True):
        if frame.stack == "user":
            yield "user"
            continue
        segment = _entered(name.function or "") or segment
        if segment == "process" and frame.stack != "task":
            segment = _OF_STACKS.get(frame.stack, "exception")
        yield segment


def _entered(function: str) -> str | None:
    """The segment that begins with a function, if one does."""
    if function in _SOFTIRQ:
        return "softirq"
    for segment, names in (("nmi", _NMI), ("irq", _INTERRUPT), ("exception", _EXCEPTION)):
        if names.fullmatch(function):
            return segment
    return None
