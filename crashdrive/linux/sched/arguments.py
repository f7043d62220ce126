"""Values of parameters and variables of the functions on a stack, where registers or memory have them.

A called function keeps the callee-saved registers (``rbx rbp r12`` to ``r15``), or saves them on its stack,
as the debug data's call frames tell. A caller's other registers are lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from crashdrive.kernel.debuginfo.places import REGISTERS, CodePlace, Variable
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.sched.frames import StackFrame

_KEPT = frozenset({"rbx", "rbp", "r12", "r13", "r14", "r15"})
_REGS, _INACTIVE = "struct pt_regs", "struct inactive_task_frame"


class Argument(Record, frozen=True):
    """A parameter or variable of a frame.

    ``place``: the register that holds it, ``stack``, ``constant`` or ``computed``; None where it is optimized
    out there (``value`` is None). ``inlined``: the inlined function that it belongs to.
    """

    level: int
    function: str | None
    name: str
    type: str
    is_parameter: bool
    value: Address | None
    place: str | None
    inlined: str | None


class FrameRegisters:
    """The known registers of each frame of a stack."""

    def __init__(self, kernel: Machine, first: Mapping[str, int]) -> None:
        self._kernel = kernel
        self._window = kernel.window()
        self._first = first

    def read(self, address: int, size: int) -> int | None:
        """A number in memory; None where the dump lacks it."""
        if not 0 < size <= 8:
            return None
        self._window.fetch([(address, size)])
        raw = self._window.bytes(address, size)
        return int.from_bytes(raw, "little") if raw else None

    def of(
        self, frames: Sequence[StackFrame], saved: Sequence[Mapping[str, int]]
    ) -> Iterator[tuple[dict[str, int], int | None]]:
        """Registers and frame address (CFA) of each frame; ``saved``: offsets of saved registers from it."""
        known = dict(self._first)
        callers = (*frames[1:], None) if frames else ()
        for frame, following, places in zip(frames, callers, saved, strict=True):
            if frame.pt_regs is not None:
                known = self._interrupted(int(frame.pt_regs))
            known |= {"rsp": frame.sp, "rip": frame.address}
            called = following is not None and following.pt_regs is None and following.segment != "user"
            cfa = int(following.sp) if called and following is not None else None
            yield dict(known), cfa
            known = self._callers(known, cfa, places)

    def _callers(
        self, known: Mapping[str, int], cfa: int | None, places: Mapping[str, int]
    ) -> dict[str, int]:
        if cfa is None:
            return {}
        found = {name: value for name, value in known.items() if name in _KEPT and name not in places}
        for name, distance in places.items():
            value = self.read(cfa + distance, 8)
            if value is not None:
                found[name] = value
        return found

    def _interrupted(self, place: int) -> dict[str, int]:
        found = {}
        for name in REGISTERS:
            member = name.removeprefix("r") if not name[1:].isdigit() else name
            value = self.read(place + self._kernel.offset(_REGS, member), 8)
            if value is not None:
                found[name] = value
        return found


def asleep(kernel: Machine, sp: int, read: FrameRegisters) -> dict[str, int]:
    """The registers that a task that isn't running has saved on its stack, right below its first frame."""
    size = kernel.sizeof(_INACTIVE)
    names = {"rbx": "bx", "rbp": "bp", **{name: name for name in ("r12", "r13", "r14", "r15")}}
    found = {
        name: read.read(sp - size + kernel.offset(_INACTIVE, member), 8) for name, member in names.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def arguments(
    frame: StackFrame,
    place: CodePlace | None,
    registers: Mapping[str, int],
    cfa: int | None,
    read: FrameRegisters,
) -> Iterator[Argument]:
    """The parameters of a frame, and its variables that have a place; those of inlined functions last."""
    for variable in place.variables if place else ():
        value = variable.value(registers, cfa, read.read)
        if value is None and not (variable.parameter and variable.inlined is None):
            continue
        yield Argument(
            level=frame.level,
            function=frame.function,
            name=variable.name,
            type=variable.type,
            is_parameter=variable.parameter,
            value=value,
            place=_place(variable) if value is not None else None,
            inlined=variable.inlined,
        )


def _place(variable: Variable) -> str:
    if variable.register:
        return variable.register
    expression = variable.expression
    if expression is None:
        return "constant"
    if expression[0] == 0x91 and expression[-1] != 0x9F:
        return "stack"
    return "computed"
