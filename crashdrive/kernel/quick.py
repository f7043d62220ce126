"""A kernel whose crash came up without its tables: symbols out of the vmlinux, memory by our own page walk.

What is computed from memory alone needs no more of crash than physical pages, and crash gives those a second
after its start, not after four. Whatever isn't found here for sure is asked of crash, which then
comes up with all its tables (`Session.quick`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from crashdrive.errors import FaultError, KernelError, VmlinuxError
from crashdrive.kernel.image import ImageSymbols
from crashdrive.kernel.layouts import Layouts
from crashdrive.kernel.symbols import Symbol

if TYPE_CHECKING:
    from crashdrive.kernel.kernel import Kernel
    from crashdrive.session.result import Runner

_MODULE = "struct module"
# mod_kallsyms since 4.5 (8244062ef1e5)
_TABLES = (
    ("kallsyms->symtab", "symtab"),
    ("kallsyms->num_symtab", "num_symtab"),
    ("kallsyms->strtab", "strtab"),
)
_KINDS = ("kallsyms->typetab", "typetab")  # since 5.2 (1c7651f43777)
_ENTRY = struct.Struct("<IBBHQQ")
_LONGEST_NAME = 512
_MOST_SYMBOLS = 1 << 20


class QuickLayouts(Layouts):
    """Layouts of a kernel whose crash has loaded no modules."""

    def _has_module_types(self) -> bool:
        return not getattr(self._runner, "quick", False) and super()._has_module_types()


class DumpSymbols:
    """Symbols of the image out of the vmlinux, those of modules out of their memory in the dump."""

    def __init__(self, image: ImageSymbols, kernel: Kernel) -> None:
        self._image = image
        self._kernel = kernel

    def named(self, names: Sequence[str]) -> dict[str, tuple[Symbol, ...]] | None:
        """All symbols of each name; None where a module's can't be read."""
        found = {name: tuple(self._of_image(name)) for name in names}
        others = [name for name, symbols in found.items() if not symbols and name != "modules"]
        if others and self._modules is None:
            return None
        for name in others:
            found[name] = tuple((self._modules or {}).get(name, ()))
        return found

    def rows(self) -> tuple[list[tuple[int, str, str]], list[tuple[int, int, str]]] | None:
        """All symbols and modules' memory, as `Symbols` wants them."""
        if self._modules is None:
            return None
        rows = [(symbol.address, symbol.name, symbol.kind) for symbol in self._image.all()]
        rows += [(one.address, one.name, one.kind) for each in self._modules.values() for one in each]
        return rows, self._sections()

    def _of_image(self, name: str) -> Iterator[Symbol]:
        return (Symbol(one.address, one.name, one.kind) for one in self._image.named(name))

    @cached_property
    def _modules(self) -> Mapping[str, Sequence[Symbol]] | None:
        """Symbols of all loaded modules by name; None where any of them can't be read."""
        try:
            return _module_symbols(self._kernel)
        except (FaultError, KernelError):
            return None

    def _sections(self) -> list[tuple[int, int, str]]:
        return list(_module_memory(self._kernel))


def _module_symbols(kernel: Kernel) -> dict[str, list[Symbol]]:
    """FaultError or KernelError where not all of it can be read."""
    found = kernel.walk_list(kernel.symbols.address("modules"), _MODULE, "list").check()
    paths = [kernel.path(_MODULE, *names) for names in _TABLES]
    kinds = kernel.chain(_MODULE, _KINDS)
    columns = found.read(["name", *paths, *([kinds] if kinds else [])]).check()
    modules = [row for row in columns if row[1] and 0 < row[2] < _MOST_SYMBOLS and row[3]]
    window = kernel.window()
    window.fetch((table, count * _ENTRY.size) for _, table, count, *_ in modules)
    tables = [list(_entries(window.bytes(table, count * _ENTRY.size))) for _, table, count, *_ in modules]
    ends = [max((entry[0] for entry in table), default=0) for table in tables]
    window.fetch((row[3], end + 1) for row, end in zip(modules, ends, strict=True))
    if kinds:
        window.fetch((row[4], row[2]) for row in modules if row[4])
    symbols: dict[str, list[Symbol]] = {}
    for row, table, end in zip(modules, tables, ends, strict=True):
        # the last name's own bytes lie behind where the names are known to reach
        last = kernel.read_string(row[3] + end, _LONGEST_NAME)
        strings = _whole(window.bytes(row[3], end)) + last + b"\0"
        letters = _whole(window.bytes(row[4], row[2])) if kinds and row[4] else b"?" * row[2]
        for entry, letter in zip(table, letters, strict=True):
            name = strings[entry[0] : strings.index(b"\0", entry[0])].decode("ascii", "backslashreplace")
            if entry[3] and name:
                symbols.setdefault(name, []).append(Symbol(entry[4], name, chr(letter), row[0]))
    return symbols


def _entries(raw: bytes | None) -> Iterator[tuple[int, ...]]:
    return _ENTRY.iter_unpack(_whole(raw))


def _whole(raw: bytes | None) -> bytes:
    if raw is None:
        raise KernelError("a module's symbols aren't in the dump")
    return raw


def _module_memory(kernel: Kernel) -> Iterator[tuple[int, int, str]]:
    """(start, end, name) of each part of each module."""
    found = kernel.walk_list(kernel.symbols.address("modules"), _MODULE, "list")
    if kernel.has_member(_MODULE, "mem"):
        count = kernel.sizeof(kernel.place(_MODULE, "mem").type) // kernel.sizeof("struct module_memory")
        parts = [(f"mem[{number}].base", f"mem[{number}].size") for number in range(count)]
    else:
        both = (("core_layout.base", "module_core"), ("core_layout.size", "core_size"))
        late = (("init_layout.base", "module_init"), ("init_layout.size", "init_size"))
        parts = [(kernel.path(_MODULE, *b), kernel.path(_MODULE, *s)) for b, s in (both, late)]
    columns = found.read(["name", *(path for pair in parts for path in pair)])
    for name, *places in columns:
        for base, size in zip(places[::2], places[1::2], strict=True):
            if name and base and size:
                yield base, base + size - 1, name


def make_quick(session: Runner, make: Callable[[], Kernel]) -> Kernel:
    """A kernel that needs no more than physical pages; one that asks crash, where that can't be proven."""
    kernel = make()
    identity: Mapping[str, str] = getattr(session, "identity", {})
    try:
        image = ImageSymbols(identity["vmlinux"], int(identity.get("kaslr_offset") or "0", 0))
    except VmlinuxError:
        return kernel
    if kernel.paging is None:
        return kernel
    kernel.memory.paging = kernel.paging
    kernel.symbols.source = DumpSymbols(image, kernel)
    if _is_right(kernel, image, identity.get("osrelease")):
        return kernel
    return make()


def _is_right(kernel: Kernel, image: ImageSymbols, release: str | None) -> bool:
    """Whether the words that the kernel began with are found where they have to be."""
    places = image.named("linux_banner")
    try:
        said = kernel.read_string(places[0].address, 256) if places else b""
    except FaultError:
        return False
    return bool(release) and said.startswith(f"Linux version {release} ".encode())
