"""The grammar of C declarations: its parts, its shortcuts, damage, hostile input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers.grammar.declarations import (
    DEEPEST,
    Array,
    Declared,
    Function,
    Pointer,
    declared,
    is_type,
    read_whole,
    split_declaration,
)
from tests.parsers.effort import assert_linear, repeated

INT = Declared(("int",), None, None, ())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("int pid", Declared(("int",), "pid", 4, ())),
        ("const struct sock *sk", Declared(("struct sock",), "sk", 19, (Pointer(),))),
        ("unsigned long const x[4][]", Declared(("unsigned", "long"), "x", 20, (Array(4), Array(None)))),
        ("struct priv@bonding *", Declared(("struct priv@bonding",), None, None, (Pointer(),))),
        ("unsigned int x : 3", Declared(("unsigned", "int"), "x", 13, (), 3)),
        ("int (*f)(int, ...)", Declared(("int",), "f", 6, (Pointer(), Function((INT,), variadic=True)))),
        ("u8 *(*v)[2]", Declared(("u8",), "v", 6, (Pointer(), Array(2), Pointer()))),
        ("float __attribute__ ((vector_size(4)))", Declared(("float",), None, None, (Array(4),))),
        (
            "void (*(*f)(int))(void)",
            Declared(
                ("void",),
                "f",
                9,
                (
                    Pointer(),
                    Function((INT,), variadic=False),
                    Pointer(),
                    Function((Declared(("void",), None, None, ()),), variadic=False),
                ),
            ),
        ),
    ],
)
def test_parts(text: str, parts: Declared) -> None:
    assert declared(text) == read_whole(text) == parts


words = st.sampled_from(
    [
        *(
            "int ",
            "unsigned ",
            "long ",
            "const ",
            "struct x ",
            "u32 ",
            "enum {A, B} ",
            "x",
            "y",
            "*",
            "* const ",
        ),
        *("[4]", "[]", "(", ")", "(*", ")(", ", ", "...", " : 3", "void", "@mod "),
    ]
)


@given(st.lists(words, max_size=12).map("".join))
def test_shortcuts_say_what_the_grammar_says(text: str) -> None:
    try:
        whole = read_whole(text)
    except ParseError:
        with pytest.raises(ParseError):
            declared(text)
    else:
        assert declared(text) == whole


def test_types_and_names() -> None:
    assert is_type("char [16]")
    assert is_type("int (*)(int)")
    assert not is_type("char x[16]")
    assert not is_type("char [")
    assert split_declaration("char [16]") is None
    assert split_declaration("int (*f)(void (*)(int))") == ("f", "int (*)(void (*)(int))")


def test_errors_tell_what_was_expected() -> None:
    with pytest.raises(ParseError, match="expected") as caught:
        declared("int (*f)(int, void (*)(int) x y)")
    assert caught.value.column > 20


def test_nesting_is_bounded() -> None:
    deep = "(*" * DEEPEST + "f" + ")" * DEEPEST
    assert len(declared(f"int {deep}").derived) == DEEPEST
    with pytest.raises(ParseError, match="too deeply"):
        declared(f"int (*{deep})")


@pytest.mark.parametrize("unit", ["(", "*", "[4]", "int ", "const ", "x ", "(*", "int,", "{", "a@", "(int, "])
def test_time_grows_with_the_text_alone(unit: str) -> None:
    """Texts of any length take no more than their share."""

    def read(text: str) -> None:
        with pytest.raises(ParseError):
            declared(text)

    read("int x" + unit * (1000 // len(unit)) + ";")
    assert_linear(read, repeated("int x", unit, ";"), 60000)
