"""gdb's value syntax: each form by itself, printed trees read back, damage, hostile input."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashdrive.commandline import split_command
from crashdrive.errors import ParseError
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.values import (
    MAX_DEPTH,
    MAX_RUN,
    Enumerators,
    Missing,
    Pointer,
    Repeated,
    ValueReader,
    as_int,
    as_text,
)
from tests.parsers.effort import assert_linear, repeated
from tests.strategies import MEMBERS, WORDS


def source_of(text: str) -> Source:
    return Source(split_command("p x"), text)


def value_of(text: str) -> Any:
    """The value that is all of a text."""
    source = source_of(text)
    value, end = ValueReader(source).value(0)
    assert text[end:].strip() == ""
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("0xffff888003a54000", 0xFFFF888003A54000),
        ("017", 15),
        ("1.5", 1.5),
        ("-1.5e-07", -1.5e-07),
        ("true", True),
        ("false", False),
        ("void", None),
        ("97 'a'", 97),
        ("0 '\\000'", 0),
        ("39 '\\''", 39),
        ("-1 '\\377'", -1),
        ("0x61 'a'", 0x61),
        ("TASK_RUNNING", Enumerators(names=("TASK_RUNNING",))),
        ("(WB_SYNC | WB_DONE)", Enumerators(names=("WB_SYNC", "WB_DONE"))),
        ("(WB_SYNC | unknown: 0x30)", Enumerators(names=("WB_SYNC",), rest=0x30)),
        ("(unknown: 48)", Enumerators(names=(), rest=48)),
        ("0x0", 0),
        (
            "0xc0164854 <tcp_syn_recv_timer>",
            Pointer(address=0xC0164854, symbol="tcp_syn_recv_timer", offset=0),
        ),
        ("0xc0164854  <tcp_twkill>", Pointer(address=0xC0164854, symbol="tcp_twkill", offset=0)),
        (
            "0xffffffff9aa1aae8 <init_task+168>",
            Pointer(address=0xFFFFFFFF9AA1AAE8, symbol="init_task", offset=168),
        ),
        ("0xc02c05c8 <x+0x10>", Pointer(address=0xC02C05C8, symbol="x", offset=16)),
        ('0x3661384 "boot.log"', Pointer(address=0x3661384, string="boot.log")),
        ('0x3661384 <a> "boot"', Pointer(address=0x3661384, symbol="a", offset=0, string="boot")),
        ('0x3661384 ""', Pointer(address=0x3661384, string="")),
        (
            "0x10 <error: Cannot access memory at address 0x10>",
            Pointer(address=16, error="Cannot access memory at address 0x10"),
        ),
        (
            "(struct file_system_type *) 0xc03adc90",
            Pointer(address=0xC03ADC90, type="struct file_system_type *"),
        ),
        (
            "(void (*)(int, struct x (*)[3])) 0xffffffff81000000 <f>",
            Pointer(address=0xFFFFFFFF81000000, symbol="f", offset=0, type="void (*)(int, struct x (*)[3])"),
        ),
        (
            "{void (const char *, ...)} 0xffffffff999ccf31 <panic>",
            Pointer(address=0xFFFFFFFF999CCF31, symbol="panic", offset=0, type="void (const char *, ...)"),
        ),
        (
            "{<text variable, no debug info>} 0xc0100000 <_text>",
            Pointer(address=0xC0100000, symbol="_text", offset=0, type="<text variable, no debug info>"),
        ),
        ('"swapper/0"', "swapper/0"),
        ('"swapper/0\\000\\000\\000"', "swapper/0"),
        ('"a\\000b\\000\\000"', "a\0b"),
        ('"\\000\\360\\377"', "\0\\xf0\\xff"),
        ('"\\303\\274ber"', "\u00fcber"),
        ('"say \\"hi\\"\\n\\t\\\\"', 'say "hi"\n\t\\'),
        ("\"abc\", '\\000' <repeats 12 times>", "abc"),
        ('"abc", \'x\' <repeats 12 times>, "def"', "abc" + 12 * "x" + "def"),
        ("'\\000' <repeats 15 times>", ""),
        ("'a' <repeats 3 times>", "aaa"),
        ("{1, 2, 3}", [1, 2, 3]),
        ("{}", []),
        ("{0, 07, 010, -0777, 1}", [0, 7, 8, -511, 1]),
        ("{\n  next = 010,\n  prev = 017,\n  pid = 10\n}", {"next": 8, "prev": 15, "pid": 10}),
        ("{0 <repeats 16 times>}", [0] * 16),
        ("{1, 0 <repeats 3 times>, 2}", [1, 0, 0, 0, 2]),
        ("{{1, 2}, {3, 4}}", [[1, 2], [3, 4]]),
        ("{451376, 80468}", [451376, 80468]),
        (
            '{0x1 "HI", 0x2 <t+1> "NO"}',
            [Pointer(address=1, string="HI"), Pointer(address=2, symbol="t", offset=1, string="NO")],
        ),
        ('{"abc", "def"}', ["abc", "def"]),
        ("{\"abc\", '\\000' <repeats 12 times>, \"def\", '\\000' <repeats 12 times>}", ["abc", "def"]),
        ("{a = 1, b = {c = 2}}", {"a": 1, "b": {"c": 2}}),
        ("{a = 1, b = {{c = 2}, {c = 3}}}", {"a": 1, "b": [{"c": 2}, {"c": 3}]}),
        ("{{a = 1, b = 2}, {c = 3}}", {"a": 1, "b": 2, "c": 3}),
        ("{<No data fields>}", {}),
        ("{\n  a = 1, \n  b = 0x0       \n}", {"a": 1, "b": 0}),
        ("{\n  {\n    a = 1,\n    {\n      b = 2\n    }\n  },\n  c = 3\n}", {"a": 1, "b": 2, "c": 3}),
        ("{\n  {\n    rlock = {\n      x = 1\n    }\n  }\n}", {"rlock": {"x": 1}}),
        ("{{\n    rlock = 1\n  }}", [{"rlock": 1}]),
        ("{\n  v = {{\n      a = 1\n    }, {\n      a = 2\n    }}\n}", {"v": [{"a": 1}, {"a": 2}]}),
        (
            "{state = (A | B), ok = true, f = 0x1 <f>}",
            {
                "state": Enumerators(names=("A", "B")),
                "ok": True,
                "f": Pointer(address=1, symbol="f", offset=0),
            },
        ),
    ],
)
def test_forms(text: str, value: object) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("<optimized out>", Missing(reason="optimized out"), "missing"),
        (
            "<error: Cannot access memory at address 0x8>",
            Missing(reason="Cannot access memory at address 0x8"),
            "missing",
        ),
        ("{a = <optimized out>, b = 2}", {"a": Missing(reason="optimized out"), "b": 2}, "missing"),
        ("{1, 2, 3...}", [1, 2, 3], "elided"),
        ("{0 <repeats 200 times>...}", [0] * 200, "elided"),
        ('"abc"...', "abc", "elided"),
        ("{\n  a = 1,\n  ...\n  z = 2\n}", {"a": 1, "z": 2}, "elided"),
        ("{\n  ... [ xa_lock field not shown ] ...\n  xa_flags = 1\n}", {"xa_flags": 1}, "elided"),
        ("{\n  a = {\n    b = 1,\n  ...", {"a": {"b": 1}}, "elided"),
        ('{"a", \'x\' <repeats 12 times>, "b"}', ["a" + 12 * "x" + "b"], "ambiguous"),
    ],
)
def test_holes_are_marked(text: str, value: object, kind: str) -> None:
    source = source_of(text)
    found, _ = ValueReader(source).value(0)
    assert found == value
    assert not source.complete
    assert source.warnings[0].kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{a = }",
        "{a = 1",
        "{a = 1,}",
        "{a = 1 b = 2}",
        "{a = 1, a = 2}",
        "{{a = 1}, {a = 1, b = 2}}",
        "{a = 1, 2}",
        "{\n}",
        '"abc',
        "'a",
        "0x",
        "12abc",
        "(struct x *)",
        "{a = 1}}" + "}",
        "<error: no end",
        "{1 <repeats 0 times>}",
        "{ <repeats 3 times>}",
        "{a = 1 <repeats 3 times>}",
        "9" * 5000,
        "{" * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        "{" * 1_000_000,
        "'a' <repeats 999999999999 times>",
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_refused(text: str) -> None:
    source = source_of(text)
    with pytest.raises((ParseError, AssertionError)):
        value_of(source.text)


def test_runs_are_bounded() -> None:
    assert value_of(f"{{0 <repeats {MAX_RUN} times>}}") == [0] * MAX_RUN
    assert value_of("{0 <repeats 99999999999 times>}") == [Repeated(value=0, times=99999999999)]


def test_a_place_is_told() -> None:
    with pytest.raises(ParseError) as caught:
        value_of("{\n  a = 1,\n  b = ;\n}")
    assert (caught.value.line, caught.value.column) == (3, 7)


def test_helpers() -> None:
    assert as_int(Pointer(address=7, symbol="x", offset=0)) == as_int(7) == 7
    assert as_text(Pointer(address=7, string="x")) == as_text("x") == "x"
    with pytest.raises(TypeError):
        as_int("x")
    with pytest.raises(TypeError):
        as_text(7)


@pytest.mark.parametrize(
    "unit",
    [
        "1, ",
        "{",
        "(",
        "'a', ",
        '"x", ',
        "a = ",
        "<",
        "0x1 <a",
        "9",
        "(A | ",
        "\\",
        "... ",
        "{a = ",
        "x ",
        "((((",
        "-",
        ".",
        "'",
    ],
)
def test_time_grows_with_the_text_alone(unit: str) -> None:
    """No pattern may take more than its share of a line."""

    def read(text: str) -> None:
        with pytest.raises(ParseError):
            ValueReader(source_of(text)).value(0)

    assert_linear(read, repeated("{", unit), 400_000)


# Printing a tree as gdb does, and reading it again.

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20).map(
    lambda text: text.rstrip("\0")
)
LEAVES = st.one_of(
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.booleans(),
    st.builds(Pointer, address=WORDS, symbol=MEMBERS, offset=st.integers(0, 1 << 20)),
    st.builds(Pointer, address=WORDS, string=TEXT.filter(lambda text: "\\x" not in text)),
    st.lists(MEMBERS, min_size=1, max_size=3).map(
        lambda names: Enumerators(names=tuple(f"E_{name}" for name in names))
    ),
    TEXT.filter(lambda text: "\\x" not in text),
)


def arrays(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    numbers = st.lists(st.integers(0, 1 << 64), min_size=1, max_size=5)
    return st.one_of(
        numbers, st.dictionaries(MEMBERS, children, min_size=1, max_size=4).map(lambda one: [one, one])
    )


TREES = st.dictionaries(
    MEMBERS,
    st.recursive(
        LEAVES,
        lambda children: st.one_of(
            st.dictionaries(MEMBERS, children, min_size=1, max_size=4), arrays(children)
        ),
        max_leaves=20,
    ),
    min_size=1,
    max_size=6,
)


def printed(value: Any, indent: int = 0) -> str:  # noqa: PLR0911 - one for each kind of value
    """A value as gdb prints it with ``print pretty``."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return quoted(value)
        case Pointer(symbol=str() as symbol, offset=int() as offset):
            place = f"{symbol}+{offset}" if offset else symbol
            return f"{value.address:#x} <{place}>"
        case Pointer(string=str() as string):
            return f"{value.address:#x} {quoted(string)}"
        case Enumerators(names=names):
            return names[0] if len(names) == 1 else f"({' | '.join(names)})"
        case list():
            inner = [printed(element, indent + 2) for element in value]
            return "{" + ", ".join(inner) + "}"
        case dict():
            blank = " " * (indent + 2)
            rows = [f"{blank}{name} = {printed(member, indent + 2)}" for name, member in value.items()]
            return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"
    raise TypeError(value)


def quoted(text: str) -> str:
    plain = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(plain.get(c) or (c if " " <= c < "\x7f" else octal(c)) for c in text) + '"'


def octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode())


@given(TREES)
def test_what_is_printed_is_read(tree: dict[str, Any]) -> None:
    assert value_of(printed(tree)) == tree


@given(TREES, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_damage_never_makes_other_members(tree: dict[str, Any], chance: random.Random) -> None:
    """A line that is missing or stands twice: an error, or a tree whose members are all as they were."""
    lines = printed(tree).split("\n")
    place = chance.randrange(len(lines))
    damaged = lines[:place] + chance.choice([[], [lines[place]] * 2]) + lines[place + 1 :]
    try:
        found = value_of("\n".join(damaged))
    except (ParseError, AssertionError):
        return
    assert within(found, tree)


def within(found: Any, whole: Any) -> bool:
    """Whether all that was found stands in the whole, at the same place."""
    if isinstance(found, dict) and isinstance(whole, dict):
        return all(name in whole and within(member, whole[name]) for name, member in found.items())
    if isinstance(found, list) and isinstance(whole, list):
        return len(found) == len(whole) and all(map(within, found, whole))
    return bool(found == whole)


@given(st.text(alphabet="{}<>()\"'\\ =,0x1ab\n.|", max_size=200))
def test_no_input_does_more_than_fail(text: str) -> None:
    try:
        value_of(text)
    except (ParseError, AssertionError):
        return
