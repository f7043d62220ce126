"""Header-driven tables: the header rules, nothing is guessed, nothing hangs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.commandline import split_command
from crashdrive.errors import ParseError
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import (
    DECIMAL,
    GAP,
    HEX,
    KILOBYTES,
    LONGEST_ROW,
    SIGNED,
    TEXT,
    WORD,
    Column,
    or_none,
)
from crashdrive.parsers.grammar.joined import LONGEST_NAME, rest_of_name
from crashdrive.records import Record
from tests.parsers.effort import assert_linear
from tests.strategies import WORDS


class Row(Record, frozen=True):
    cache: int
    size: int
    name: str
    count: int | None = None
    note: str | None = None


COLUMNS = (
    Column("CACHE", "cache", HEX),
    Column("SIZE", "size", KILOBYTES),
    Column("COUNT", "count", or_none(SIGNED, r"\?")),
    Column("NAME", "name", TEXT),
)


def source(text: str, *, lenient: bool = False) -> Source:
    return Source(split_command("kmem -s", "s"), text, lenient=lenient)


class Plain(Record, frozen=True):
    cache: int
    size: int
    name: str


def _plain() -> g.ParserElement:
    return table(
        Column("CACHE", "cache", HEX), Column("SIZE", "size", KILOBYTES), Column("NAME", "name", TEXT)
    )


def table(*columns: Column, record: type[Record] = Plain) -> g.ParserElement:
    return g.table(record, *columns, what="caches", between=g.noise(blank=False), until=g.Blank(), least=0)


def plain(text: str, *, lenient: bool = False) -> list[Plain]:
    return g.read(_plain, source(text, lenient=lenient))


@pytest.mark.parametrize(
    "text",
    [
        "CACHE  SIZE  NAME\nff00  4k  a b\n",
        "NAME  CACHE  SIZE\na b  ff00  4k\n",
        "SIZE NAME CACHE\n4k a b ff00\n",
    ],
)
def test_columns_are_found_by_title_in_any_order(text: str) -> None:
    assert plain(text) == [Plain(cache=0xFF00, size=4096, name="a b")]


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("CACHE  SIZE  NAME  NEW\n", 1, 20, "unknown column"),
        ("CACHE  SIZE  NAMES\n", 1, 14, "unknown column"),
        ("CACHE  CACHE  SIZE  NAME\n", 1, 8, "unknown column"),
        ("CACHE  SIZE\n", 1, 1, "lacks the column NAME"),
        ("CACHE  SIZE  NAME\nff00  4k\n", 2, 9, "a row of caches: CACHE SIZE NAME"),
        ("CACHE  SIZE  NAME\nff00  4096  x\n", 2, 7, "a row of caches: CACHE SIZE NAME"),
        ("CACHE  SIZE  NAME\nx  4k  x\n", 2, 1, "a row of caches: CACHE SIZE NAME"),
        ("CACHE  SIZE  NAME\n  ff00  zz  x\n", 2, 9, "a row of caches: CACHE SIZE NAME"),
        ("CACHE  SIZE  NAME\r\nff00  4k  x\r\n", 1, 14, "unknown column"),
        ("CACHE  SIZE  NAME\nff00  4k  x\n\nmore\n", 4, 1, "behind the end"),
        ("", 1, 1, "the header of caches"),
        ("\0", 1, 1, "the header of caches"),
    ],
)
def test_what_does_not_fit_is_an_error_with_its_place(text: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(ParseError) as caught:
        plain(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert reason in caught.value.reason


def test_lenient_keeps_what_is_sure() -> None:
    text = "CACHE  SIZE  NAME\nff00  4k  x\nff01 damaged\nff02  8k  y\n"
    given_source = source(text, lenient=True)
    assert [row.name for row in g.read(_plain, given_source)] == ["x", "y"]
    assert [(notice.kind, notice.line) for notice in given_source.warnings] == [("unparsed", 3)]
    assert not given_source.complete


def test_a_blank_column_may_have_no_cell_but_its_title() -> None:
    with_note = table(*COLUMNS, Column("NOTE", "note", WORD, blank=True), record=Row)
    text = "CACHE SIZE COUNT NAME NOTE\nff 4k ? x \nfe 4k -2 y z\n"
    assert [(r.count, r.note) for r in g.read(with_note, source(text))] == [(None, None), (-2, "z")]


def test_titles_of_several_words_win_over_their_parts() -> None:
    longer = table(*COLUMNS, Column("THE NAME", "name", TEXT), record=Row)
    assert g.read(longer, source("CACHE SIZE THE NAME\nff 4k x\n"))[0].name == "x"


def test_left_out_lines_and_messages_mark_the_answer() -> None:
    given_source = source("CACHE SIZE NAME\nff 4k x\nkmem: x: cannot gather\n...\n")
    assert len(g.read(_plain, given_source)) == 1
    assert [notice.kind for notice in given_source.warnings] == ["error", "elided"]
    assert not given_source.complete


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=12)
ROWS = st.builds(
    Plain,
    cache=WORDS,
    size=st.integers(0, 1 << 30).map(lambda k: k * 1024),
    name=st.lists(NAMES, min_size=1, max_size=3).map(" ".join),
)


def printed(row: Plain) -> str:
    return f"{row.cache:016x} {row.size // 1024:6d}k  {row.name}"


@given(st.lists(ROWS, max_size=8))
def test_printed_and_parsed_again_is_the_same(given_rows: list[Plain]) -> None:
    text = "CACHE  SIZE  NAME\n" + "".join(printed(row) + "\n" for row in given_rows)
    assert plain(text) == given_rows


@given(st.lists(ROWS, min_size=1, max_size=6, unique_by=lambda row: row.cache), st.data())
def test_a_damaged_line_never_gives_other_rows(given_rows: list[Plain], data: st.DataObject) -> None:
    lines = ["CACHE  SIZE  NAME", *map(printed, given_rows)]
    place = data.draw(st.integers(0, len(lines) - 1))
    cut = data.draw(st.integers(0, 20))
    lines[place] = lines[place][:cut]
    try:
        found = plain("\n".join(lines) + "\n")
    except ParseError:
        return
    whole = {row.cache: row for row in given_rows}
    for row in found:
        # A name cut short can't be told from a short name; numbers can.
        assert row.size == whole[row.cache].size
        assert whole[row.cache].name.startswith(row.name)


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (lambda size: "f" * size, 10_000_000),
        (lambda size: " " * size + "x", 10_000_000),
        (lambda size: "ff 4k " + "x " * (size // 2) + "\0", 10_000_000),
        (lambda size: ("ff " + " " * 250) * (size // 253), 10_120_000),
        (lambda size: "ff 4k " + "a " * (size // 2 - 10) + "\n" + "z" * 100, LONGEST_ROW),
    ],
)
def test_no_line_takes_long(line: Callable[[int], str], size: int) -> None:
    def read(text: str) -> None:
        with pytest.raises(ParseError):
            plain(text)

    assert_linear(read, lambda size: f"CACHE  SIZE  NAME\n{line(size)}\n\nx", size)


def test_gap_is_bounded() -> None:
    assert GAP == r" {1,256}+"
    assert DECIMAL.pattern.endswith("+")


@pytest.mark.parametrize(
    ("line", "joined"),
    [
        ("rest of it", "/tmp/a\nrest of it"),
        ("  5 ffff888003a54000 ffff888003a54000", None),
        ("kmem: x", None),
        ("...", None),
        (" ", None),
        ("x" * LONGEST_NAME, None),
    ],
)
def test_a_name_goes_on_but_not_with_a_damaged_row(line: str, joined: str | None) -> None:
    given_source = source(line)
    text = g.Text(given_source)
    assert rest_of_name(text, 0, line, "/tmp/a") == joined
    text.settle()
    assert given_source.complete is (joined is None)
    assert rest_of_name(text, 0, line, None) is None
    assert rest_of_name(g.Text(source(line, lenient=True)), 0, line, "/tmp/a") is None


@pytest.mark.parametrize(
    ("placeholder", "stands", "not_it"),
    [("-1", "-1", "1"), (r"\?\?", "??", "2"), ("-+", "----", "4"), (r"\(\w+\)", "(x)", "5")],
)
def test_a_placeholder_stands_for_none(placeholder: str, stands: str, not_it: str) -> None:
    convert = or_none(DECIMAL, placeholder).convert
    assert convert is not None
    assert convert(stands) is None
    assert convert(not_it) == int(not_it)
