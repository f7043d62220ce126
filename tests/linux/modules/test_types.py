"""Types of modules out of a dump's memory: found, kept, told apart, missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from crashdrive.cache.store import Store
from crashdrive.errors import UnknownTypeError
from crashdrive.kernel.types.model import (
    ArrayType,
    PointerType,
    StructType,
    Type,
    TypeRef,
    size_of,
    type_name,
)
from tests.kernel.btf_bytes import Writer
from tests.kernel.fake_memory import (
    CHAR,
    LIST_HEAD,
    PAGE,
    UINT,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crashdrive.linux.kernel import Kernel

TYPES: dict[str, Type] = {
    "struct btf": record(
        "btf",
        ("data", pointer("void")),
        ("data_size", UINT),
        ("base_btf", pointer("struct btf")),
        ("name", ArrayType(CHAR, 56)),
    ),
    "struct btf_module": record("btf_module", ("list", LIST_HEAD), ("btf", pointer("struct btf"))),
    "struct both": record("both", ("of_the_kernel", UINT)),
}


class Dump:
    """A kernel's memory with modules' BTF in it; ``blobs``: where each begins."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.base = Writer()
        self.base.integer("int", 4, 1)
        self.base.record("kernels", 4, ("n", 1, 0))
        self.blobs: dict[str, int] = {}
        self.head = self.memory.allocate(16)
        self._nodes: list[int] = []
        self._base = self.btf("vmlinux", self.base, 0)

    def btf(self, name: str, writer: Writer, base: int) -> int:
        """A ``struct btf``."""
        data = writer.bytes()
        place = self.blobs[name] = self.memory.allocate(len(data), PAGE)
        self.memory.write(place, data)
        self.memory.allocate(0, PAGE)
        kind = TYPES["struct btf"]
        address = self.memory.allocate(size_of(kind) or 0)
        self.memory.word(address, place, len(data), base)
        self.memory.write(address + 24, name.encode())
        return address

    def module(self, name: str, fill: Callable[[Writer], object]) -> None:
        """Load one more module."""
        writer = Writer(self.base)
        fill(writer)
        address = self.btf(name, writer, self._base)
        node = self.memory.allocate(24)
        self.memory.word(node + 16, address)
        self._nodes.insert(0, node)
        link_list(self.memory, self.head, self._nodes)

    def kernel(self, store: Store | None = None, key: str = "a dump") -> Kernel:
        """A kernel of it, knowing nothing."""
        symbols = {"btf_modules": self.head}
        kernel = fake_kernel(self.memory, TYPES, symbols)
        if store is not None:
            kernel.layouts._store, kernel.layouts._key = store, "a build"
        vars(kernel.symbols)["key"] = key
        return kernel


def priv(size: int = 4) -> Callable[[Writer], object]:
    """A module's ``struct priv`` with a pointer to its ``struct queue``."""

    def fill(writer: Writer) -> None:
        queue = writer.record("queue", size, ("length", 1, 0))
        writer.record("priv", 16, ("queues", writer.next + 1, 0), ("last", 1, 64))
        writer.pointer(queue)

    return fill


@pytest.fixture
def dump() -> Dump:
    found = Dump()
    found.module("older", priv())
    found.module("lonely", lambda w: w.record("single", 4, ("n", 1, 0)))
    return found


def test_a_type_that_the_kernel_lacks_is_a_module_s(dump: Dump) -> None:
    kernel = dump.kernel()
    found = kernel.type("struct single")
    assert isinstance(found, StructType)
    assert found.name == "single@lonely"
    assert kernel.offset("struct priv", "last") == 8
    assert kernel.sizeof("struct queue@older") == 4
    assert kernel.sizeof("struct single [3]") == 12
    queue = kernel.place("struct priv", "queues").type
    assert type_name(queue) == "struct queue@older *"
    assert kernel.has_member("struct priv", "queues->length")


def test_nothing_is_read_before_a_type_is_missing(dump: Dump) -> None:
    kernel = dump.kernel()
    kernel.type("struct item")
    assert dump.memory.rounds == 0
    assert not kernel.has_type("struct nobody_has_this")
    rounds = dump.memory.rounds
    assert not kernel.has_type("struct nor_this")
    assert dump.memory.rounds == rounds


def test_modules_that_have_the_same_are_no_matter_and_others_are_told(dump: Dump) -> None:
    dump.module("same", priv())
    assert type_name(dump.kernel().type("struct priv")) == "struct priv@older"
    dump.module("different", priv(8))
    kernel = dump.kernel()
    with pytest.raises(UnknownTypeError, match=r"struct priv@older, struct priv@same, struct priv@different"):
        kernel.type("struct priv")
    assert not kernel.has_type("struct priv")
    assert kernel.sizeof("struct queue@same") == 4
    assert kernel.sizeof("struct queue@different") == 8
    many = kernel.read_many("struct queue@different", [dump.head], ["length"])
    assert many.complete


def test_a_hint_without_a_type_of_the_module_means_the_kernel_s(dump: Dump) -> None:
    dump.module("own", lambda w: w.record("both", 16, ("n", 1, 0)))
    kernel = dump.kernel()
    assert kernel.type("struct both") == TYPES["struct both"]
    assert kernel.type("struct both@lonely") == TYPES["struct both"]
    assert kernel.type("struct both@not_loaded") == TYPES["struct both"]
    assert kernel.sizeof("struct both@own") == 16
    for name in ("struct single@older", "struct single@not_loaded", "struct nobody@own"):
        with pytest.raises(UnknownTypeError):
            kernel.type(name)


def test_what_two_files_of_a_module_call_the_same_is_told(dump: Dump) -> None:
    def twice(writer: Writer) -> None:
        writer.record("twin", 4)
        writer.record("twin", 8)

    dump.module("untidy", twice)
    for name in ("struct twin", "struct twin@untidy"):
        with pytest.raises(UnknownTypeError, match="2 different types"):
            dump.kernel().type(name)


def test_holes_and_damage_are_told(dump: Dump) -> None:
    dump.module("torn", priv(8))
    dump.memory.hole(dump.blobs["torn"])
    dump.memory.write(dump.blobs["lonely"], b"xx")
    kernel = dump.kernel()
    with pytest.raises(UnknownTypeError, match=r"types of lonely, torn can't be read: .* damaged"):
        kernel.type("struct single")
    with pytest.raises(
        UnknownTypeError, match=r"another struct priv: .*say which is meant: struct priv@older"
    ):
        kernel.type("struct priv")
    assert kernel.sizeof("struct priv@older") == 16
    with pytest.raises(UnknownTypeError, match=r"types of torn can't be read: .* isn't in the dump"):
        kernel.type("struct priv@torn")


@pytest.mark.parametrize("broken", ["vmlinux", "list"])
def test_without_the_list_or_the_base_there_is_nothing(dump: Dump, broken: str) -> None:
    if broken == "list":
        dump.memory.word(dump.head, 0xDEAD000000000100)
    else:
        dump.memory.hole(dump.blobs["vmlinux"])
    kernel = dump.kernel()
    assert not kernel.has_type("struct single")
    with pytest.raises(UnknownTypeError, match="can't be read"):
        kernel.type("struct single@lonely")


def test_a_kernel_without_btf_has_no_more_types(dump: Dump) -> None:
    kernel = fake_kernel(dump.memory, TYPES)
    assert not kernel.has_type("struct single")
    assert kernel.layouts._elsewhere() is kernel.module_types


def test_what_was_read_is_kept_for_the_dump_and_types_for_the_module_s_build(
    dump: Dump, tmp_path: Path
) -> None:
    store = Store(tmp_path / "cache")
    first = dump.kernel(store)
    wanted = {name: first.type(name) for name in ("struct single", "struct priv", "struct queue@older")}
    rounds = dump.memory.rounds
    again = dump.kernel(store)
    assert {name: again.type(name) for name in wanted} == wanted
    assert not again.has_type("struct nobody")
    assert dump.memory.rounds == rounds
    # another dump of this kernel, with another build of the module
    other = Dump()
    other.module("older", priv(8))
    elsewhere = other.kernel(store, "another dump")
    assert elsewhere.sizeof("struct queue") == 8
    assert not elsewhere.has_type("struct single")


def test_types_are_references_with_their_module(dump: Dump) -> None:
    kernel = dump.kernel()
    declared = kernel.layouts.declared("const struct priv@older *")
    assert declared == PointerType(TypeRef("struct priv@older"), 8)
    assert msgspec.msgpack.decode(
        msgspec.msgpack.encode(kernel.type("struct priv")), type=StructType
    ) == kernel.type("struct priv")
    for name in ("struct priv@", "struct @older", "@older", "struct priv@older@older", "int@older"):
        assert not kernel.has_type(name)
