"""C declarations as gdb prints them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.kernel.types.declarations import Abi, DeclarationError, parse_declaration, parse_declarator
from crashdrive.kernel.types.model import (
    ArrayType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    Type,
    TypeRef,
    VoidType,
    size_of,
    type_name,
)

INT = IntType("int", 4, signed=True)


@pytest.mark.parametrize(
    ("text", "name", "size", "signed"),
    [
        ("int", "int", 4, True),
        ("unsigned int", "unsigned int", 4, False),
        ("long unsigned int", "long unsigned int", 8, False),
        ("long", "long", 8, True),
        ("unsigned long long", "unsigned long long", 8, False),
        ("short", "short", 2, True),
        ("unsigned char", "unsigned char", 1, False),
        ("signed char", "signed char", 1, True),
        ("char", "char", 1, True),
        ("_Bool", "_Bool", 1, False),
        ("__int128 unsigned", "__int128 unsigned", 16, False),
        ("const volatile int", "int", 4, True),
    ],
)
def test_base_types(text: str, name: str, size: int, *, signed: bool) -> None:
    kind = parse_declaration(text).type
    assert isinstance(kind, IntType)
    assert (kind.name, kind.size, kind.signed) == (name, size, signed)


def test_what_differs_between_kernels() -> None:
    other = Abi(word_size=4, char_signed=False)
    assert parse_declaration("unsigned long", other).type == IntType("unsigned long", 4, signed=False)
    assert parse_declaration("char *", other).type == PointerType(IntType("char", 1, False, "char"), 4)
    assert parse_declaration("signed char", other).type == IntType("signed char", 1, True, "char")
    assert parse_declaration("long long", other).type == IntType("long long", 8, signed=True)
    assert parse_declaration("double").type == FloatType("double", 8)


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("struct sock *sk", "sk", PointerType(TypeRef("struct sock"), 8)),
        ("struct sock **sk", "sk", PointerType(PointerType(TypeRef("struct sock"), 8), 8)),
        ("u32 data[12]", "data", ArrayType(TypeRef("u32"), 12)),
        ("int x[4][2]", "x", ArrayType(ArrayType(INT, 2), 4)),
        ("struct srcu_struct srcu[]", "srcu", ArrayType(TypeRef("struct srcu_struct"), None)),
        ("int begin[0]", "begin", ArrayType(INT, 0)),
        ("void *v[2]", "v", ArrayType(PointerType(VoidType(), 8), 2)),
        ("int (*v)[2]", "v", PointerType(ArrayType(INT, 2), 8)),
        ("int (*f)(void)", "f", PointerType(FunctionType(INT), 8)),
        ("int (*f)()", "f", PointerType(FunctionType(INT), 8)),
        ("int (* const f)(int, ...)", "f", PointerType(FunctionType(INT, (INT,), variadic=True), 8)),
        ("const unsigned long * const p", "p", PointerType(IntType("unsigned long", 8, signed=False), 8)),
        ("enum pid_type type", "type", TypeRef("enum pid_type")),
        ("void (*)(struct work_struct *)", None, PointerType(
            FunctionType(VoidType(), (PointerType(TypeRef("struct work_struct"), 8),)), 8)),
        ("void **(*get)(char **)", "get", PointerType(FunctionType(
            PointerType(PointerType(VoidType(), 8), 8),
            (PointerType(PointerType(IntType("char", 1, True, "char"), 8), 8),)), 8)),
        ("void (*f)(int, void (*)(int))", "f", PointerType(FunctionType(
            VoidType(), (INT, PointerType(FunctionType(VoidType(), (INT,)), 8))), 8)),
        ("int (*f[3])(void)", "f", ArrayType(PointerType(FunctionType(INT), 8), 3)),
        ("int (*(*f)(int))(void)", "f", PointerType(
            FunctionType(PointerType(FunctionType(INT), 8), (INT,)), 8)),
        ("float v __attribute__ ((vector_size(4)))", "v", ArrayType(FloatType("float", 4), 4)),
    ],
)  # fmt: skip
def test_declarators(text: str, name: str | None, kind: Type) -> None:
    found = parse_declaration(text)
    assert (found.name, found.type, found.bits) == (name, kind, None)


def test_bit_fields_and_what_follows_a_brace() -> None:
    assert parse_declaration("unsigned int skc_reuse : 4").bits == 4
    found = parse_declarator("*near[4]", INT)
    assert (found.name, found.type) == ("near", ArrayType(PointerType(INT, 8), 4))


@pytest.mark.parametrize(
    "text",
    [
        *("", "struct", "struct 3", "int x y", "int x[", "int (*f", "int x[-1]", "a|b", "int;", "int f(,)"),
        *("int x : y", "1", "struct {...} x", "(*)(int)", "x $(ls)", "int f(int"),
    ],
)
def test_what_is_no_declaration(text: str) -> None:
    with pytest.raises(DeclarationError):
        parse_declaration(text)


types = st.recursive(
    st.sampled_from([INT, TypeRef("struct sock"), TypeRef("u32"), IntType("unsigned long", 8, signed=False)]),
    lambda inner: st.one_of(
        inner.map(lambda kind: PointerType(kind, 8)),
        st.builds(ArrayType, inner, st.one_of(st.none(), st.integers(0, 9))),
        st.builds(
            lambda returns, parameters: PointerType(FunctionType(returns, tuple(parameters)), 8),
            inner.filter(lambda kind: not isinstance(kind, ArrayType)),
            st.lists(inner, max_size=3),
        ),
    ),
    max_leaves=8,
)


@given(types)
def test_a_type_is_read_back_from_its_own_name(kind: Type) -> None:
    assert parse_declaration(type_name(kind)).type == kind


def test_sizes() -> None:
    assert size_of(ArrayType(ArrayType(INT, 2), 3)) == 24
    assert size_of(ArrayType(INT, None)) == 0
    assert size_of(TypeRef("u32")) is size_of(ArrayType(TypeRef("u32"), 2)) is size_of(VoidType()) is None
