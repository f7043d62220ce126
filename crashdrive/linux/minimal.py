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
from crashdrive.kernel.symbols.image import ImageSymbols, bare_name, section
from crashdrive.kernel.symbols.lookup import Symbol
from crashdrive.kernel.types.btf import Btf
from crashdrive.kernel.types.layouts import VERSION, Layouts
from crashdrive.kernel.types.model import Type, TypeRef

if TYPE_CHECKING:
    from crashdrive.cache.store import Store
    from crashdrive.linux.kernel import Kernel
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
_LONGEST_NAMES = 64 << 20


class QuickLayouts(Layouts):
    """Layouts of a kernel whose crash has loaded no modules; with ``btf``, what isn't kept comes from there.

    BTF has all types of the image, in milliseconds where gdb takes seconds, but arrays of several dimensions
    as arrays of one. So what comes from it is for those who never index these, and is kept apart.
    """

    def __init__(
        self, runner: Runner, store: Store | None, key: str | None, btf: Callable[[], Btf | None]
    ) -> None:
        super().__init__(runner, store, key)
        self._image_btf = btf

    @cached_property
    def _btf(self) -> Btf | None:
        return self._image_btf()

    @property
    def _quick(self) -> bool:
        return bool(getattr(self._runner, "quick", False))

    def _has_module_types(self) -> bool:
        return not self._quick and super()._has_module_types()

    def _learn_own(self, cold: dict[str, TypeRef]) -> None:
        if self._quick:
            cold = self._learn_from_btf(cold)
        super()._learn_own(cold)

    def _learn_from_btf(self, cold: dict[str, TypeRef]) -> dict[str, TypeRef]:
        """Learn what the store or BTF has; the rest, for gdb."""
        if self._store:
            self._known.update(self._store.get_many("type", self.key, cold, Type, version=VERSION))
            self._known_unknown(cold)
            missing = [name for name in cold if not self._is_settled(name)]
            self._known.update(self._store.get_many("btf-type", self.key, missing, Type, version=VERSION))
        rest = {name: ref for name, ref in cold.items() if not self._is_settled(name)}
        if not rest or self._btf is None:
            return rest
        try:
            named = ((name, self._btf.named.get(name, ())) for name in rest)
            kinds = {name: set(map(self._btf.type, numbers)) for name, numbers in named}
        except KernelError:
            return rest
        # a name that has several meanings is gdb's to tell
        found = {name: meanings.pop() for name, meanings in kinds.items() if len(meanings) == 1}
        self._known.update(found)
        if self._store:
            self._store.put_many("btf-type", self.key, found, version=VERSION)
        self._unknown.update(name for name in rest if name not in self._btf.named)
        return {name: ref for name, ref in rest.items() if not self._is_settled(name)}

    def _ask_enumeration(self, constant: str) -> Type:
        numbers = self._btf.with_constant(constant) if self._quick and self._btf is not None else ()
        if self._btf is None or len(numbers) != 1:
            return super()._ask_enumeration(constant)
        return self._btf.type(numbers[0])

    def _need_char(self, text: str) -> None:
        if self._quick and not self._asked_char and self._btf is not None:
            self._abi, self._asked_char = self._btf.abi, True
        super()._need_char(text)


class DumpSymbols:
    """Symbols of the image out of the vmlinux, those of modules out of their memory in the dump."""

    def __init__(self, image: ImageSymbols, kernel: Kernel) -> None:
        self.path = image.path
        self._image = image
        self._kernel = kernel

    def named(
        self, names: Sequence[str], *, everywhere: bool = False
    ) -> dict[str, tuple[Symbol, ...]] | None:
        """All symbols of each name, as `Source` says; None where a module's can't be read."""
        found = {name: self.of_image(name) for name in names}
        # the list of modules itself is found by its symbol
        others = [
            name for name, symbols in found.items() if (everywhere or not symbols) and name != "modules"
        ]
        if others and self._modules is None:
            return None
        for name in others:
            found[name] += tuple(symbol for symbol, _ in (self._modules or {}).get(name, ()))
        return found

    def rows(self) -> tuple[list[tuple[int, str, str]], list[tuple[int, int, str]]] | None:
        """All symbols and modules' memory, as `Symbols` wants them."""
        if self._modules is None:
            return None
        rows = [(symbol.address, symbol.name, symbol.kind) for symbol in self._image.all()]
        rows += [(one.address, one.name, one.kind) for each in self._modules.values() for one, _ in each]
        return rows, self._sections()

    def size(self, name: str) -> int | None:
        """Bytes of the image's only variable of that name; None where that isn't known."""
        sizes = [one.size for one in self._image.named(name)]
        if not sizes:
            sizes = [size for _, size in (self._modules or {}).get(name, ())]
        return sizes[0] or None if len(sizes) == 1 else None

    def of_image(self, name: str) -> tuple[Symbol, ...]:
        """All symbols of a name in the image alone."""
        return tuple(Symbol(one.address, one.name, one.kind) for one in self._image.named(name))

    @cached_property
    def _modules(self) -> Mapping[str, Sequence[tuple[Symbol, int]]] | None:
        """Symbols of all loaded modules by name, with their sizes; None where any of them can't be read."""
        try:
            return _module_symbols(self._kernel)
        except (FaultError, KernelError):
            return None

    def _sections(self) -> list[tuple[int, int, str]]:
        return list(_module_memory(self._kernel))


def _module_symbols(kernel: Kernel) -> dict[str, list[tuple[Symbol, int]]]:
    """By name; FaultError or KernelError where not all of it can be read."""
    found = kernel.walk_list(kernel.symbols.address("modules"), _MODULE, "list").check()
    paths = [kernel.path(_MODULE, *names) for names in _TABLES]
    kinds = kernel.chain(_MODULE, _KINDS)
    columns = found.read(["name", *paths, *([kinds] if kinds else [])]).check()
    modules = [row for row in columns if row[1] and row[2] and row[3]]
    if any(row[2] > _MOST_SYMBOLS for row in modules):
        raise KernelError("a module's table of symbols is damaged")
    window = kernel.window()
    window.fetch((table, count * _ENTRY.size) for _, table, count, *_ in modules)
    tables = [list(_entries(window.bytes(table, count * _ENTRY.size))) for _, table, count, *_ in modules]
    ends = [max((entry[0] for entry in table), default=0) for table in tables]
    if any(end > _LONGEST_NAMES for end in ends):
        raise KernelError("a module's names of symbols are damaged")
    window.fetch((row[3], end + 1) for row, end in zip(modules, ends, strict=True))
    if kinds:
        window.fetch((row[4], row[2]) for row in modules if row[4])
    symbols: dict[str, list[tuple[Symbol, int]]] = {}
    for row, table, end in zip(modules, tables, ends, strict=True):
        # the last name's own bytes lie behind where the names are known to reach
        last = kernel.read_string(row[3] + end, _LONGEST_NAME)
        strings = _whole(window.bytes(row[3], end)) + last + b"\0"
        letters = _whole(window.bytes(row[4], row[2])) if kinds and row[4] else b"?" * row[2]
        for entry, letter in zip(table, letters, strict=True):
            raw = strings[entry[0] : strings.index(b"\0", entry[0])]
            name = bare_name(raw.decode("ascii", "backslashreplace"))
            if entry[3] and name:
                symbol = Symbol(entry[4], name, chr(letter), row[0])
                symbols.setdefault(name, []).append((symbol, entry[5]))
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


def proven_btf(kernel: Kernel) -> Btf | None:
    """The types that the image carries for the kernel's own use; None where they can't be had for sure.

    The dump's memory has them too. Those of a vmlinux that was damaged would be taken for the kernel's, and
    kept, without a word.
    """
    source = kernel.symbols.source
    if not isinstance(source, DumpSymbols):
        return None
    try:
        data = section(source.path, ".BTF")
        places = source.of_image("__start_BTF")
        if data and len(places) == 1 and kernel.read(places[0].address, len(data)) == data:
            return Btf(data)
    except (KernelError, VmlinuxError):
        pass
    return None


def make_quick(session: Runner, make: Callable[[], Kernel]) -> Kernel:
    """A kernel that needs no more than physical pages; one that asks crash, where that can't be proven."""
    kernel = make()
    identity: Mapping[str, str] = getattr(session, "identity", {})
    image = _image(identity)
    if image is None or kernel.paging is None:
        return kernel
    kernel.memory.paging = kernel.paging
    kernel.symbols.source = DumpSymbols(image, kernel)
    if _is_right(kernel, image, identity.get("osrelease")):
        return kernel
    return make()


def with_modules(session: Runner, kernel: Kernel) -> Kernel:
    """The same kernel; modules that crash was started without are found in the dump's memory."""
    identity: Mapping[str, str] = getattr(session, "identity", {})
    image = _image(identity)
    if image is not None and _is_right(kernel, image, identity.get("osrelease")):
        kernel.symbols.source = DumpSymbols(image, kernel)
    return kernel


def _image(identity: Mapping[str, str]) -> ImageSymbols | None:
    try:
        return ImageSymbols(identity["vmlinux"], int(identity.get("kaslr_offset") or "0", 0))
    except (KeyError, VmlinuxError):
        return None


def _is_right(kernel: Kernel, image: ImageSymbols, release: str | None) -> bool:
    """Whether the words that the kernel began with are found where they have to be."""
    places = image.named("linux_banner")
    try:
        said = kernel.read_string(places[0].address, 256) if places else b""
    except FaultError:
        return False
    return bool(release) and said.startswith(f"Linux version {release} ".encode())
