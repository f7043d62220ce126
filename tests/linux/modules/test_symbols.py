"""Symbols of modules out of their memory, and those of a dump together: found, damaged, missing."""

from __future__ import annotations

import struct
from array import array
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from crashdrive.errors import FaultError, KernelError
from crashdrive.kernel.symbols.lookup import Symbol, Symbols
from crashdrive.kernel.types.model import ArrayType, Type, size_of
from crashdrive.linux import minimal
from crashdrive.linux.minimal import DumpSymbols, make_minimal, make_with_modules
from crashdrive.linux.modules.symbols import module_memory, module_symbols
from tests.kernel.fake_memory import (
    CHAR,
    LIST_HEAD,
    PAGE,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)
from tests.kernel.session_double import SessionDouble

if TYPE_CHECKING:
    from crashdrive.kernel.symbols.image import ImageSymbols
    from crashdrive.linux.kernel import Kernel

NAME = ArrayType(CHAR, 56)
PART = record("module_memory", ("base", pointer("void")), ("size", UINT))
NEW: dict[str, Type] = {
    "struct module": record(
        "module",
        ("list", LIST_HEAD),
        ("name", NAME),
        ("mem", ArrayType(PART, 2)),
        ("kallsyms", pointer("struct mod_kallsyms")),
    ),
    "struct module_memory": PART,
    "struct mod_kallsyms": record(
        "mod_kallsyms",
        ("symtab", pointer("void")),
        ("num_symtab", UINT),
        ("strtab", pointer(CHAR)),
        ("typetab", pointer(CHAR)),
    ),
}
# before 4.5 all of it stood in the module, and 5.2 added the letters
OLD: dict[str, Type] = {
    "struct module": record(
        "module",
        ("list", LIST_HEAD),
        ("name", NAME),
        ("module_core", pointer("void")),
        ("core_size", UINT),
        ("module_init", pointer("void")),
        ("init_size", UINT),
        ("symtab", pointer("void")),
        ("num_symtab", ULONG),
        ("strtab", pointer(CHAR)),
    ),
}
SYMBOLS = [
    ("", 0, 0, 0),
    ("open", 0x1000, 1, 64),
    ("$d", 0x1010, 1, 0),
    ("absent", 0, 0, 0),
    ("open.lto_priv.0", 0x2000, 2, 8),
]


class Modules:
    """A kernel with some modules; ``places``: each table's address, by module and what it is."""

    def __init__(self, types: dict[str, Type] = NEW) -> None:
        self.types = types
        self.memory = FakeMemory()
        self.head = self.memory.allocate(16)
        self.places: dict[tuple[str, str], int] = {}
        self._nodes: list[int] = []

    def load(self, name: str, symbols: list[tuple[str, int, int, int]], base: int) -> int:
        """Load one more module; symbols are name, address, section and size."""
        names, table = bytearray(), bytearray()
        for word, value, section, size in symbols:
            table += struct.pack("<IBBHQQ", len(names), 0, 0, section, value, size)
            names += word.encode() + b"\0"
        letters = "".join("t" if word else "?" for word, *_ in symbols).encode()
        kept = {"symtab": bytes(table), "strtab": bytes(names), "typetab": letters}
        for kind, data in kept.items():
            place = self.places[name, kind] = self.memory.allocate(len(data) or 1, PAGE)
            self.memory.write(place, data)
        self.memory.allocate(0, PAGE)
        own = [self.places[name, kind] for kind in kept]
        address = self.memory.allocate(size_of(self.types["struct module"]) or 0)
        self.memory.write(address + 16, name.encode())
        if "struct mod_kallsyms" in self.types:
            where = self.memory.allocate(32)
            self.memory.word(where, own[0], len(symbols), *own[1:])
            self.memory.word(address + 72, base, 0x3000, 0, 0x1000, where)
        else:
            self.memory.word(address + 72, base, 0x3000, 0, 0, own[0], len(symbols), own[1])
        self._nodes.append(address)
        link_list(self.memory, self.head, self._nodes)
        return address

    def kernel(self) -> Kernel:
        """The kernel of it, knowing nothing."""
        return fake_kernel(self.memory, self.types, {"modules": self.head})


@pytest.fixture(params=[NEW, OLD], ids=["new", "old"])
def loaded(request: pytest.FixtureRequest) -> Modules:
    found = Modules(request.param)
    found.load("first", SYMBOLS, 0xFFFF_FFFF_C000_0000)
    found.load("second", [("open", 0x9000, 1, 4)], 0xFFFF_FFFF_C100_0000)
    return found


def test_symbols_of_all_modules(loaded: Modules) -> None:
    letter = "t" if loaded.types is NEW else "?"
    found = module_symbols(loaded.kernel())
    assert "absent" not in found
    assert "" not in found
    assert (Symbol(0x1000, "open", letter, "first"), 64) in found["open"]
    assert (Symbol(0x9000, "open", letter, "second"), 4) in found["open"]
    assert {one.address for each in found.values() for one, _ in each} == {0x1000, 0x2000, 0x9000}
    assert "$d" not in found


def test_memory_of_modules(loaded: Modules) -> None:
    first = 0xFFFF_FFFF_C000_0000
    assert list(module_memory(loaded.kernel())) == [
        (first, first + 0x2FFF, "first"),
        (first + 0x100_0000, first + 0x100_2FFF, "second"),
    ]


def test_a_module_without_symbols() -> None:
    modules = Modules()
    modules.load("silent", [], 0xFFFF_FFFF_C000_0000)
    assert module_symbols(modules.kernel()) == {}


@pytest.mark.parametrize("kind", ["symtab", "strtab", "typetab"])
def test_what_the_dump_lacks_is_an_error(kind: str) -> None:
    modules = Modules()
    modules.load("first", SYMBOLS, 0)
    modules.memory.hole(modules.places["first", kind])
    with pytest.raises((FaultError, KernelError)):
        module_symbols(modules.kernel())


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda modules, where: modules.memory.word(where + 8, 1 << 21), "table of symbols is damaged"),
        (
            lambda modules, _: modules.memory.write(modules.places["first", "symtab"], b"\xff" * 4),
            "names of symbols are damaged",
        ),
    ],
)
def test_numbers_that_cannot_be(damage: Any, said: str) -> None:
    modules = Modules()
    address = modules.load("first", SYMBOLS, 0)
    damage(modules, int.from_bytes(modules.memory.read(address + 104, 8), "little"))
    with pytest.raises(KernelError, match=said):
        module_symbols(modules.kernel())


# the image's and the modules' together


class Image:
    """A vmlinux's symbols: ``open`` is the image's too, ``banner`` its own."""

    path = "/vmlinux"

    def __init__(self, banner: int = 0x5000) -> None:
        self._all = [
            SimpleNamespace(name="open", address=0x100, kind="T", size=16),
            SimpleNamespace(name="linux_banner", address=banner, kind="R", size=0),
        ]

    def named(self, name: str) -> list[Any]:
        return [one for one in self._all if one.name == name]

    def places(self) -> tuple[array[int], array[int]]:
        return array("Q", (one.address for one in self._all)), array("I", range(len(self._all)))

    def symbol(self, index: int) -> Any:
        return self._all[index]


def together(modules: Modules) -> DumpSymbols:
    image: Any = Image()
    return DumpSymbols(image, modules.kernel)


def test_the_image_comes_first(loaded: Modules) -> None:
    found = together(loaded)
    named = found.named(["open", "modules", "nothing"])
    assert named is not None
    assert [(one.address, one.module) for one in named["open"]] == [(0x100, None)]
    assert (named["modules"], named["nothing"]) == ((), ())
    everywhere = found.named(["open"], everywhere=True)
    assert everywhere is not None
    assert {0x100, 0x1000, 0x9000} <= {one.address for one in everywhere["open"]}
    assert (found.size("open"), found.size("linux_banner"), found.size("nothing")) == (16, None, None)
    columns = found.columns()
    assert columns is not None
    assert (0x100, "open", "T") in list(zip(columns.addresses, columns.names, columns.kinds, strict=True))
    assert list(columns.addresses) == sorted(columns.addresses)
    assert {name for _, _, name in columns.sections} == {"first", "second"}


@pytest.mark.parametrize("table_first", [False, True])
@pytest.mark.parametrize("letters", ["tt", "tw", "TW"])
def test_a_name_may_be_a_variable_where_modules_have_functions_alone(
    letters: str,
    table_first: bool,  # noqa: FBT001 - whether it is asked for before the whole table is made, or after
) -> None:
    modules = Modules()
    modules.load("first", [("open", 0x1000, 1, 64), ("fallback", 0x2000, 1, 8)], 0xFFFF_FFFF_C000_0000)
    modules.memory.write(modules.places["first", "typetab"], letters.encode())
    kernel = modules.kernel()
    image: Any = Image()
    symbols = Symbols(kernel.session, source=DumpSymbols(image, lambda: kernel))
    if table_first:
        assert symbols.lookup(0x1000)
    assert symbols.has("fallback")
    assert symbols.doubts() == ()
    assert not symbols.has("hash_of_a_module")
    assert "hash_of_a_module may be there" in symbols.doubts()[0].message


def test_letters_of_kernels_before_5_0_are_in_the_symbols() -> None:
    modules = Modules(OLD)
    modules.load("first", SYMBOLS, 0)
    at = modules.places["first", "symtab"] + 24 + 4
    modules.memory.write(at, b"d")
    assert [one.kind for one, _ in module_symbols(modules.kernel())["open"]] == ["d"]


def test_where_a_module_cannot_be_read_crash_is_asked() -> None:
    modules = Modules()
    modules.load("first", SYMBOLS, 0)
    modules.memory.hole(modules.places["first", "symtab"])
    found = together(modules)
    assert (found.named(["nothing"]), found.columns()) == (None, None)
    named = found.named(["open"])
    assert named is not None
    assert [one.address for one in named["open"]] == [0x100]


@pytest.mark.parametrize(
    ("said", "release", "right"),
    [
        (b"Linux version 6.1.0 (gcc)\0", "6.1.0", True),
        (b"Linux version 6.1.0-other (gcc)\0", "6.1.0", False),
        (b"Linux version 6.1.0 (gcc)\0", None, False),
        (None, "6.1.0", False),
    ],
)
def test_a_kernel_is_made_of_a_vmlinux_whose_banner_is_the_dump_s(
    said: bytes | None, release: str | None, monkeypatch: pytest.MonkeyPatch, *, right: bool
) -> None:
    memory = FakeMemory()
    banner = memory.allocate(256, PAGE)
    if said is None:
        memory.hole(banner)
    else:
        memory.write(banner, said)
    image: Any = Image(banner)
    monkeypatch.setattr(minimal, "ImageSymbols", lambda _path, _offset: image)
    identity = {"vmlinux": "/vmlinux"} | ({"osrelease": release} if release else {})
    session = SessionDouble(identity=identity)
    made: list[tuple[bool, bool]] = []

    def make(image: ImageSymbols | None = None, *, physical: bool = False) -> Kernel:
        made.append((image is not None, physical))
        kernel = fake_kernel(memory)
        vars(kernel)["paging"] = object()
        return kernel

    make_with_modules(session, make)
    make_minimal(session, make)
    asked = (
        [(True, False), (True, True)]
        if right
        else [(True, False), (False, False), (True, True), (False, False)]
    )
    assert made == asked


def test_without_a_vmlinux_crash_is_asked() -> None:
    made: list[bool] = []

    def make(image: ImageSymbols | None = None, *, physical: bool = False) -> Kernel:
        made.append(image is not None or physical)
        return fake_kernel(FakeMemory())

    make_minimal(SessionDouble(), make)
    make_with_modules(SessionDouble(identity={"vmlinux": "/no/such/file"}), make)
    assert made == [False, False]
