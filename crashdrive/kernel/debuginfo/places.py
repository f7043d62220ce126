"""What debug data says of a place in the code: function, inlined calls, line, variables and their places."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo import types
from crashdrive.kernel.debuginfo.entries import Entry, Unit, UnknownFormError, signed, unsigned
from crashdrive.kernel.debuginfo.line_table import Line, LineTable
from crashdrive.kernel.debuginfo.lists import holds, location, ranges
from crashdrive.kernel.debuginfo.saved import SavedRegisters
from crashdrive.kernel.debuginfo.sections import Sections

# DWARF's numbers on x86-64
REGISTERS = (
    *("rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"), *(f"r{n}" for n in range(8, 16)), "rip",
)  # fmt: skip
_MASK = (1 << 64) - 1
# what damage leads to; a section that is compressed is a VmlinuxError
_DAMAGE = (
    UnknownFormError,
    VmlinuxError,
    struct.error,
    LookupError,
    ValueError,
    OverflowError,
    RecursionError,
)
Read = Callable[[int, int], int | None]


class Call(NamedTuple):
    """A function that was inlined, and the line of its caller that calls it."""

    function: str
    line: Line | None


class Variable(NamedTuple):
    """A parameter or local variable: its type as C spells it, and the expression of its place then.

    ``register``: the one that holds it, where just one does. ``inlined``: of which inlined function.
    """

    name: str
    type: str
    parameter: bool
    inlined: str | None
    register: str | None
    expression: bytes | None
    entry: Entry
    unit: Unit

    def value(self, registers: Mapping[str, int], cfa: int | None, read: Read) -> int | None:
        """Its value, where what is known tells; ``read`` gives a number of so many bytes from memory."""
        if self.expression is None:
            constant = self.entry.attributes.get(e.CONST_VALUE)
            return constant & _MASK if isinstance(constant, int) else None
        size = self._size
        try:
            return _evaluated(self.expression, registers, cfa, read, size)
        except _DAMAGE:
            return None

    @property
    def _size(self) -> int:
        kind = types.bare(self.unit, types.type_of(self.unit, self.entry))
        if kind is None or kind.tag in {e.STRUCT, e.UNION, e.ARRAY}:
            return 0
        return 8 if kind.tag == e.POINTER else min(kind.number(e.SIZE) or 0, 8)

    def member(self, distance: int) -> tuple[str, str] | None:
        """The structure that it points to, and its member at a distance."""
        kind = types.pointee(self.unit, types.type_of(self.unit, self.entry))
        if kind is None:
            return None
        name = types.member_at(self.unit, kind, distance)
        return (types.spelled(self.unit, kind), name) if name else None


class CodePlace(NamedTuple):
    """A place: the function's name, calls inlined there (the outermost first), its line, what is in reach."""

    function: str
    calls: tuple[Call, ...]
    line: Line | None
    variables: tuple[Variable, ...]


class DebugInfo:
    """The debug data of an image or of a module; VmlinuxError where there is none that can be read."""

    def __init__(self, path: str | Path) -> None:
        self.sections = Sections(path)
        self._units: dict[int, Unit] = {}
        try:
            found = len(self.sections.get(".debug_info"))
        except _DAMAGE as error:
            raise VmlinuxError(f"{str(path)!a}: its debug data is damaged: {error}") from error
        if not found:
            raise VmlinuxError(f"{str(path)!a}: no debug data")

    @cached_property
    def saved(self) -> SavedRegisters:
        """Where functions save registers; nowhere where that is damaged."""
        try:
            return SavedRegisters(self.sections.get(".debug_frame"))
        except _DAMAGE:
            return SavedRegisters(b"")

    def place(self, address: int) -> CodePlace | None:
        """What is known of an instruction, by the address that it is linked for; None where nothing is."""
        try:
            return self._place(address)
        except _DAMAGE:
            return None

    def _place(self, address: int) -> CodePlace | None:
        offset = self._unit_offset(address)
        if offset is None:
            return None
        unit = self._unit(offset)
        for entry in unit.at_top(e.SUBPROGRAM):
            if (e.LOW in entry.attributes or e.RANGES in entry.attributes) and holds(unit, entry, address):
                return self._in(unit, entry, address)
        return None

    def _unit(self, offset: int) -> Unit:
        if offset not in self._units:
            self._units[offset] = Unit(self.sections, offset)
        return self._units[offset]

    def _in(self, unit: Unit, entry: Entry, address: int) -> CodePlace:
        table = self._lines(unit)
        calls: list[Call] = []
        found: list[Variable] = []
        self._descend(unit, entry, address, None, table, calls, found)
        line = table.find(address) if table else None
        return CodePlace(_name(unit, entry), tuple(calls), line, tuple(found))

    def _lines(self, unit: Unit) -> LineTable | None:
        place = unit.head.number(e.STATEMENTS)
        return LineTable(self.sections, place) if place is not None else None

    def _descend(
        self,
        unit: Unit,
        entry: Entry,
        address: int,
        inlined: str | None,
        table: LineTable | None,
        calls: list[Call],
        found: list[Variable],
    ) -> None:
        """The variables of a scope, then of the scopes in it that an address lies in."""
        inner: list[Entry] = []
        for child in unit.children(entry):
            if child.tag in {e.PARAMETER, e.VARIABLE}:
                if (variable := _variable(unit, child, address, inlined)) is not None:
                    found.append(variable)
            elif child.tag in {e.INLINED, e.BLOCK} and holds(unit, child, address):
                inner.append(child)
        for child in inner:
            name = inlined
            if child.tag == e.INLINED:
                name = _name(unit, child)
                file, line = child.number(e.CALL_FILE), child.number(e.CALL_LINE)
                told = (
                    Line(table.file(file), line) if table and file is not None and line is not None else None
                )
                calls.append(Call(name, told))
            self._descend(unit, child, address, name, table, calls, found)

    def _unit_offset(self, address: int) -> int | None:
        for low, high, offset in self._ranges:
            if low <= address < high:
                return offset
        return None

    @cached_property
    def _ranges(self) -> list[tuple[int, int, int]]:
        """The addresses of all units, by ``.debug_aranges``; of a module by the units themselves."""
        data = self.sections.get(".debug_aranges")
        found = list(_aranges(data)) if len(data) else []
        return found or list(self._of_units())

    def _of_units(self) -> Iterator[tuple[int, int, int]]:
        data, at = self.sections.get(".debug_info"), 0
        while at + 11 < len(data):
            unit = self._unit(at)
            for low, high in ranges(unit, unit.head):
                yield low, high, at
            at = unit.end


def _aranges(data: bytes | memoryview) -> Iterator[tuple[int, int, int]]:
    at = 0
    while at + 12 <= len(data):
        length, version, offset, size, _ = struct.unpack_from("<IHIBB", data, at)
        end = at + 4 + length
        if length >= 0xFFFF_FFF0 or version != 2 or size != 8 or end > len(data):
            return
        place = at + 16
        while place + 16 <= end:
            low, length = struct.unpack_from("<QQ", data, place)
            if length:
                yield low, low + length, offset
            place += 16
        at = end


def _name(unit: Unit, entry: Entry) -> str:
    for _ in range(8):
        name = entry.attributes.get(e.NAME)
        if name is not None:
            return str(name)
        place = entry.number(e.ORIGIN) or entry.number(e.SPECIFICATION)
        if place is None:
            break
        entry = unit.entry(place)
    return "?"


def _origin(unit: Unit, entry: Entry) -> Entry:
    place = entry.number(e.ORIGIN)
    return unit.entry(place) if place is not None and e.TYPE not in entry.attributes else entry


def _variable(unit: Unit, entry: Entry, address: int, inlined: str | None) -> Variable | None:
    own = _origin(unit, entry)
    name = own.attributes.get(e.NAME)
    if not isinstance(name, str):
        return None
    expression = location(unit, entry, address)
    merged = entry._replace(attributes={**own.attributes, **entry.attributes})
    kind = types.spelled(unit, types.type_of(unit, merged))
    parameter = entry.tag == e.PARAMETER
    return Variable(name, kind, parameter, inlined, _register(expression), expression, merged, unit)


_REG, _REGX, _BREG, _FBREG, _STACK_VALUE, _CFA = 0x50, 0x90, 0x70, 0x91, 0x9F, 0x9C


def _register(expression: bytes | None) -> str | None:
    """The register that an expression is, if it is just that."""
    if expression and len(expression) == 1 and _REG <= expression[0] < _REG + len(REGISTERS):
        return REGISTERS[expression[0] - _REG]
    return None


def _evaluated(
    expression: bytes, registers: Mapping[str, int], cfa: int | None, read: Read, size: int
) -> int | None:
    """A value of so many bytes; KeyError for a register that isn't known, UnknownFormError for the rest."""
    mask = (1 << 8 * size) - 1 if size else _MASK
    if (name := _register(expression)) is not None:
        return registers[name] & mask
    stack: list[int] = []
    at, is_value = 0, False
    while at < len(expression):
        code = expression[at]
        at += 1
        if code == _STACK_VALUE:
            is_value = True
        elif code in {_FBREG, _CFA} and cfa is None:
            return None
        elif code in {_FBREG, _CFA} or _BREG <= code < _BREG + len(REGISTERS):
            base = cfa if code in {_FBREG, _CFA} else registers[REGISTERS[code - _BREG]]
            distance, at = (0, at) if code == _CFA else signed(expression, at)
            stack.append(((base or 0) + distance) & _MASK)
        else:
            at = _computed(code, expression, at, stack, read)
    if not stack or is_value:
        return stack[-1] & mask if stack else None
    return read(stack[-1], size) if size else stack[-1]


def _computed(code: int, expression: bytes, at: int, stack: list[int], read: Read) -> int:
    if 0x30 <= code <= 0x4F:
        stack.append(code - 0x30)
    elif code in {0x08, 0x0A, 0x0C, 0x0E, 0x09, 0x0B, 0x0D, 0x0F}:
        width = 1 << (code - 0x08) // 2
        stack.append(int.from_bytes(expression[at : at + width], "little", signed=bool(code & 1)) & _MASK)
        at += width
    elif code in {0x10, 0x11}:
        value, at = unsigned(expression, at) if code == 0x10 else signed(expression, at)
        stack.append(value & _MASK)
    elif code == 0x23:
        value, at = unsigned(expression, at)
        stack.append((stack.pop() + value) & _MASK)
    elif code == 0x22:
        stack.append((stack.pop() + stack.pop()) & _MASK)
    elif code == 0x1C:
        last = stack.pop()
        stack.append((stack.pop() - last) & _MASK)
    elif code == 0x06:
        value_there = read(stack.pop(), 8)
        if value_there is None:
            raise UnknownFormError
        stack.append(value_there)
    else:
        raise UnknownFormError
    return at
