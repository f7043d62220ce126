"""The few parts of ELF files that tell which kernel a file belongs to: headers, segments, sections, notes.

Reads headers and notes only, whatever the file's size; both byte orders, both word sizes. All numbers in the
file are untrusted: what lies outside the file or is absurdly large is a `BadElfError`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Sequence

import msgspec

# read(offset, size) -> at most size bytes, fewer at the end of the file
Read = Callable[[int, int], bytes]

ET_REL, ET_CORE = 1, 4
PT_LOAD, PT_INTERP, PT_NOTE = 1, 3, 4
SHT_SYMTAB, SHT_NOTE, SHT_NOBITS = 2, 7, 8
_PN_XNUM = 0xFFFF
_MOST_HEADERS = 1 << 20
MOST_NOTES = 64 << 20


class BadElfError(ValueError):
    """The file is no ELF file, or a damaged one."""


class Segment(msgspec.Struct, frozen=True):
    """A program header."""

    type: int
    offset: int
    address: int
    physical: int
    file_size: int
    memory_size: int


class Section(msgspec.Struct, frozen=True):
    """A section header."""

    name: str
    type: int
    address: int
    offset: int
    size: int
    link: int
    entry_size: int
    flags: int = 0


class Note(msgspec.Struct, frozen=True):
    """One note; its description as it stands in the file."""

    name: bytes
    type: int
    description: bytes


class ElfFile:
    """An ELF file's headers, read on demand through a function ``read(offset, size)``."""

    def __init__(self, read: Read) -> None:
        self._read = read
        ident = read(0, 16)
        if ident[:4] != b"\x7fELF":
            raise BadElfError("no ELF file")
        if len(ident) < 16 or ident[4] not in (1, 2) or ident[5] not in (1, 2):
            raise BadElfError("damaged ELF header")
        self.wide = ident[4] == 2
        self.order = "<" if ident[5] == 1 else ">"
        word = "Q" if self.wide else "I"
        fields = self._unpack(f"HHI{word}{word}{word}IHHHHHH", 16)
        (self.type, self.machine, _, _, self._ph_at, self._sh_at, self.flags) = fields[:7]
        (_, self._ph_size, self._ph_count, self._sh_size, self._sh_count, self._names_in) = fields[7:]

    def exactly(self, offset: int, size: int) -> bytes:
        """``size`` bytes at ``offset``; BadElfError where the file has fewer."""
        data = self._read(offset, size)
        if len(data) != size:
            raise BadElfError(f"ends before offset {offset + size}")
        return data

    def _unpack(self, form: str, offset: int) -> tuple[int, ...]:
        form = self.order + form
        return struct.unpack(form, self.exactly(offset, struct.calcsize(form)))

    def _table(self, form: str, offset: int, size: int, count: int) -> Iterator[tuple[int, ...]]:
        form = self.order + form
        used = struct.calcsize(form)
        if (count and size < used) or count > _MOST_HEADERS:
            raise BadElfError("damaged header table")
        table = self.exactly(offset, size * count)
        return (struct.unpack_from(form, table, index * size) for index in range(count))

    def segments(self) -> list[Segment]:
        """All program headers (with their true number where it exceeds 65,534)."""
        count = self._ph_count
        if count == _PN_XNUM and self._sh_at:
            count = next(iter(self._raw_sections(1)))[7]
        if self.wide:
            rows = self._table("IIQQQQQQ", self._ph_at, self._ph_size, count)
            return [Segment(t, off, va, pa, fs, ms) for t, _, off, va, pa, fs, ms, _ in rows]
        rows = self._table("IIIIIIII", self._ph_at, self._ph_size, count)
        return [Segment(t, off, va, pa, fs, ms) for t, off, va, pa, fs, ms, _, _ in rows]

    def _raw_sections(self, count: int) -> Iterator[tuple[int, ...]]:
        form = "IIQQQQIIQQ" if self.wide else "IIIIIIIIII"
        return self._table(form, self._sh_at, self._sh_size, count)

    def sections(self) -> list[Section]:
        """All section headers, with their names."""
        if not self._sh_at:
            return []
        count, names_in = self._sh_count, self._names_in
        if not count or names_in == 0xFFFF:  # the true numbers stand in the first header
            first = next(self._raw_sections(1))
            count, names_in = count or first[5], first[6] if names_in == 0xFFFF else names_in
        rows = list(self._raw_sections(count))
        names = b""
        if names_in < len(rows):
            names = self.exactly(rows[names_in][4], min(rows[names_in][5], 1 << 24))
        return [
            Section(_string(names, row[0]), row[1], row[3], row[4], row[5], row[6], row[9], row[2])
            for row in rows
        ]

    def section_headers(self) -> range:
        """Where in the file each section's header lies."""
        count = self._sh_count or (next(self._raw_sections(1))[5] if self._sh_at else 0)
        return range(self._sh_at, self._sh_at + count * self._sh_size, max(self._sh_size, 1))

    def headers_at(self) -> int:
        """Where in the file the section headers begin; 0 where there are none."""
        return self._sh_at

    def notes(self, offset: int, size: int) -> Iterator[Note]:
        """The notes in a part of the file; stops quietly where no further note fits."""
        return notes_in(self._read(offset, min(size, MOST_NOTES)), self.order)

    def notes_of_segments(self) -> list[Note]:
        """The notes of all segments that hold some, in the file's order."""
        places = [(one.offset, one.file_size) for one in self.segments() if one.type == PT_NOTE]
        return [note for offset, size in places for note in self.notes(offset, size)]


def notes_in(data: bytes, order: str) -> Iterator[Note]:
    """Notes that stand one behind the other; stops quietly where no further note fits."""
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from(order + "III", data, at)
        start = at + 12 + (name_size + 3 & ~3)
        if start + size > len(data):
            return
        yield Note(data[at + 12 : at + 12 + name_size].rstrip(b"\0"), kind, data[start : start + size])
        at = start + (size + 3 & ~3)


def physical_bytes(read: Read, segments: Sequence[Segment], place: int, size: int) -> bytes:
    """Bytes of a dump at a physical address; fewer where their part of memory ends before."""
    for part in segments:
        inside = place - part.physical
        if part.type == PT_LOAD and 0 <= inside < part.file_size:
            return read(part.offset + inside, min(size, part.file_size - inside))
    return b""


def opened_elf(descriptor: int) -> ElfFile:
    """The ELF file of a descriptor; what a damaged header asks for behind the end isn't there."""
    end = os.fstat(descriptor).st_size
    return ElfFile(
        lambda offset, size: os.pread(descriptor, max(min(size, end - offset), 0), min(offset, end))
    )


def _string(table: bytes, offset: int) -> str:
    end = table.find(b"\0", offset)
    return table[offset : end if end >= 0 else None].decode("ascii", "backslashreplace")
