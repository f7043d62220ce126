"""The short way through a grammar gives what pyparsing's own gives: values, notices, places, words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyparsing
import pytest

from crashdrive.commandline import split_command
from crashdrive.errors import ParseError
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar import reading, straight


def _word(name: str) -> g.Row:
    return g.Row(rf"{name} (\d++)", lambda found: (name, int(found[1])), f"a row of {name}")


def _noted(name: str) -> g.ParserElement:
    return g.Terminal(name, name, lambda found: found.string.note(found.start(), "note", name))  # type: ignore[attr-defined] # a Text


def _total(text: g.Text, place: int, values: list[Any]) -> Any:
    total = sum(number for _, number in values)
    if total > 90:
        text.refuse(place, "too much")
    text.note(place, "total", str(total), late=True)
    return total or None


GRAMMARS: tuple[Callable[[], g.ParserElement], ...] = (
    lambda: _word("a") + _word("b"),
    lambda: _word("a") + g.Gap() + (_word("b") | _word("c")).set_name("b or c"),
    lambda: _word("a") + (_word("b") + _word("c") | _word("b") + _word("a")),
    lambda: g.Opt(_word("a")) + g.Opt(g.Rows(_word("b"), until=g.Anything())) + g.Suppress(_word("c")),
    lambda: g.made(_word("a") + g.Opt(_word("b")), _total) + g.Opt(_word("c")),
    lambda: g.Many(g.made(g.Many(_word("a"), until=_word("b")) + _word("b"), _total), least=0),
    lambda: g.Group(_word("a")) + g.Group(g.Opt(_word("b")))("named"),
    lambda: g.blocks(_word("a"), _word("b") | _word("c"), lambda head, items: (head, items)),
    lambda: (_word("a") + g.ZeroOrMore(_word("b"))).add_parse_action(lambda tokens: list(tokens)[::-1]),
    lambda: g.Opt(_noted("a ") + _word("b")) + g.Opt(_word("a")) + g.ZeroOrMore(_word("b") | _word("c")),
    lambda: g.Suppress(pyparsing.Regex("a[^\n]*\n")) + _word("b"),
    lambda: _word("a") - _word("b"),
)
TEXTS = (
    *("a 1\n", "b 1\n", "c 1\n", "", "x\n", "a 1\nb 2\n", "a 1\n\nb 2\n", "a 1\nc 2\n", "a 1\nb 2\nc 3\n"),
    *("a 1\nb 2\na 3\n", "a 0\n", "a 99\n", "a 1\na 2\nb 3\n", "a 99\nb 1\nb 1\n", "a 1\nb x\n", "a b 1\n"),
    *("a 1\n...\nb 2\n", "a 1\nb 2\nx\na 1\nb 2\n", "a 1\nb 1\nb 2\nc 3\nb 4\n"),
)


def _told(grammar: Callable[[], g.ParserElement], text: str, *, lenient: bool) -> object:
    source = Source(split_command("x"), text, lenient=lenient)
    try:
        values = [
            one.as_list() if isinstance(one, g.ParseResults) else one for one in g.read(grammar, source)
        ]
    except ParseError as error:
        return error.line, error.column, error.reason
    return values, source.warnings, source.complete


@pytest.mark.parametrize("number", range(len(GRAMMARS)))
def test_both_ways_tell_the_same(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> g.ParserElement:
        return GRAMMARS[number]()

    cases = [(text, lenient) for text in TEXTS for lenient in (False, True)]
    short = [_told(make, text, lenient=lenient) for text, lenient in cases]
    reading._ready.cache_clear()  # grammars are kept by the function that makes them
    monkeypatch.setattr(reading, "straighten", lambda _element: None)
    monkeypatch.setattr(reading, "leaks", lambda _element: True)
    long = [_told(make, text, lenient=lenient) for text, lenient in cases]
    reading._ready.cache_clear()
    assert short == long


def test_a_name_that_is_added_later_is_kept() -> None:
    pair = _word("a") + _word("b")
    assert g.read(pair, Source(split_command("x"), "a 1\nb 2\n")) == [("a", 1), ("b", 2)]
    named = g.record(dict, g.Group(pair)("pair"))
    assert g.read(named, Source(split_command("x"), "a 1\nb 2\n")) == [{"pair": (("a", 1), ("b", 2))}]


def test_names_go_pyparsing_s_way() -> None:
    assert straight.leaks(_word("a")("a") + _word("b"))
    assert not straight.leaks(g.record(dict, _word("a")("a")) + _word("b"))
