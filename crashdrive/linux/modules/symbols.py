"""Symbols of loaded modules, from their memory in the dump. Source: kernel/module (mod_kallsyms)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashdrive.errors import KernelError
from crashdrive.kernel.symbols.image import ENTRIES, bare_name, is_mark
from crashdrive.kernel.symbols.lookup import Symbol
from crashdrive.linux.machine import Machine
from crashdrive.linux.modules.loaded import for_each_module

_MODULE = "struct module"
# mod_kallsyms since 4.5 (8244062ef1e5)
_TABLES = (
    ("kallsyms->symtab", "symtab"),
    ("kallsyms->num_symtab", "num_symtab"),
    ("kallsyms->strtab", "strtab"),
)
_KINDS = ("kallsyms->typetab", "typetab")  # since 5.2 (1c7651f43777)
_ASCII = 0x80
_LONGEST_NAME = 512
_MOST_SYMBOLS = 1 << 20
_LONGEST_NAMES = 64 << 20


def module_symbols(kernel: Machine) -> dict[str, list[tuple[Symbol, int]]]:
    """Symbols of all modules by name, with their sizes; FaultError or KernelError where any can't be read."""
    found = for_each_module(kernel).check()
    paths = [kernel.path(_MODULE, *names) for names in _TABLES]
    kinds = kernel.first_path(_MODULE, _KINDS)
    columns = found.read(["name", *paths, *([kinds] if kinds else [])]).check()
    modules = [row for row in columns if row[1] and row[2] and row[3]]
    if any(row[2] > _MOST_SYMBOLS for row in modules):
        raise KernelError("a module's table of symbols is damaged")
    window, entry = kernel.window(), ENTRIES[kernel.order]
    window.fetch((table, count * entry.size) for _, table, count, *_ in modules)
    tables = [
        list(entry.iter_unpack(_whole(window.bytes(table, count * entry.size))))
        for _, table, count, *_ in modules
    ]
    ends = [max((row[0] for row in table), default=0) for table in tables]
    if any(end > _LONGEST_NAMES for end in ends):
        raise KernelError("a module's names of symbols are damaged")
    window.fetch((row[3], end + 1) for row, end in zip(modules, ends, strict=True))
    if kinds:
        window.fetch((row[4], row[2]) for row in modules if row[4])
    symbols: dict[str, list[tuple[Symbol, int]]] = {}
    for row, table, end in zip(modules, tables, ends, strict=True):
        # the last name itself is beyond the known end of the names
        last = kernel.read_string(row[3] + end, _LONGEST_NAME)
        strings = _whole(window.bytes(row[3], end)) + last + b"\0"
        letters = _whole(window.bytes(row[4], row[2])) if kinds and row[4] else _older_kinds(table)
        for (offset, _, _, section, value, size), letter in zip(table, letters, strict=True):
            raw = strings[offset : strings.index(b"\0", offset)]
            name = bare_name(raw.decode("ascii", "backslashreplace"))
            if section and name and not is_mark(name):
                symbol = Symbol(value, name, chr(letter), row[0])
                symbols.setdefault(name, []).append((symbol, size))
    return symbols


def _older_kinds(table: Sequence[tuple[int, ...]]) -> bytes:
    """nm's letters where the kernel writes them over ELF's own information (before 5.0); ``?`` for others."""
    return bytes(info if chr(info).isalpha() and info < _ASCII else ord("?") for _, info, *_ in table)


def _whole(raw: bytes | None) -> bytes:
    if raw is None:
        raise KernelError("a module's symbols aren't in the dump")
    return raw


def module_memory(kernel: Machine) -> Iterator[tuple[int, int, str]]:
    """(start, end, name) of each part of each module; FaultError or CorruptError where any can't be read."""
    found = for_each_module(kernel).check()
    if kernel.has_member(_MODULE, "mem"):
        count = kernel.sizeof(kernel.place(_MODULE, "mem").type) // kernel.sizeof("struct module_memory")
        parts = [(f"mem[{number}].base", f"mem[{number}].size") for number in range(count)]
    else:
        both = (("core_layout.base", "module_core"), ("core_layout.size", "core_size"))
        late = (("init_layout.base", "module_init"), ("init_layout.size", "init_size"))
        parts = [(kernel.path(_MODULE, *b), kernel.path(_MODULE, *s)) for b, s in (both, late)]
    columns = found.read(["name", *(path for pair in parts for path in pair)]).check()
    for name, *places in columns:
        for base, size in zip(places[::2], places[1::2], strict=True):
            if name and base and size:
                yield base, base + size - 1, name
