"""Where a vmlinux has a few of its variables, looked up by name without reading all of its symbols."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from crashdrive.dump.elf import SHT_SYMTAB, BadElfError, opened_elf

_ENTRY, _VALUE_AT = 24, 8  # bytes of an Elf64_Sym, and where its value stands
_MOST = 256 << 20


def linked_addresses(path: str | Path, names: Iterable[str]) -> dict[str, int]:
    """The linked addresses of those variables that a 64-bit vmlinux has; empty where it can't be read."""
    try:
        with Path(path).open("rb") as file:
            elf = opened_elf(file.fileno())
            sections = elf.sections()
            table = next((one for one in sections if one.type == SHT_SYMTAB), None)
            if not elf.wide or table is None or max(table.size, sections[table.link].size) > _MOST:
                return {}
            symbols = elf.exactly(table.offset, table.size)
            text = elf.exactly(sections[table.link].offset, sections[table.link].size)
    except (OSError, BadElfError, IndexError):
        return {}
    found = {name: _value(symbols, text, name, elf.order) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _value(symbols: bytes, text: bytes, name: str, order: str) -> int | None:
    """The value of the first symbol of a name, which may be the end of a longer one, as linkers save room."""
    end, start = name.encode() + b"\0", -1
    while (start := text.find(end, start + 1)) >= 0:
        key, at = struct.pack(order + "I", start), -1
        while (at := symbols.find(key, at + 1)) >= 0:
            if at % _ENTRY == 0:
                value: int = struct.unpack_from(order + "Q", symbols, at + _VALUE_AT)[0]
                return value
    return None
