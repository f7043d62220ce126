"""Rows with something of their own below them, rows of another kind, headers that stand again."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from crashdrive.commandline import command_line
from crashdrive.errors import ParseError
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import DECIMAL, WORD, Column
from crashdrive.records import Record


class Area(Record, frozen=True):
    """A row and what is below it."""

    order: int
    name: str
    blocks: tuple[int, ...] = ()


COLUMNS = (Column("ORDER", "order", DECIMAL), Column("NAME", "name", WORD))


def block() -> g.Row:
    return g.Row(r"  (\d{1,9}+)", lambda row: int(row[1]), "a block")


def areas() -> g.ParserElement:
    entries = g.entries(
        Area,
        *COLUMNS,
        what="areas",
        below=g.Rows(block(), least=0, until=g.Anything(), between=g.noise(blank=False)),
        join=lambda _text, _place, area, blocks: replace(area, blocks=tuple(blocks)),
    )
    return g.Many(entries)


def read(grammar: Any, text: str, *, lenient: bool = False) -> tuple[list[Any], Source]:
    source = Source(command_line("x"), text, lenient=lenient)
    return g.read(grammar, source), source


def test_each_row_has_what_stands_below_it() -> None:
    text = "ORDER NAME\n0 low\n  7\n  8\n1 high\n\nORDER NAME\n2 top\n  9\n"
    found, source = read(areas, text)
    assert found == [Area(0, "low", (7, 8)), Area(1, "high"), Area(2, "top", (9,))]
    assert source.complete


def test_what_stands_below_is_made_once_when_a_header_is_met() -> None:
    calls = []

    def blocks() -> g.ParserElement:
        calls.append(1)
        return g.Rows(block(), least=0, until=g.Anything(), between=g.noise(blank=False))

    entries = g.entries(
        Area,
        *COLUMNS,
        what="areas",
        below=blocks,
        join=lambda _text, _place, area, blocks: replace(area, blocks=tuple(blocks)),
    )
    many = g.Many(g.Row("none", lambda _row: "none", "none") | entries)
    assert read(many, "none\n")[0] == ["none"]
    assert not calls
    text = "ORDER NAME\n0 low\n  7\n  8\n1 high\n"
    for found in (read(many, text)[0], read(many, text)[0]):
        assert found == [Area(0, "low", (7, 8)), Area(1, "high")]
    assert calls == [1]
    with pytest.raises(ParseError, match="expected a row of areas: ORDER NAME"):
        read(many, f"{text}x\n")


def test_noise_may_stand_above_a_row() -> None:
    found, source = read(areas, "ORDER NAME\n...\n0 low\n  7\n")
    assert found == [Area(0, "low", (7,))]
    assert not source.complete


@pytest.mark.parametrize(
    ("text", "line"),
    [("ORDER NAME\n", 2), ("ORDER NAME\n0 low\n  x\n", 3), ("ORDER NAME\n0 low\n\n1 high\n", 4), ("", 1)],
)
def test_what_is_no_entry_is_an_error_at_its_line(text: str, line: int) -> None:
    with pytest.raises(ParseError) as caught:
        read(areas, text)
    assert caught.value.line == line


def test_rows_of_another_kind_and_a_header_that_stands_again() -> None:
    def tables() -> g.ParserElement:
        other = g.Row(r"\[(\d{1,9}+)\]", lambda row: Area(int(row[1]), "ignored"), "an ignored row")
        return g.Many(g.table(Area, *COLUMNS, what="areas", also=other, again=True))

    found, _ = read(tables, "ORDER NAME\n0 low\n[5]\nORDER NAME\n1 high\n")
    assert found == [Area(0, "low"), Area(5, "ignored"), Area(1, "high")]


def test_a_line_within_an_item_that_is_set_aside_stays_told() -> None:
    """The next try to read an item begins above it, and fails, too."""

    def pairs() -> g.ParserElement:
        head = g.Row("HEAD", lambda row: row[0], "HEAD")
        return g.Many(g.record(lambda **_: 0, head + block() + block()), least=0)

    found, source = read(pairs, "HEAD\n  1\n  2\nHEAD\n  1\nbad\n", lenient=True)
    assert len(found) == 1
    assert not source.complete
    assert 6 in [notice.line for notice in source.warnings]


def test_what_comes_later_is_made_once_when_a_text_has_something_for_it() -> None:
    calls = []

    def names() -> g.ParserElement:
        calls.append(1)
        return g.Titles("NAMES") + g.Rows(g.Row(r"(\w+)", lambda row: row[1], "a name"), until=g.Anything())

    many = g.Many(block() | g.Later("NAMES", names, "a list of names"))
    assert read(many, "  7\n  8\n")[0] == [7, 8]
    assert not calls
    assert read(many, "  7\nNAMES\na\nb\n  8\n")[0] == [7, "a", "b", 8]
    assert read(many, "NAMES\na\n")[0] == ["a"]
    assert calls == [1]
    for text, reason in (("  7\n!\n", "a block or a list of names"), ("NAMES\n!\n", "a name")):
        with pytest.raises(ParseError, match=f"expected {reason}"):
            read(many, text)
