"""The debug sections of an image, mapped; those of a module relocated.

A module (ET_REL) has no addresses yet: each of its sections gets a range of its own, ``index << 24``.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from crashdrive.dump.elf import ET_REL, SHT_NOBITS, SHT_SYMTAB, BadElfError, Section, opened_elf
from crashdrive.errors import VmlinuxError

_RELA, _SYMBOL = "QQq", "IBBHQQ"
_SHT_RELA = 4
_COMPRESSED, _ALLOCATED = 0x800, 2
# by ELF's machine: relocations of 64 bits, and of 32: R_X86_64_*, R_PPC64_*, R_390_*
_RELOCATIONS = {62: ({1}, {10, 11}), 21: ({38}, {1}), 22: ({22}, {4})}
_APART = 24
_MOST = 1 << 30
_FUNCTION = 2


class Sections:
    """Debug sections by name, as bytes or a view of the file; empty where there is none.

    VmlinuxError for what is no 64-bit image with debug data that isn't compressed. ``order``: its byte order,
    ``endian`` the same as int.from_bytes has it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        try:
            with Path(path).open("rb") as file:
                elf = opened_elf(file.fileno())
                self._sections = elf.sections()
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise VmlinuxError(f"{str(path)!a}: its debug data can't be read: {error}") from error
        self.movable = elf.type == ET_REL
        if not elf.wide:
            raise VmlinuxError(f"{str(path)!a}: debug data of another kind of machine")
        self.order = elf.order
        self.endian: Literal["little", "big"] = "little" if elf.order == "<" else "big"
        self._relocations = _RELOCATIONS.get(elf.machine, (set(), set()))
        self._known: dict[str, bytes | memoryview] = {}
        self._table: list[tuple[int, int, int]] | None = None

    def get(self, name: str) -> bytes | memoryview:
        """A section's bytes."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def has(self, name: str) -> bool:
        """Whether there is a section of that name."""
        return any(one.name == name for one in self._sections)

    def places(self, name: str, wanted: bytes, start: int = 0, end: int | None = None) -> Iterator[int]:
        """Where bytes stand in a section, or in a part of it."""
        return self.matches(name, re.escape(wanted), start, end)

    def matches(self, name: str, pattern: bytes, start: int = 0, end: int | None = None) -> Iterator[int]:
        """Where an expression matches in a section, or in a part of it."""
        part = next((one for one in self._sections if one.name == name), None)
        if part is None or part.type == SHT_NOBITS or part.flags & _COMPRESSED:
            return
        content = self.get(name)
        # a search in the map of the file: a view of it isn't one that expressions take
        data, base = (content, 0) if isinstance(content, bytes) else (self._map, part.offset)
        last = base + (len(content) if end is None else min(end, len(content)))
        # a third of the time of mmap's own find()
        search = re.compile(pattern, re.DOTALL).search
        match = search(data, base + start, last)
        while match is not None:
            yield match.start() - base
            match = search(data, match.start() + 1, last)

    def holds(self, name: str, wanted: bytes) -> bool:
        """Whether a section has these bytes as it stands in the file, before relocations."""
        part = next((one for one in self._sections if one.name == name), None)
        if part is None or part.type == SHT_NOBITS or part.flags & _COMPRESSED:
            return False
        return (
            re.compile(re.escape(wanted)).search(self._map, part.offset, part.offset + part.size) is not None
        )

    def _read(self, name: str) -> bytes | memoryview:
        part = next((one for one in self._sections if one.name == name), None)
        if part is None or part.type == SHT_NOBITS:
            return b""
        if part.flags & _COMPRESSED:
            raise VmlinuxError(f"{self.path!a}: {name} is compressed")
        raw = self._raw(part)
        if not self.movable:
            return raw
        rela = next(
            (one for one in self._sections if one.name == f".rela{name}" and one.type == _SHT_RELA), None
        )
        return self._relocated(raw, rela) if rela else raw

    def _raw(self, part: Section) -> memoryview:
        if not 0 <= part.offset <= part.offset + part.size <= len(self._map) or part.size > _MOST:
            raise BadElfError(f"{part.name} lies outside of the file")
        return memoryview(self._map)[part.offset : part.offset + part.size]

    def _relocated(self, raw: memoryview, rela: Section) -> bytes:
        symbols = self._symbols()
        data = bytearray(raw)
        entries, form = self._raw(rela), struct.Struct(self.order + _RELA)
        wide, narrow = self._relocations
        for place, info, addend in form.iter_unpack(entries[: len(entries) // form.size * form.size]):
            kind, number = info & 0xFFFF_FFFF, info >> 32
            if number >= len(symbols):
                continue
            value = symbols[number][0] + addend
            if kind in wide and place + 8 <= len(data):
                struct.pack_into(f"{self.order}Q", data, place, value & (1 << 64) - 1)
            elif kind in narrow and place + 4 <= len(data):
                struct.pack_into(f"{self.order}I", data, place, value & 0xFFFF_FFFF)
        return bytes(data)

    def _symbols(self) -> list[tuple[int, int, int]]:
        """(address, offset of its name, kind) of each symbol."""
        if self._table is None:
            table = next((one for one in self._sections if one.type == SHT_SYMTAB), None)
            self._table = []
            if table is not None:
                raw = self._raw(table)
                form = struct.Struct(self.order + _SYMBOL)
                for name, info, _, section, value, _ in form.iter_unpack(raw[: len(raw) // 24 * 24]):
                    base = section << _APART if self.movable and self._is_code(section) else 0
                    self._table.append((base + value, name, info & 15))
        return self._table

    def _is_code(self, number: int) -> bool:
        return number < len(self._sections) and bool(self._sections[number].flags & _ALLOCATED)

    def functions(self, name: str) -> Iterator[int]:
        """The addresses of all functions of a name."""
        strings = next((one for one in self._sections if one.name == ".strtab"), None)
        if strings is None:
            return
        try:
            raw, symbols = bytes(self._raw(strings)), self._symbols()
        except BadElfError:
            return
        wanted = name.encode() + b"\0"
        for address, at, kind in symbols:
            if kind == _FUNCTION and raw[at : at + len(wanted)] == wanted:
                yield address

    def information(self) -> dict[str, str]:
        """A module's ``.modinfo``: ``srcversion`` and the like; nothing where that is damaged."""
        try:
            raw = bytes(self.get(".modinfo"))
        except (BadElfError, struct.error):
            return {}
        lines = raw.decode("ascii", "replace").split("\0")
        return dict(reversed([line.split("=", 1) for line in lines if "=" in line]))
