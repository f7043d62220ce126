"""Where functions save registers: ``.debug_frame``; DWARF 5, 6.4. x86-64."""

from __future__ import annotations

import struct
from bisect import bisect_right
from functools import cached_property

from crashdrive.kernel.debuginfo.entries import UnknownFormError, signed, unsigned

_NAMES = {0: "rax", 1: "rdx", 2: "rcx", 3: "rbx", 4: "rsi", 5: "rdi", 6: "rbp"} | {
    n: f"r{n}" for n in range(8, 16)
}
_CIE, _WIDE = 0xFFFF_FFFF, 0xFFFF_FFF0
_ADVANCE, _RESTORE = 1, 3  # in the two highest bits; 2 there says where a register is saved
_OFFSET_FAR, _RESTORE_FAR, _OFFSET_SIGNED = 5, 6, 0x11
_OF_REGISTERS = {_OFFSET_FAR, _RESTORE_FAR, _OFFSET_SIGNED}
_DELTAS = {2: 1, 3: 2, 4: 4}
_REMEMBER, _RECALL, _NOP = 0xA, 0xB, 0
# operands of operations that say nothing of where registers are: how many numbers
_NUMBERS = {7: 1, 8: 1, 9: 2, 0xC: 2, 0xD: 1, 0xE: 1, 0x12: 2, 0x13: 1, 0x2E: 1}
_BLOCKS = {0xF: 0, 0x10: 1, 0x16: 1}  # numbers before an expression


class SavedRegisters:
    """Distances from the frame's address at which registers are saved, by address."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data

    def find(self, address: int) -> dict[str, int]:
        """The registers that are saved when an instruction is next; none where nothing is known."""
        starts, entries = self._index
        at = bisect_right(starts, address) - 1
        if at < 0:
            return {}
        first, size, place, end, owner = entries[at]
        if not first <= address < first + size:
            return {}
        try:
            return self._run(owner, place, end, address - first)
        except (UnknownFormError, LookupError, OverflowError, struct.error):
            return {}

    @cached_property
    def _index(self) -> tuple[list[int], list[tuple[int, int, int, int, int]]]:
        data, at, found = self._data, 0, []
        while at + 24 <= len(data):
            size, owner = struct.unpack_from("<II", data, at)
            if size >= _WIDE:
                break
            if size >= 20 and owner != _CIE:
                first, length = struct.unpack_from("<QQ", data, at + 8)
                found.append((first, length, at + 24, at + 4 + size, owner))
            at += 4 + size
        found.sort()
        return [one[0] for one in found], found

    def _run(self, owner: int, place: int, end: int, target: int) -> dict[str, int]:
        code, factor, start, stop = self._common(owner)
        first = self._steps(start, stop, code, factor, {}, {}, 1 << 62)
        return {
            _NAMES[number]: distance
            for number, distance in self._steps(place, end, code, factor, first, first, target).items()
            if number in _NAMES
        }

    def _common(self, at: int) -> tuple[int, int, int, int]:
        """Factors of code and data, where the first instructions begin and end."""
        data = self._data
        size, mark = struct.unpack_from("<II", data, at)
        version = data[at + 8]
        if mark != _CIE or data[at + 9] or version not in {1, 3, 4}:
            raise UnknownFormError
        place = at + 10 + (2 if version == 4 else 0)
        code, place = unsigned(data, place)
        factor, place = signed(data, place)
        _, place = unsigned(data, place)
        return code, factor, place, at + 4 + size

    def _steps(
        self,
        at: int,
        end: int,
        code_factor: int,
        factor: int,
        saved: dict[int, int],
        first: dict[int, int],
        target: int,
    ) -> dict[int, int]:
        data, place, saved, kept = self._data, 0, dict(saved), list[dict[int, int]]()
        while at < end:
            code = data[at]
            at += 1
            kind, operand = code >> 6, code & 0x3F
            if kind == _ADVANCE or code in _DELTAS:
                if kind != _ADVANCE:
                    operand, at = int.from_bytes(data[at : at + _DELTAS[code]], "little"), at + _DELTAS[code]
                place += operand * code_factor
                if place > target:
                    break
            elif kind or code in _OF_REGISTERS:
                at = self._of_register(code, at, factor, saved, first)
            elif code == _REMEMBER:
                kept.append(dict(saved))
            elif code == _RECALL:
                saved = kept.pop()
            else:
                at = self._passed(code, at)
        return saved

    def _of_register(
        self, code: int, at: int, factor: int, saved: dict[int, int], first: dict[int, int]
    ) -> int:
        """A register is saved, or has its first rule again."""
        number = code & 0x3F
        if not code >> 6:
            number, at = unsigned(self._data, at)
        if code >> 6 == _RESTORE or code == _RESTORE_FAR:
            saved.pop(number, None)
            saved |= {name: value for name, value in first.items() if name == number}
            return at
        distance, at = signed(self._data, at) if code == _OFFSET_SIGNED else unsigned(self._data, at)
        saved[number] = distance * factor
        return at

    def _passed(self, code: int, at: int) -> int:
        if code in _BLOCKS:
            for _ in range(_BLOCKS[code]):
                _, at = unsigned(self._data, at)
            size, at = unsigned(self._data, at)
            return at + size
        if code == _NOP:
            return at
        if code not in _NUMBERS:
            raise UnknownFormError
        for _ in range(_NUMBERS[code]):
            _, at = unsigned(self._data, at)
        return at
