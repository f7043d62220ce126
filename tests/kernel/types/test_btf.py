"""BTF, byte by byte: every kind, modules on their base, damage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashdrive.errors import KernelError
from crashdrive.kernel.types.btf import Btf, Kind, same
from crashdrive.kernel.types.declarations import Abi
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FloatType,
    FunctionType,
    IncompleteType,
    IntType,
    Member,
    PointerType,
    StructType,
    TypedefType,
    TypeRef,
    VoidType,
)
from tests.kernel.btf_bytes import Writer

INT = IntType("int", 4, signed=True)
CHAR = IntType("char", 1, signed=True, kind="char")


def vmlinux(order: str = "<") -> tuple[Writer, dict[str, int]]:
    """A kernel with a type of each kind; ids by name."""
    w, ids = Writer(order=order), {}
    ids["int"] = w.integer("int", 4, 1)
    ids["char"] = w.integer("char", 1, 1)
    ids["bool"] = w.integer("_Bool", 1, 4)
    ids["long"] = w.integer("long unsigned int", 8)
    ids["double"] = w.add(Kind.FLOAT, "double", 8)
    ids["u32"] = w.add(Kind.TYPEDEF, "u32", w.integer("unsigned int", 4))
    const = w.add(Kind.CONST, None, w.add(Kind.VOLATILE, None, w.add(Kind.TYPE_TAG, "rcu", ids["u32"])))
    ids["state"] = w.enum("state", [("ON", 1), ("OFF", -1)], flag=1)
    ids["wide"] = w.enum("wide", [("BIG", 1 << 40), ("HUGE", (1 << 64) - 1)], wide=True)
    ids["mask"] = w.enum("mask", [("TOP", 0x80000000)])
    ids["hidden"] = w.add(Kind.FWD, "hidden", 0)
    ids["union"] = w.add(Kind.FWD, "either", 0, flag=1)
    node = w.next
    ids["node"] = w.record("node", 16, ("next", node + 1, 0), ("value", const, 64))
    w.pointer(node)
    call = w.pointer(w.function(0, w.pointer(ids["hidden"]), ids["u32"], 0))
    inner = w.record(None, 8, ("low", ids["int"], 0), ("high", ids["int"], 0), kind=Kind.UNION)
    ids["thing"] = w.record(
        "thing", 80,
        ("node", node, 0), (None, inner, 128), ("call", call, 192), ("name", w.array(ids["char"], 16), 256),
        ("state", ids["state"], 384), ("pairs", w.array(inner, 2), 416),
        ("where", w.pointer(ids["union"]), 576), ("rest", w.array(node, 0), 640),
    )  # fmt: skip
    ids["bits"] = w.record(
        "bits", 8, ("a", ids["u32"], 0, 3), ("b", ids["state"], 3, 5), ("c", ids["int"], 32, 0)
    )
    ids["old"] = w.record("old", 4, ("a", w.integer("int", 4, 1, bits=7, start=2), 0))
    ids["matrix"] = w.add(Kind.TYPEDEF, "matrix", w.array(w.array(ids["double"], 3), 2))
    w.add(Kind.FUNC, "call_it", w.function(ids["bool"]), count=1)
    w.add(Kind.DECL_TAG, "tag", ids["thing"], [0])
    w.add(Kind.VAR, "variable", ids["int"], [1])
    w.add(Kind.DATASEC, "section", 8, [1, 0, 4], 1)
    return w, ids


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_is_what_gdb_would_tell(order: str) -> None:
    w, ids = vmlinux(order)
    btf = Btf(w.bytes())
    inner = StructType("union", None, 8, (Member("low", INT, 0), Member("high", INT, 0)))
    node = StructType(
        "struct",
        "node",
        16,
        (Member("next", PointerType(TypeRef("struct node"), 8), 0), Member("value", TypeRef("u32", 4), 64)),
    )
    call = FunctionType(VoidType(), (PointerType(TypeRef("struct hidden"), 8), TypeRef("u32")), variadic=True)
    assert btf.type(ids["thing"]) == StructType(
        "struct",
        "thing",
        80,
        (
            Member("node", node, 0),
            Member(None, inner, 128),
            Member("call", PointerType(call, 8), 192),
            Member("name", ArrayType(CHAR, 16), 256),
            Member("state", TypeRef("enum state", 4), 384),
            Member("pairs", ArrayType(inner, 2), 416),
            Member("where", PointerType(TypeRef("union either"), 8), 576),
            Member("rest", ArrayType(TypeRef("struct node", 16), None), 640),
        ),
    )
    assert btf.type(ids["u32"]) == TypedefType("u32", IntType("unsigned int", 4, signed=False))
    assert btf.type(ids["bool"]) == IntType("_Bool", 1, signed=False, kind="bool")
    assert btf.type(ids["state"]) == EnumType("state", 4, signed=True, enumerators=(("ON", 1), ("OFF", -1)))
    assert btf.type(ids["wide"]) == EnumType(
        "wide", 8, signed=False, enumerators=(("BIG", 1 << 40), ("HUGE", (1 << 64) - 1))
    )
    assert btf.type(ids["mask"]) == EnumType("mask", 4, signed=False, enumerators=(("TOP", 1 << 31),))
    double = FloatType("double", 8)
    assert btf.type(ids["matrix"]) == TypedefType("matrix", ArrayType(ArrayType(double, 3), 2))
    assert btf.named["struct thing"] == (ids["thing"],)
    assert "struct hidden" not in btf.named
    assert btf.end == w.next


def test_both_forms_of_bit_fields() -> None:
    w, ids = vmlinux()
    btf = Btf(w.bytes())
    bits = btf.type(ids["bits"])
    assert isinstance(bits, StructType)
    assert bits.members == (
        Member("a", TypeRef("u32", 4), 0, 3),
        Member("b", TypeRef("enum state", 4), 3, 5),
        Member("c", INT, 32),
    )
    old = btf.type(ids["old"])
    assert isinstance(old, StructType)
    assert old.members == (Member("a", INT, 2, 7),)


def test_a_kernel_whose_enumerations_tell_no_sign_has_ints() -> None:
    w = Writer()
    number = w.enum("e", [("MINUS", -1)])
    assert Btf(w.bytes()).type(number) == EnumType("e", 4, signed=True, enumerators=(("MINUS", -1),))


@pytest.mark.parametrize("signed", [True, False])
def test_a_char_of_which_nothing_is_told(*, signed: bool) -> None:
    """pahole of 2021, as in Debian 11's 5.10: no mark of a sign on any char."""
    w = Writer()
    number = w.integer("char", 1)
    w.integer("signed char", 1)
    btf = Btf(w.bytes(), abi=Abi(8, signed))
    assert not btf.tells_char
    assert btf.type(number) == IntType("char", 1, signed=signed, kind="char")


def test_an_unsigned_char_and_short_pointers() -> None:
    w = Writer()
    w.integer("char", 1)
    pointer = w.pointer(1)
    btf = Btf(w.bytes(), abi=Abi(4))
    assert btf.type(pointer) == PointerType(IntType("char", 1, signed=False, kind="char"), 4)


def module(base: Writer, ids: dict[str, int], *, value: str = "int") -> tuple[Writer, int]:
    """A module with a ``struct priv`` that leads to types of its own and of the kernel."""
    w = Writer(base)
    w.add(Kind.FWD, "elsewhere", 0)
    w.add(Kind.TYPEDEF, "mine_t", ids["int"])
    queue = w.record("queue", 16, ("owner", w.next + 1, 0), ("mine", w.first + 1, 64))
    w.pointer(w.next + 1)
    priv = w.record(
        "priv", 40,
        ("node", ids["node"], 0), ("sq", w.next + 1, 128), ("far", w.next + 2, 192), ("n", ids[value], 256),
    )  # fmt: skip
    w.pointer(queue)
    w.pointer(w.first)
    return w, priv


def test_a_module_names_what_is_its_own() -> None:
    w, ids = vmlinux()
    base = Btf(w.bytes())
    theirs, priv = module(w, ids)
    btf = Btf(theirs.bytes(), base, "driver")
    found = btf.type(priv)
    assert isinstance(found, StructType)
    assert found.name == "priv@driver"
    assert [member.type for member in found.members] == [
        base.type(ids["node"]),
        PointerType(TypeRef("struct queue@driver"), 8),
        PointerType(TypeRef("struct elsewhere"), 8),
        INT,
    ]
    assert set(btf.named) == {"mine_t", "struct queue", "struct priv"}
    queue = btf.type(btf.named["struct queue"][0])
    assert isinstance(queue, StructType)
    assert queue.members[1].type == TypeRef("mine_t@driver", 4)


def test_the_same_type_in_two_modules_and_another_of_its_name() -> None:
    w, ids = vmlinux()
    base = Btf(w.bytes())
    one, other, third = module(w, ids), module(w, ids), module(w, ids, value="u32")
    parsed = [
        (Btf(theirs.bytes(), base, name), n)
        for (theirs, n), name in zip((one, other, third), "abc", strict=True)
    ]
    assert same(parsed[0], parsed[1])
    assert not same(parsed[0], parsed[2])


def test_a_declaration_is_the_same_as_its_definition() -> None:
    w, _ = vmlinux()
    base = Btf(w.bytes())
    one, other = Writer(w), Writer(w)
    for theirs in (one, other):
        theirs.record("box", 8, ("in", theirs.next + 1, 0))
        theirs.pointer(theirs.next + 1)
    one.add(Kind.FWD, "content", 0)
    other.record("content", 0)
    pair = [(Btf(theirs.bytes(), base, "m"), theirs.first) for theirs in (one, other)]
    assert same(pair[0], pair[1])
    assert same(pair[1], pair[0])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda w: w.record("x", 8, ("in", 1, 0), ("out", 1, 48)), "outside"),
        (lambda w: w.record("x", 8, ("in", w.next, 0)), "outside|too many"),
        (lambda w: w.record("x", 8, ("in", 0, 0)), "no size|without a size"),
        (lambda w: w.record("x", 8, ("in", 9999, 0)), "no type 9999"),
        (lambda w: w.add(Kind.TYPEDEF, "t", w.next), "by itself"),
        (lambda w: w.add(Kind.CONST, None, w.next), "by itself"),
        (lambda w: w.add(Kind.PTR, None, w.next), "too many"),
        (lambda w: w.array(w.next, 3), "too many|no size"),
        (lambda w: w.function(0, w.next, w.next), "too many"),
        (lambda w: w.add(Kind.FUNC, "f", 1), "no type of data"),
        (lambda w: w.record("a b; c", 0), "no name"),
        (lambda w: w.record("\x1b[2J", 0), "no name"),
    ],
)
def test_damage_is_told(damage: object, said: str) -> None:
    w = Writer()
    w.integer("int", 4, 1)
    number = damage(w)  # type: ignore[operator] # one of the functions above
    with pytest.raises(KernelError, match=said):
        Btf(w.bytes()).type(number)


def test_structures_that_double_at_each_level_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    # of 2^30 parts the true limit lets us make 100,000 first
    monkeypatch.setattr("crashdrive.kernel.types.btf._MOST_PARTS", 5_000)
    w = Writer()
    last = w.integer("char", 1, 1)
    for level in range(30):
        last = w.record(f"s{level}", 2 << level, ("a", last, 0), ("b", last, 0))
    with pytest.raises(KernelError, match="too many others"):
        Btf(w.bytes()).type(last)


@pytest.mark.parametrize("data", [b"", b"\x9f\xeb", b"ELF" * 20, b"\x9f\xeb\1\0" + b"\xff" * 20])
def test_what_is_no_btf(data: bytes) -> None:
    with pytest.raises(KernelError, match="the BTF of vmlinux is damaged"):
        Btf(data)


@settings(max_examples=300)
@given(st.data())
def test_damaged_bytes_give_an_error_or_types(data: st.DataObject) -> None:
    w, ids = vmlinux()
    raw = bytearray(w.bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        btf = Btf(bytes(raw))
        theirs, priv = module(w, ids)
        found = Btf(theirs.bytes(), btf, "driver")
        for one in (btf, found):
            list(one.named)
        same((btf, ids["thing"]), (found, priv))
    except KernelError:
        return
    for number in range(1, btf.end):
        try:
            kind = btf.type(number)
        except KernelError:
            continue
        assert not isinstance(kind, IncompleteType) or kind.kind == "enum"
