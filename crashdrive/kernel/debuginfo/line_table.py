"""Which line of source an instruction was made of: ``.debug_line``; DWARF 5, 6.2, and before it to DWARF 2.

binutils until 2.35 wrote tables of DWARF 3 beside entries of DWARF 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from crashdrive.kernel.debuginfo.entries import UnknownFormError, inline_text, signed, text, unsigned
from crashdrive.kernel.debuginfo.sections import Sections

_COPY, _ADVANCE_PC, _ADVANCE_LINE, _SET_FILE, _ADD_PC, _FIXED_PC = 1, 2, 3, 4, 8, 9
_END_SEQUENCE, _SET_ADDRESS = 1, 2
_PATH, _DIRECTORY = 1, 2  # DW_LNCT_*
_FORMS = {0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x1E: 16}


class Line(NamedTuple):
    """A file, as it was named to the compiler, and a line; 0: of no line."""

    file: str
    line: int


class _Row(NamedTuple):
    """Where the table's program is; ``told``: it has given a row, ``ended``: the last one of a sequence."""

    place: int = 0
    file: int = 1
    line: int = 1
    told: bool = False
    ended: bool = False


_FIRST = _Row()


class LineTable:
    """The table of a unit, at an offset of ``.debug_line``."""

    def __init__(self, sections: Sections, offset: int) -> None:
        self._sections = sections
        self._data = data = sections.get(".debug_line")
        length, self._version = struct.unpack_from("<IH", data, offset)
        if length >= 0xFFFF_FFF0 or not 2 <= self._version <= 5:
            raise UnknownFormError
        self._end, at = offset + 4 + length, offset + 6
        at += 2 if self._version == 5 else 0
        header = struct.unpack_from("<I", data, at)[0]
        self._start = at + 4 + header
        at += 4
        self._least, most = data[at], 1
        at += 1
        if self._version >= 4:  # operations of an instruction
            most = data[at]
            at += 1
        _, self._base, self._range, self._base_opcode = struct.unpack_from("<BbBB", data, at)
        if most != 1 or not self._range:
            raise UnknownFormError
        at += 4
        self._lengths = bytes(data[at : at + self._base_opcode - 1])
        at += self._base_opcode - 1
        self._files = self._names_5(at) if self._version == 5 else self._names_4(at)

    def file(self, number: int) -> str:
        """A file by its number."""
        return self._files[number] if 0 <= number < len(self._files) else "?"

    def find(self, address: int) -> Line | None:
        """The line of an instruction; None where the table has none."""
        before: _Row | None = None
        for row in self._rows():
            if before is not None and before.place <= address < row.place:
                return Line(self.file(before.file), before.line)
            before = None if row.ended else row
        return None

    def _rows(self) -> Iterator[_Row]:
        data, at, row = self._data, self._start, _FIRST
        while at < self._end:
            code = data[at]
            at += 1
            if code >= self._base_opcode:
                row = self._special(row, code)
            elif code == 0:
                size, at = unsigned(data, at)
                row = self._extended(row, at)
                at += size
            else:
                row, at = self._standard(row, code, at)
            if row.told:
                yield row
                row = _FIRST if row.ended else row._replace(told=False)

    def _special(self, row: _Row, code: int) -> _Row:
        step = code - self._base_opcode
        place = row.place + step // self._range * self._least
        return row._replace(place=place, line=row.line + self._base + step % self._range, told=True)

    def _extended(self, row: _Row, at: int) -> _Row:
        kind = self._data[at]
        if kind == _SET_ADDRESS:
            return row._replace(place=int(struct.unpack_from("<Q", self._data, at + 1)[0]))
        return row._replace(told=True, ended=True) if kind == _END_SEQUENCE else row

    def _standard(self, row: _Row, code: int, at: int) -> tuple[_Row, int]:
        data = self._data
        if code == _COPY:
            return row._replace(told=True), at
        if code == _ADD_PC:
            step = (255 - self._base_opcode) // self._range * self._least
            return row._replace(place=row.place + step), at
        if code == _FIXED_PC:
            return row._replace(place=row.place + int(struct.unpack_from("<H", data, at)[0])), at + 2
        if code == _ADVANCE_LINE:
            step, at = signed(data, at)
            return row._replace(line=row.line + step), at
        if code in {_ADVANCE_PC, _SET_FILE}:
            step, at = unsigned(data, at)
            place = row.place + step * self._least
            return row._replace(file=step) if code == _SET_FILE else row._replace(place=place), at
        for _ in range(self._lengths[code - 1]):
            _, at = unsigned(data, at)
        return row, at

    def _names_5(self, at: int) -> list[str]:
        folders, at = self._table_5(at)
        files, _ = self._table_5(at)
        return [_joined(folders, folder, name) for name, folder in files]

    def _table_5(self, at: int) -> tuple[list[tuple[str, int]], int]:
        data = self._data
        count, formats = data[at], []
        at += 1
        for _ in range(count):
            kind, at = unsigned(data, at)
            form, at = unsigned(data, at)
            formats.append((kind, form))
        number, at = unsigned(data, at)
        found = []
        for _ in range(number):
            name, folder = "", 0
            for kind, form in formats:
                value, at = self._value(form, at)
                if kind == _PATH and isinstance(value, str):
                    name = value
                elif kind == _DIRECTORY and isinstance(value, int):
                    folder = value
            found.append((name, folder))
        return found, at

    def _value(self, form: int, at: int) -> tuple[int | str, int]:
        data = self._data
        if form in {0x1F, 0x0E}:
            section = ".debug_line_str" if form == 0x1F else ".debug_str"
            return text(self._sections.get(section), struct.unpack_from("<I", data, at)[0]), at + 4
        if form == 0x08:
            return inline_text(data, at)
        if form == 0x0F:
            return unsigned(data, at)
        if form in _FORMS:
            size = _FORMS[form]
            return int.from_bytes(data[at : at + size], "little"), at + size
        raise UnknownFormError

    def _names_4(self, at: int) -> list[str]:
        data, folders, files = self._data, [("", 0)], [("", 0)]
        while data[at]:
            name, at = inline_text(data, at)
            folders.append((name, 0))
        at += 1
        while data[at]:
            name, at = inline_text(data, at)
            folder, at = unsigned(data, at)
            _, at = unsigned(data, at)
            _, at = unsigned(data, at)
            files.append((name, folder))
        return [_joined(folders, folder, name) for name, folder in files]


def _joined(folders: list[tuple[str, int]], folder: int, name: str) -> str:
    place = folders[folder][0] if folder < len(folders) else ""
    return name if folder == 0 or not place or name.startswith("/") else f"{place}/{name}"
