"""The kernel image's symbols out of the vmlinux: what crash's ``sym`` says of them, without asking it.

A name is found by searching the string table as a whole, so that a few names cost a few milliseconds. Whoever
asks for more has them all by name.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from crashdrive.dump.elf import SHT_NOBITS, SHT_SYMTAB, BadElfError, Section, opened_elf
from crashdrive.errors import VmlinuxError

ENTRIES = {order: struct.Struct(f"{order}IBBHQQ") for order in "<>"}
"""A symbol in ELF's table of 64 bits, by byte order: name, information, other, section, value, size."""
_WIDTH = ENTRIES["<"].size
_UNDEFINED, _ABSOLUTE, _RESERVED = 0, 0xFFF1, 0xFF00
_SECTION, _FILE = 3, 4  # kinds of symbols that are no names of anything
_WEAK = 2
_WRITE, _ALLOCATED, _EXECUTE = 1, 2, 4
_WORD = (1 << 64) - 1
_OWN = ">" if array("H", [1]).tobytes() == b"\0\1" else "<"
_APPENDED = (".isra.", ".part.", ".llvm.")
_NAME_ENDS = (b"\0", *(mark.encode() for mark in _APPENDED))
# names that are searched for, a millisecond each, before all are put into a table
_FEW = 200
# where code and data begin, on arm, arm64 and RISC-V: is_mapping_symbol() of the kernel
_MARKS = re.compile(r"\$[adtx](?:\..*)?")


def section(path: str | Path, name: str) -> bytes | None:
    """A section's bytes, None where the file has no such section; VmlinuxError where it can't be read."""
    try:
        with Path(path).open("rb") as file:
            elf = opened_elf(file.fileno())
            found = next((part for part in elf.sections() if part.name == name), None)
            return elf.exactly(found.offset, found.size) if found and found.type != SHT_NOBITS else None
    except (OSError, BadElfError) as error:
        raise VmlinuxError(f"{path!a}: {name} can't be read: {error}") from error


def bare_name(name: str) -> str:
    """A symbol's name without what compilers append to copies of functions, as crash has it."""
    for mark in _APPENDED:
        if mark in name:
            return name[: name.index(mark)]
    return name


def is_mark(name: str) -> bool:
    """Whether a symbol names nothing: it tells disassemblers where code or data begins."""
    return name.startswith("$") and _MARKS.fullmatch(name) is not None


class ImageSymbol(msgspec.Struct, frozen=True):
    """A symbol of the image: its address where the kernel ran, nm's letter for it, its size in bytes."""

    address: int
    name: str
    kind: str
    size: int = 0


class ImageSymbols:
    """The symbol table of a 64-bit vmlinux, moved by KASLR's ``relocation``.

    VmlinuxError where the file has none that can be read.
    """

    def __init__(self, path: str | Path, relocation: int = 0) -> None:
        self.path = path
        self._relocation = relocation
        self._symbols, self._strings, self._letters, self._memory, self._order = self._load()
        self._unpack = ENTRIES[self._order]
        self._asked = 0

    def named(self, name: str) -> list[ImageSymbol]:
        """All symbols of a name, in order of address."""
        if not name:
            return []
        self._asked += 1
        found = self._searched(name) if self._asked <= _FEW else map(self.symbol, self._by_name.get(name, ()))
        return sorted((one for one in found if one is not None), key=lambda symbol: symbol.address)

    def _searched(self, name: str) -> list[ImageSymbol]:
        found: list[ImageSymbol] = []
        text, find = name.encode(), self._strings.find
        first, others = self._by_offset
        at = find(text)
        while at >= 0:
            # names that end alike share their bytes
            if self._strings.startswith(_NAME_ENDS, at + len(text)):
                indexes = [first[at], *others.get(at, ())] if at in first else []
                symbols = map(self.symbol, indexes)
                found += [symbol for symbol in symbols if symbol is not None and symbol.name == name]
            at = find(text, at + 1)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        """The indexes of all symbols by name."""
        found: dict[str, list[int]] = {}
        texts: dict[int, str] = {}
        for index, (offset, info, _, section, _, _) in enumerate(self._unpack.iter_unpack(self._symbols)):
            if section == _UNDEFINED or info & 15 in (_SECTION, _FILE):
                continue
            if offset not in texts:
                texts[offset] = bare_name(self._name(offset))
            found.setdefault(texts[offset], []).append(index)
        return found

    def linked(self, address: int) -> int:
        """Where a symbol's address lies in the image as it was linked, before KASLR moved it."""
        before = (address - self._relocation) & _WORD
        return before if before in self._memory else address

    def places(self) -> tuple[array[int], array[int]]:
        """Where all of them are, and each one's index for `symbol`; in the file's order."""
        words = array("Q", self._symbols)
        offsets, halves = array("I", self._symbols)[:: _WIDTH // 4], array("H", self._symbols)
        if self._order != _OWN:
            for each in (words, offsets, halves):
                each.byteswap()
        sections = halves[3 :: _WIDTH // 2]
        named = [
            index
            for index, (info, section) in enumerate(zip(self._symbols[4::_WIDTH], sections, strict=True))
            if section != _UNDEFINED and info & 15 not in (_SECTION, _FILE)
        ]
        begins = self._strings.startswith
        marks = {index for index in named if begins(b"$", offsets[index])}
        indexes = array("I", (i for i in named if i not in marks or not is_mark(self._name(offsets[i]))))
        values = words[1 :: _WIDTH // 8]
        moved = (self._moved(values[i], absolute=sections[i] == _ABSOLUTE) for i in indexes)
        return array("Q", moved), indexes

    def names(self) -> set[str]:
        """The names of all symbols: in a tenth of the time that `symbol` takes for each."""
        strings = self._strings
        offsets = {
            offset
            for offset, info, _, section, _, _ in self._unpack.iter_unpack(self._symbols)
            if section != _UNDEFINED and info & 15 not in (_SECTION, _FILE)
        }
        find = strings.find
        found = {strings[offset : find(0, offset)] for offset in offsets}
        return {bare_name(name) for name in map(_text_of, found)}

    @cached_property
    def _by_offset(self) -> tuple[dict[int, int], dict[int, list[int]]]:
        """The first symbol's index by the offset of its name, and others': static ones may share a name."""
        offsets = array("I", self._symbols)[:: _WIDTH // 4]
        if self._order != _OWN:
            offsets.byteswap()
        first = dict(zip(reversed(offsets), range(len(offsets) - 1, -1, -1), strict=True))
        others: dict[int, list[int]] = {}
        for index, offset in enumerate(offsets):
            if first[offset] != index:
                others.setdefault(offset, []).append(index)
        return first, others

    def symbol(self, index: int) -> ImageSymbol | None:
        """The symbol of an index in the file's table; None for what names nothing."""
        offset, info, _, section, value, size = self._unpack.unpack_from(self._symbols, index * _WIDTH)
        if section == _UNDEFINED or info & 15 in (_SECTION, _FILE):
            return None
        name = self._name(offset)
        if is_mark(name):
            return None
        name = bare_name(name)
        letter = "A" if section == _ABSOLUTE else self._letters.get(section, "?")
        if info >> 4 == _WEAK:
            letter = "W"
        address = self._moved(value, absolute=section == _ABSOLUTE)
        return ImageSymbol(address, name, letter if info >> 4 else letter.lower(), size)

    def _name(self, offset: int) -> str:
        return _text_of(self._strings[offset : self._strings.find(b"\0", offset)])

    def _moved(self, value: int, *, absolute: bool) -> int:
        """Where a symbol is once KASLR has moved the image.

        Per-cpu variables below the image are offsets, and absolute symbols constants: neither moves. Those
        absolute ones that are addresses in the image do, as in arch/x86/tools/relocs.c (init_per_cpu__*).
        """
        stays = value not in self._memory if absolute else value < self._memory.start
        return value if stays else (value + self._relocation) & _WORD

    def _load(self) -> tuple[bytes, bytes, dict[int, str], range, str]:
        try:
            with Path(self.path).open("rb") as file:
                elf = opened_elf(file.fileno())
                sections = elf.sections()
                table = next((part for part in sections if part.type == SHT_SYMTAB), None)
                if table is None or not elf.wide or table.link >= len(sections):
                    raise VmlinuxError(f"{self.path!a}: no symbol table that can be read here")
                symbols = elf.exactly(table.offset, table.size // _WIDTH * _WIDTH)
                names = sections[table.link]
                strings = elf.exactly(names.offset, names.size) + b"\0"
        except (OSError, BadElfError) as error:
            raise VmlinuxError(f"{self.path!a}: its symbols can't be read: {error}") from error
        letters = {
            index: "T" if part.flags & _EXECUTE else _data_letter(part)
            for index, part in enumerate(sections[:_RESERVED])
        }
        return symbols, strings, letters, self._extent(sections), elf.order

    def _extent(self, sections: Sequence[Section]) -> range:
        """The addresses that the image is linked for, from its first code on (.head.text on arm64)."""
        texts = [part.address for part in sections if part.name in {".text", ".head.text"}]
        if not texts:
            raise VmlinuxError(f"{self.path!a}: no .text to tell addresses from per-cpu offsets by")
        return range(
            min(texts), max(part.address + part.size for part in sections if part.flags & _ALLOCATED)
        )


def _text_of(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace")


def _data_letter(part: Section) -> str:
    if not part.flags & _WRITE:
        return "R"
    return "B" if part.type == SHT_NOBITS else "D"
