"""What a crash that reads physical memory alone is given in place of the vmlinux: a few kilobytes.

``crash --minimal`` sorts all symbols of the vmlinux by pairs (116,000 of them: 1.5 s) and has gdb scan its
debug data (1 s), and its ``rd -p`` needs neither: seconds of processor to the prompt on 6.1 were 2.6, and are
0.02 with this file. crash asks of one that it is an image of the machine, has code, data and a symbol table,
and that gdb finds a ``struct task_struct`` (gdb_session_init() in gdb_interface.c). Nothing that is read
through it but physical memory means anything: `crashdrive.commandline.is_physical`.
"""

from __future__ import annotations

import functools
import struct
from typing import Final, NamedTuple

_HEADER, _SECTION, _SYMBOL = "16sHHIQQQIHHHHHH", "IIQQQQIIQQ", "IBBHQQ"
_HEADER_SIZE, _SECTION_SIZE, _SYMBOL_SIZE = (
    struct.calcsize(f"<{form}") for form in (_HEADER, _SECTION, _SYMBOL)
)
_EXECUTABLE = 2
_PROGBITS, _SYMTAB, _STRTAB = 1, 2, 3
_WRITE, _ALLOCATED, _EXECUTE = 1, 2, 4
_GLOBAL = 1 << 4
_SPAN = 0x0100_0000
_LEAST = 8192  # bytes: crash takes a smaller file for no image
# what crash looks up before its first prompt, by the section that each lies in
_SYMBOLS = (
    ("_text", ".text"), ("_stext", ".text"), ("_etext", ".text"), ("linux_banner", ".rodata"),
    ("init_task", ".data"), ("jiffies", ".data"), ("_edata", ".data"), ("_end", ".data"),
)  # fmt: skip


class _Kind(NamedTuple):
    """An architecture's image: where it begins, what crash looks up there alone, and its byte order."""

    base: int
    symbols: tuple[tuple[str, str], ...]
    order: str = "<"


# by ELF's number of the machine
_KINDS = {
    62: _Kind(0xFFFF_FFFF_8100_0000, (("init_top_pgt", ".data"), ("phys_base", ".data"))),
    21: _Kind(0xC << 60, (("swapper_pg_dir", ".data"), ("high_memory", ".data"))),
    183: _Kind(0xFFFF_8000_0800_0000, (("swapper_pg_dir", ".data"), ("kimage_voffset", ".data"))),
    22: _Kind(0x10_0000, (("swapper_pg_dir", ".data"), ("high_memory", ".data")), ">"),
}
# DWARF 4: a unit, `int`, and a structure with a member of that type
_ABBREVIATIONS = bytes.fromhex(
    "01 11 01 25 08 13 0b 03 08 00 00  02 24 00 0b 0b 3e 0b 03 08 00 00"
    "03 13 01 03 08 0b 05 00 00  04 0d 00 03 08 49 13 38 0b 00 00 00"
)
_UNIT_HEADER, _UNIT_HEADER_SIZE = "IHIB", 11


def _debug_information(order: str) -> bytes:
    unit = b"\x01crashdrive\0\x0cstandin.c\0"
    size, place = struct.pack(f"{order}H", 64), struct.pack(f"{order}I", _UNIT_HEADER_SIZE + len(unit))
    unit += b"\x02\x04\x05int\0"
    unit += b"\x03task_struct\0" + size + b"\x04pid\0" + place + b"\0\0"
    unit += b"\0"
    return struct.pack(order + _UNIT_HEADER, _UNIT_HEADER_SIZE - 4 + len(unit), 4, 0, 8) + unit


class Shown(NamedTuple):
    """What crash wants of an image beside that, where it reads a live kernel.

    ``variables``, where they are in memory: by their values it finds where physical memory is mapped, and
    /proc/kcore is read by such addresses (x86_64_init(), read_proc_kcore()). ``banner``: the line of
    /proc/version, which it looks for with strings (match_proc_version()).
    """

    variables: tuple[tuple[str, int], ...] = ()
    banner: bytes = b""


NOTHING_SHOWN: Final = Shown()


@functools.cache
def standin(machine: int = 62, shown: Shown = NOTHING_SHOWN) -> bytes | None:
    """An image of an architecture (ELF's number) with ten symbols and one structure; None for others."""
    kind = _KINDS.get(machine)
    if kind is None:
        return None
    base, order = kind.base, kind.order
    places = {".text": base, ".rodata": base + _SPAN, ".data": base + 2 * _SPAN}
    flags = {".text": _ALLOCATED | _EXECUTE, ".rodata": _ALLOCATED, ".data": _ALLOCATED | _WRITE}
    numbers = {name: number for number, name in enumerate(places, 1)}
    names, symbols = bytearray(b"\0"), bytearray(_SYMBOL_SIZE)
    for at, (name, section) in enumerate((*_SYMBOLS, *kind.symbols)):
        place = places[section] + 64 * at
        values = len(names), _GLOBAL | (section != ".text"), 0, numbers[section], place, 8
        symbols += struct.pack(order + _SYMBOL, *values)
        names += name.encode() + b"\0"
    for name, place in shown.variables:
        symbols += struct.pack(order + _SYMBOL, len(names), _GLOBAL | 1, 0, numbers[".data"], place, 8)
        names += name.encode() + b"\0"
    contents = [
        *((name, _PROGBITS, flags[name], place, bytes(64)) for name, place in places.items()),
        *([(".comment", _PROGBITS, 0, 0, b"\0" + shown.banner + b"\n\0")] if shown.banner else []),
        (".debug_info", _PROGBITS, 0, 0, _debug_information(order)),
        (".debug_abbrev", _PROGBITS, 0, 0, _ABBREVIATIONS),
        (".symtab", _SYMTAB, 0, 0, bytes(symbols)),
        (".strtab", _STRTAB, 0, 0, bytes(names)),
        (".shstrtab", _STRTAB, 0, 0, b""),
    ]
    return _image(contents, machine, kind)


def _image(contents: list[tuple[str, int, int, int, bytes]], machine: int, kind: _Kind) -> bytes:
    """An ELF file of these sections; the last one gets their names."""
    titles = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in contents)
    image, headers = bytearray(_HEADER_SIZE), bytearray(_SECTION_SIZE)
    for number, (name, type_, flags, place, data) in enumerate(contents, 1):
        held = data if number < len(contents) else titles
        link, entry = (number + 1, _SYMBOL_SIZE) if type_ == _SYMTAB else (0, 0)
        title = titles.index(b"\0" + name.encode() + b"\0") + 1
        info = 1 if type_ == _SYMTAB else 0  # the first global symbol
        values = title, type_, flags, place, len(image), len(held), link, info, 8, entry
        headers += struct.pack(kind.order + _SECTION, *values)
        image += held + bytes(-len(held) % 8)
    image += bytes(max(_LEAST - len(image), 0))
    ident = b"\x7fELF\x02" + (b"\x01" if kind.order == "<" else b"\x02") + b"\x01"
    image[:_HEADER_SIZE] = struct.pack(
        kind.order + _HEADER, ident.ljust(16, b"\0"), _EXECUTABLE, machine, 1, kind.base, 0, len(image), 0,
        _HEADER_SIZE, 0, 0, _SECTION_SIZE, len(contents) + 1, len(contents),
    )  # fmt: skip
    return bytes(image + headers)
