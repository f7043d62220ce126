"""Call frame information out of an image's debug data: rules where the unwind tables have none.

What never returns (``__crash_kexec``) has no ORC rule on some kernels, yet it is where each kdump begins.
Source: DWARF 4, 6.4; the section ``.debug_frame``. Only what a `Rule` can say is read: a frame address that
is the stack or frame pointer plus a number, and where the frame pointer was saved.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from crashdrive.kernel.unwind import orc
from crashdrive.kernel.unwind.orc import Rule

_CIE = 0xFFFF_FFFF
_WIDE = 0xFFFF_FFFF
# x86-64's numbers of registers
_BP, _SP, _RETURN = 6, 7, 16
_REGISTERS = {_BP: orc.BP, _SP: orc.SP}
_ADVANCE, _OFFSET, _RESTORE = 1, 2, 3
_DELTAS = {2: "<B", 3: "<H", 4: "<I"}  # DW_CFA_advance_loc1, 2, 4
_OFFSET_EXTENDED, _RESTORE_EXTENDED, _UNDEFINED, _SAME = 5, 6, 7, 8
_NOP, _REMEMBER, _RECALL = 0, 0xA, 0xB
# DW_CFA_def_cfa, def_cfa_register, def_cfa_offset: what each gives anew
_CHANGES = {0xC: ("register", "offset"), 0xD: ("register",), 0xE: ("offset",)}
_GNU_ARGS_SIZE = 0x2E


class _Common(NamedTuple):
    """What many functions' entries share."""

    code_factor: int
    data_factor: int
    program: bytes


class _Frame(NamedTuple):
    """A row of the table: the frame's address as register and offset; where bp is saved, from there."""

    register: int
    offset: int
    bp: int | None


class _UnknownError(Exception):
    """Something that no `Rule` can say, or damage."""


class CallFrames:
    """A ``.debug_frame`` section of a little-endian image of 64 bits; addresses as it is linked."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def find(self, address: int) -> Rule | None:
        """The rule at an instruction; None where there is none, or one that can't be told."""
        try:
            for place, end, owner in self._entries():
                first, size = struct.unpack_from("<QQ", self._data, place)
                if first <= address < first + size:
                    common = self._common(owner)
                    return _rule(common, self._data[place + 16 : end], address - first)
        except (_UnknownError, struct.error, IndexError):
            pass
        return None

    def _entries(self) -> Iterator[tuple[int, int, int]]:
        """(where its address is, where it ends, offset of what it shares) of each function's entry."""
        data, at = self._data, 0
        while at + 8 <= len(data):
            size, owner = struct.unpack_from("<II", data, at)
            if size == _WIDE:
                raise _UnknownError
            if size > 4 and owner != _CIE:
                yield at + 8, at + 4 + size, owner
            at += 4 + size

    def _common(self, at: int) -> _Common:
        size, mark = struct.unpack_from("<II", self._data, at)
        version, augmentation = self._data[at + 8], self._data[at + 9]
        if mark != _CIE or augmentation or version not in {1, 3, 4}:
            raise _UnknownError
        reader = _Reader(self._data[at + 10 + (2 if version == 4 else 0) : at + 4 + size])
        code, data = reader.unsigned(), reader.signed()
        register = reader.byte() if version == 1 else reader.unsigned()
        if register != _RETURN:
            raise _UnknownError
        return _Common(code, data, reader.rest())


class _Reader:
    """Numbers out of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def unsigned(self) -> int:
        """A ULEB128."""
        return self._leb()[0]

    def signed(self) -> int:
        """An SLEB128."""
        value, shift = self._leb()
        return value - (1 << shift) if value >> (shift - 1) else value

    def _leb(self) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value, shift

    def fixed(self, form: str) -> int:
        self._at += struct.calcsize(form)
        found: int = struct.unpack_from(form, self._data, self._at - struct.calcsize(form))[0]
        return found

    def rest(self) -> bytes:
        return self._data[self._at :]


def _rule(common: _Common, program: bytes, target: int) -> Rule:
    first = _run(common, common.program, None, 1)
    frame = _run(common, program, first, target)
    if frame.register not in _REGISTERS:
        raise _UnknownError
    saved = (orc.UNDEFINED, 0) if frame.bp is None else (orc.PREV_SP, frame.bp)
    return Rule(frame.offset, saved[1], _REGISTERS[frame.register], saved[0], orc.CALL, signal=False)


def _run(common: _Common, program: bytes, first: _Frame | None, target: int) -> _Frame:
    """The row at a distance from the function's start."""
    reader, frame = _Reader(program), first or _Frame(-1, 0, None)
    place, kept = 0, list[_Frame]()
    while reader:
        code = reader.byte()
        kind, operand = code >> 6, code & 0x3F
        if kind == _ADVANCE or code in _DELTAS:
            place += (operand if kind == _ADVANCE else reader.fixed(_DELTAS[code])) * common.code_factor
            if place > target:
                break
        elif code == _REMEMBER:
            kept.append(frame)
        elif code == _RECALL:
            frame = kept.pop()
        elif kind:
            frame = _of_register(frame, first, operand, kind, reader, common)
        else:
            frame = _plain(frame, first, code, reader, common)
    return frame


def _of_register(
    frame: _Frame, first: _Frame | None, register: int, kind: int, reader: _Reader, common: _Common
) -> _Frame:
    """A register is saved beside the frame's address, or has its first rule again."""
    bp = reader.unsigned() * common.data_factor if kind == _OFFSET else (first.bp if first else None)
    return frame._replace(bp=bp) if register == _BP else frame


def _plain(frame: _Frame, first: _Frame | None, code: int, reader: _Reader, common: _Common) -> _Frame:
    """An operation whose operands stand behind it."""
    if code in _CHANGES:
        return frame._replace(**{name: reader.unsigned() for name in _CHANGES[code]})
    if code == _OFFSET_EXTENDED:
        return _of_register(frame, first, reader.unsigned(), _OFFSET, reader, common)
    if code in {_RESTORE_EXTENDED, _UNDEFINED, _SAME}:
        return _of_register(frame, first, reader.unsigned(), _RESTORE, reader, common)
    if code == _GNU_ARGS_SIZE:
        reader.unsigned()
    elif code != _NOP:
        raise _UnknownError
    return frame
