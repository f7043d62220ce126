"""The grammar library: each element with good and bad text, and the one place that reads."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from typing import Any

import pyparsing
import pytest

from crashdrive.commandline import split_command
from crashdrive.errors import ParseError
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar import noises
from crashdrive.parsers.grammar.columns import DECIMAL, HEX, TEXT, Cell, Column
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.parsers.grammar.values import MAX_RUN, Repeated
from crashdrive.records import Record


class Pair(Record, frozen=True, kw_only=True):
    name: str
    count: int = 0
    more: tuple[Any, ...] = ()


def source(text: str, command: str = "x", *, lenient: bool = False) -> Source:
    return Source(split_command(command), text, lenient=lenient)


def read(element: g.ParserElement, text: str) -> list[Any]:
    return g.read(element, source(text))


def refused(element: g.ParserElement, text: str) -> tuple[int, int, str]:
    with pytest.raises(ParseError) as caught:
        read(element, text)
    return caught.value.line, caught.value.column, caught.value.reason


def pair_row() -> g.Row:
    def make(found: Any) -> Pair:
        return Pair(name=found[1], count=int(found[2]))

    return g.Row(r"([a-z]++) ++(\d{1,9}+)", make, "a row of pairs: NAME COUNT")


def pairs_table(**options: Any) -> g.ParserElement:
    return g.table(
        Pair, Column("NAME", "name", TEXT), Column("COUNT", "count", DECIMAL), what="pairs", **options
    )


@pytest.mark.parametrize(
    ("element", "text", "value"),
    [
        (g.Word(), "a\tb  ", "a\tb"),
        (g.Number(), "-12", -12),
        (g.Address(), "0xffff888003a54000", 0xFFFF888003A54000),
        (g.Size(), "16k", 16384),
        (g.Size(), "128MB", 128 << 20),
        (g.Size(), "12 bytes", 12),
        (g.SymbolOffset(), "<schedule+12>", ("schedule", 12)),
        (g.SymbolOffset(), "schedule+0xc ", ("schedule", 12)),
        (g.SymbolOffset(), "schedule", ("schedule", 0)),
        (g.Line(), "any \tline\n", "any \tline"),
        (g.GdbValue(), "{a = 1, b = 0x10}", {"a": 1, "b": 16}),
        (g.c_declaration(), "    char comm[16];\n", ("comm", "char [16]")),
        (g.nested(g.Word()), "x", "x"),
    ],
)
def test_a_token(element: g.ParserElement, text: str, value: object) -> None:
    assert read(element, text) == [value]


@pytest.mark.parametrize(
    ("element", "text", "column", "reason"),
    [
        (g.Number("a pid"), "1x", 1, "expected a pid"),
        (g.Word("a name") + g.Number("a pid"), "init x1", 6, "expected a pid"),
        (g.Address(), "0x12345678901234567", 1, "expected an address"),
        (g.Size(), "1.5 GB", 1, "expected a size"),
        (g.SymbolOffset(), "<schedule+12", 1, "expected a symbol"),
        (g.Number("a pid") | g.Address("a task"), "zz", 1, "expected a pid or a task"),
        ((g.Number("a pid") | g.Address("a task")).set_name("who"), "zz", 1, "expected who"),
        (g.Word() + g.Opt(g.Number("a pid")), "init x1", 6, "expected a pid"),
        (g.Number(), "1 2", 3, "text behind the end of the output"),
        (g.Number() + g.Number("a count"), "1", 2, "expected a count"),
        (g.Titles("CPU", "MASK"), "CPU  MASKS", 1, "expected the header CPU MASK"),
        (g.GdbValue(), "{a = ", 6, None),
        (pyparsing.Literal("abc"), "abd", 1, "expected 'abc'"),
    ],
)
def test_a_failure_tells_place_and_words(
    element: g.ParserElement, text: str, column: int, reason: str | None
) -> None:
    line, place, told = refused(element, text)
    assert (line, place) == (1, column)
    assert reason is None or told == reason


def test_rows() -> None:
    assert read(g.Rows(pair_row()), "a 1\n\nb  22  \nc 3") == [
        Pair(name="a", count=1),
        Pair(name="b", count=22),
        Pair(name="c", count=3),
    ]
    assert refused(g.Rows(pair_row()), "a 1\nB 2\n") == (2, 1, "expected a row of pairs: NAME COUNT")
    assert refused(g.Rows(pair_row()), "") == (1, 1, "expected a row of pairs: NAME COUNT")
    assert refused(g.Rows(pair_row()), "a 1\r\nb 2\r\n")[0] == 1
    assert refused(g.Rows(pair_row()), "a\t1\n")[0] == 1
    assert refused(g.Rows(pair_row()), "a 1\n\0\n")[0] == 2


def test_noise_leaves_notices_and_lenient_mode_sets_lines_aside() -> None:
    given = source("a 1\n...\nx: seek error\nNOTE: fine\nB 2\nb 2\n", lenient=True)
    assert [pair.name for pair in g.read(g.Rows(pair_row()), given)] == ["a", "b"]
    assert [(note.kind, note.line) for note in given.warnings] == [
        ("elided", 2),
        ("error", 3),
        ("note", 4),
        ("unparsed", 5),
    ]
    assert given.warnings[3].message == "column 1: expected a row of pairs: NAME COUNT"
    assert not given.complete
    strict = source("a 1\nNOTE: fine\nb 2\n")
    g.read(g.Rows(pair_row()), strict)
    assert strict.complete


def test_notices_of_an_alternative_that_failed_are_forgotten() -> None:
    given = source("a 1\n...\nend\n")
    rows, end = g.Rows(pair_row(), until=g.Titles("end")), g.Titles("end")
    element = (rows + g.Titles("other")) | (rows + end)
    assert len(g.read(element, given)) == 1
    assert [note.kind for note in given.warnings] == ["elided"]
    text = source("a 1\n...\nend\n")
    lines = g.Many(g.Line(), between=g.Blank())
    assert g.read((rows + g.Titles("other")) | lines, text) == ["a 1", "...", "end"]
    assert text.warnings == []


def test_a_table_takes_its_row_from_the_header() -> None:
    table = pairs_table()
    assert read(table, "NAME  COUNT\na b   7\n") == [Pair(name="a b", count=7)]
    assert read(table, "COUNT NAME\n7  a b\n") == [Pair(name="a b", count=7)]
    assert read(table, "x: no such thing\nNAME COUNT\na 7\n") == [Pair(name="a", count=7)]
    assert refused(table, "NAME  COUNT  SIZE\n") == (1, 14, "the header of pairs has an unknown column")
    assert refused(table, "NAME  NAME\n")[2] == "the header of pairs has an unknown column"
    assert refused(table, "COUNT  COUNT\n")[:2] == (1, 8)
    assert refused(table, "NAME COUNT\na 7\nb x\n") == (3, 3, "expected a row of pairs: NAME COUNT")
    assert refused(table, "nothing\n") == (1, 1, "expected the header of pairs")


def test_a_new_column_is_one_line() -> None:
    columns = (Column("NAME", "name", TEXT), Column("COUNT", "count", DECIMAL))
    newer = Column("STATE", "more", Cell("[A-Z]{2}", lambda text: (text,)))
    text = "NAME  STATE  COUNT\na     RU     7\n"
    assert refused(g.table(Pair, *columns, what="pairs"), text)[:2] == (1, 7)
    assert read(g.table(Pair, *columns, newer, what="pairs"), text) == [Pair(name="a", count=7, more=("RU",))]


def test_a_table_with_lead_derived_fields_and_no_header() -> None:
    table = pairs_table(
        lead=Column("", "mark", Cell(">"), blank=True),
        derived=(Derived(("more",), of=("mark", "count"), by=lambda mark, count: ((mark, count),)),),
        usual=lambda given: ("NAME", "COUNT") if given.command.name == "x" else (),
    )
    assert [pair.more for pair in read(table, "> a 1\n  b 2\n")] == [(">", 1), (None, 2)]
    with pytest.raises(ValueError, match="no name of a field"):
        read(g.table(Pair, Column("NAME", "name=1", TEXT), what="x", required=("NAME",)), "NAME\na\n")


@pytest.mark.parametrize("newline", ["", " "])
def test_a_row_that_took_the_next_one_is_an_error_where_that_begins(newline: str) -> None:
    element = g.table(
        Pair,
        Column("COUNT", "count", DECIMAL),
        Column("TASK", "more", HEX),
        Column("NAME", "name", TEXT, last=True, joined="error"),
        what="pairs",
    )
    text = f"COUNT TASK NAME\n 1  ffff888003a54000  a longer name{newline} 2  ffff888003a58000  b\n"
    line, column, reason = refused(element, text)
    assert (line, text.splitlines()[1][column - 1 :]) == (2, "2  ffff888003a58000  b")
    assert reason == "expected the end of a row of pairs: COUNT TASK NAME; another row begins here"
    given = source(text + " 3  ffff888003a5c000  c\n", lenient=True)
    assert [pair.name for pair in g.read(element, given)] == ["c"]
    assert given.warnings[0].message == f"column {column}: {reason}"


def test_free_text_that_may_hold_a_row_is_marked_where_it_does() -> None:
    element = g.table(
        Pair,
        Column("COUNT", "count", DECIMAL),
        Column("SIZE", "more", DECIMAL),
        Column("NAME", "name", TEXT, last=True, joined="mark"),
        what="pairs",
    )
    given = source(
        "COUNT SIZE NAME\n 1  2  /a file of 3 by 4 words that is long\n 1 2 /tmp/a name 3 4 of a file\n"
    )
    assert [pair.name for pair in g.read(element, given)] == [
        "/a file of 3 by 4 words that is long",
        "/tmp/a name 3 4 of a file",
    ]
    assert [(note.kind, note.line) for note in given.warnings] == [("joined", 3)]
    assert not given.complete


def test_a_lenient_table_finds_its_header() -> None:
    given = source("rubbish\nNAME COUNT\na 1\nb x\nc 3\n", lenient=True)
    assert [pair.name for pair in g.read(pairs_table(), given)] == ["a", "c"]
    assert [note.line for note in given.warnings] == [1, 4]


def test_sections_blocks_and_records() -> None:
    head = g.Row(r"CPU (\d++)", lambda found: found[1], "a CPU")
    item = g.Row(r"  ([a-z]++)", lambda found: found[1], "a name")
    blocks = g.blocks(head, item, lambda cpu, items: Pair(name=cpu, more=items))
    text = "CPU 0\n  a\n  b\nCPU 1\nCPU 2\n  c\n"
    assert read(blocks, text) == [
        Pair(name="0", more=("a", "b")),
        Pair(name="1"),
        Pair(name="2", more=("c",)),
    ]
    assert refused(blocks, text.replace("  b", "  B")) == (3, 1, "expected a name")
    given = source(text.replace("CPU 1", "CPU x"), lenient=True)
    assert [pair.name for pair in g.read(blocks, given)] == ["0", "2"]
    assert [note.line for note in given.warnings] == [4]
    counted = g.section(g.Titles("NAMES"), g.Rows(item))("more")
    element = g.record(
        Pair, g.Word()("name") + g.Number()("count") + g.Row("", bool, "a line's end") + counted
    )
    assert read(element, "a 1\nNAMES\n  b\n  c\n") == [Pair(name="a", count=1, more=("b", "c"))]


def ascending() -> g.ParserElement:
    """Rows whose counts ascend; each that is 0 leaves a notice."""

    def make(text: g.Text, place: int, found: list[Pair]) -> list[Pair]:
        kept: list[Pair] = []
        for row in found:
            if row.count == 0:
                text.note(place, "zero", f"{row.name} is 0", incomplete=True, late=True)
            if kept and row.count < kept[-1].count:
                text.misfit(text.index(row.name), f"{row.count} is less than {kept[-1].count}")
            else:
                kept.append(row)
        return kept

    return g.made(g.Titles("PAIRS") + g.Rows(pair_row()), make)


def test_what_is_made_of_all_of_a_sequence() -> None:
    good = source("PAIRS\na 0\n...\nb 2\n")
    assert [row.name for row in g.read(ascending(), good)] == ["a", "b"]
    assert [(notice.line, notice.kind) for notice in good.warnings] == [(1, "zero"), (3, "elided")]
    assert refused(ascending(), "PAIRS\na 5\nb 2\nc 7\n") == (3, 1, "2 is less than 5")
    lenient = source("PAIRS\na 5\nb 2\nc 7\n", lenient=True)
    assert [row.name for row in g.read(ascending(), lenient)] == ["a", "c"]
    assert [(notice.line, notice.kind) for notice in lenient.warnings] == [(3, "unparsed")]


def test_what_was_set_aside_stays_so_whatever_comes_behind_it() -> None:
    """The item failed at the end of the text; parts of it are read as items of their own, and fail, too."""
    text = "(a\nb 1\n(c\nd 2\n"
    opened = g.Row(r"\(([a-z])", lambda found: found[1], "an opened row")
    item = (opened + g.Many(pair_row() | opened) + g.Titles(")")) | pair_row()
    found = source(text, lenient=True)
    g.read(g.Many(item), found)
    assert not found.complete
    assert found.warnings[0].kind == "unparsed"


def test_messages_of_a_command_s_own_kind() -> None:
    class Quiet(noises.CrashMessage):
        def remark(self, text: g.Text, loc: int) -> None:
            """None."""

    rows = g.Rows(pair_row(), between=g.noise(messages=Quiet()))
    found = source("x: one\na 1\nx: two\nb 2\n")
    assert len(g.read(rows, found)) == 2
    assert (found.warnings, found.complete) == ([], True)


def test_key_values() -> None:
    element = g.key_values(Pair, Column("NAME", "name", TEXT), Column("COUNT", "count", HEX), what="a pair")
    assert read(element, " NAME: a b\nCOUNT: 1f\n") == [Pair(name="a b", count=31)]
    assert refused(element, " NAME: a\nCOUNT: xx\n") == (2, 8, "expected the value of COUNT in a pair")
    assert refused(element, "COUNT: 1\n") == (2, 1, "a pair lacks NAME")
    assert refused(element, "NAME: a\nNAME: b\n") == (2, 1, "NAME stands twice in a pair")


def test_key_values_that_stand_together() -> None:
    element = g.key_values(
        dict,
        Column("A", "a", DECIMAL),
        Column("B", "b", DECIMAL),
        Column("C", "c", DECIMAL),
        what="the letters",
        required=(frozenset({"A", "C"}),),
        together=(frozenset({"A", "B"}),),
    )
    assert read(element, "B: 1\nA: 2\n") == [{"b": 1, "a": 2}]
    assert refused(element, "A: 1\nC: 2\n")[2] == "the letters lacks B"
    assert refused(element, "\nB: 1\n")[2] == "the letters lacks A or C"


def test_a_block_is_a_header_and_what_stands_below() -> None:
    head = g.Row(r"([A-Z]++)", lambda found: found[1], "a title")
    rows = g.Rows(pair_row(), until=g.Anything(), least=0)
    element = g.Many(g.block(head, rows, lambda title, pairs: (title, len(pairs))))
    assert read(element, "A\na 1\nb 2\n\n\nB\nC\nc 3\n") == [("A", 2), ("B", 0), ("C", 1)]
    assert refused(element, "A\na 1\nb\n")[:2] == (3, 1)
    none = g.block(head, rows, lambda _, pairs: pairs or None)
    assert refused(none, "A\n")[2] == "expected a title"


def test_rows_that_ascend() -> None:
    element = g.Rows(pair_row(), ascending="count")
    assert len(read(element, "a 1\nb 3\n")) == 2
    assert refused(element, "a 1\nb 1\n") == (2, 1, "count 1 is followed by 1")


def test_blank_lines_are_taken_at_once() -> None:
    for text in ("", "\n", " \n\n  ", "  "):
        assert read(g.Rows(pair_row(), between=g.noise(g.BlankLines())), f"a 1\n{text}") == [
            Pair(name="a", count=1)
        ]


def test_parts_of_a_text_tell_their_true_place() -> None:
    given = source("first\nsecond\na 1\nB 2\n")
    with pytest.raises(ParseError) as caught:
        g.read(g.Rows(pair_row()), given, "a 1\nB 2\n", given.text.index("a 1"))
    assert (caught.value.line, caught.value.column, caught.value.text) == (4, 1, "B 2")


def test_nesting_is_bounded() -> None:
    value = g.Forward()
    mark = g.Terminal(r"\[", "an opening bracket", keep=False)
    end = g.Terminal(r"\]", "a closing bracket", keep=False)
    value <<= g.Terminal(r"\d", "a digit") | g.nested(mark + value + end)
    assert read(value, "[" * 30 + "1" + "]" * 30) == ["1"]
    assert refused(value, "[" * 65 + "1" + "]" * 65) == (1, 65, "nested too deeply")
    assert refused(value, "[" * 100_000)[2] == "nested too deeply"


@pytest.mark.parametrize("filler", ["x", " ", "9 ", "a 1 ", "\t", "\0"])
def test_ten_megabytes_in_a_line(filler: str) -> None:
    """Linear: each of these takes a part of a second."""
    long = filler * (10_000_000 // len(filler))
    for element in (g.Rows(pair_row()), pairs_table(), g.Word() + g.Number()):
        with pytest.raises(ParseError):
            read(element, f"NAME COUNT\n{long}\n")


FOREIGN = """
import pyparsing
from crashdrive.parsers import parse
before = (pyparsing.ParserElement.DEFAULT_WHITE_CHARS, pyparsing.ParserElement._packratEnabled)
head = "      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\\n"
row = "        1       0   0  ffff8904411fc180  RU   0.2     1540     1196  init\\n"
text = head + row + "...\\n" + row
plain = parse("ps", text)
assert before == (pyparsing.ParserElement.DEFAULT_WHITE_CHARS, pyparsing.ParserElement._packratEnabled)
assert pyparsing.ParserElement._parse is pyparsing.ParserElement._parseNoCache
assert pyparsing.Word("a").parse_string("  a").as_list() == ["a"]
"""


@pytest.mark.parametrize(
    "setting",
    [
        "pyparsing.ParserElement.enable_packrat()",
        "pyparsing.ParserElement.enable_left_recursion()",
        "pyparsing.ParserElement.set_default_whitespace_chars('123456789af.')",
        "pyparsing.ParserElement.inline_literals_using(pyparsing.Suppress)",
    ],
)
def test_neither_side_changes_the_other(setting: str) -> None:
    """Settings of a program around us change no result; ours change nothing of theirs."""
    swap = "SWAP_INFO_STRUCT TYPE SIZE USED PCT PRI FILENAME\\nffff890441 FILE 4k 0k 0% -2 /x y\\n"
    program = (
        f"{FOREIGN}\nmore = parse('swap', '{swap}')\n{setting}\n"
        "import crashdrive.parsers.grammar.reading as reading\nreading._ready.cache_clear()\n"
        f"assert parse('ps', text) == plain and parse('swap', '{swap}') == more\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_grammar_is_imported_when_a_text_is_read() -> None:
    program = (
        "import sys\nfrom crashdrive.parsers.ps import SHAPES\nassert 'pyparsing' not in sys.modules\n"
        "from crashdrive.parsers import parse\nparse('swap', 'SIZE', lenient=True)\n"
        "assert 'pyparsing' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_every_name_of_the_library_is_there() -> None:
    assert all(getattr(g, name) is not None for name in g.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = g.nope


def test_blocks_in_one_loop() -> None:
    cpu = g.Row(r"CPU (\d{1,6}+)", lambda row: int(row[1]), "a CPU")
    name = g.Row(r"  ([a-z]++)", lambda row: row[1], "a name")
    blocks = g.Blocks(cpu, name, make=lambda _text, _place, head, below: (head, *below))
    text = "CPU 0\n  one\n\n  two\nCPU 1\nCPU 2\n  three\n"
    assert read(blocks, text) == [(0, "one", "two"), (1,), (2, "three")]
    damaged = text.replace("  two", "  2")
    assert refused(blocks, damaged) == (4, 1, "expected a name or a CPU")
    lenient = source(damaged, lenient=True)
    assert g.read(blocks, lenient) == [(1,), (2, "three")]
    assert not lenient.complete


def test_members_of_structures() -> None:
    members = g.Many(g.Members(asked=lambda _source: ("a", "b")))
    assert read(members, "  a = 1,\n  b = {\n    c = 2\n  }\n  a = 3\n") == [
        {"a": 1, "b": {"c": 2}},
        {"a": 3},
    ]
    assert refused(members, "  a = 1\n  c = 2\n") == (2, 1, "expected a member: NAME = VALUE")
    assert refused(g.Members(one=True), "  a = 1\n  a = 2\n") == (2, 1, "a member stands twice: a")
    assert read(g.Structure(), "struct x {\n  a = 1\n}\n") == [("x", {"a": 1})]
    assert refused(g.Structure(), "struct x {1, 2}\n") == (1, 10, "a structure without members")


def test_simple_members_are_what_their_values_are() -> None:
    text = "  a = 010,\n  b = -12\n  d = 0x1f,\n"
    text += '  c = "x y",\n  e = "a\\"b\\000",\n  f = "g", \'h\' <repeats 9 times>\n'
    source = Source(split_command("struct s 0"), text)
    assert g.read(g.Members, source) == [
        {"a": 8, "b": -12, "d": 31, "c": "x y", "e": 'a"b', "f": "g" + 9 * "h"}
    ]


def test_repeated_elements_are_bounded_for_a_whole_text() -> None:
    """However many values a text is made of, it may ask for so many elements."""
    count = MAX_RUN // 2 + 1
    half = f"{{0 <repeats {count} times>}}\n"
    first, second = read(g.Many(g.GdbValue()), half + half)
    assert first == [0] * count
    assert second == [Repeated(value=0, times=count)]


def test_nests_in_one_loop() -> None:
    opened = g.Row(r" *+\{", lambda row: row[0].strip(), "'{'")
    closed = g.Row(r" *+\} ?+([a-z]*+)", lambda row: row[1], "'}'")
    name = g.Row(r" *+([a-z]++);", lambda row: row[1], "a name")

    def nest(**more: Any) -> g.ParserElement:
        return g.Nest(opened, closed, name, make=lambda *given: (given[4], *given[3]), **more) + closed

    text = "a;\n{\n  b;\n\n  {\n  } y\n} x\nc;\n}\n"
    assert read(nest(), text) == ["a", ("x", "b", ("y",)), "c", ""]
    assert refused(nest(), text.replace("b;", "b")) == (3, 1, "expected a name or '}'")
    assert refused(nest(), "a;\n{\n") == (3, 1, "expected a name or '}'")
    lenient = source(text.replace("b;", "b"), lenient=True)
    assert g.read(nest(), lenient) == ["a", ("x", ("y",)), "c", ""]
    assert not lenient.complete
    assert read(nest(deepest=3), "{\n" * 3 + "}\n" * 4)[1] == ""
    assert refused(nest(deepest=3), "{\n" * 4 + "}\n" * 5) == (4, 1, "nested too deeply")
    assert refused(nest(), "{\n" * 100000)[2] == "nested too deeply"
    cut = g.Terminal(r"\Z", "the end", lambda _found: "cut")
    assert read(g.Nest(opened, closed, name, make=lambda *given: given[4], cut=cut), "{\na;\n{\n") == ["cut"]


def test_lines_in_order() -> None:
    name = g.Row(r"name: ([a-z]++)", lambda row: row[1], "the line 'name:'")
    count = g.Row(r"count: (\d{1,9}+)", lambda row: int(row[1]), "the line 'count:'")
    lines = g.InOrder(Pair, (("name", name), ("count", count)), optional=frozenset({"count"}))
    assert read(lines, "name: a\ncount: 2\n") == [Pair(name="a", count=2)]
    assert read(lines, "\nname: a\n\n") == [Pair(name="a")]
    text = source("name: a\nx: told\ncount: 2\n")
    assert g.read(lines, text) == [Pair(name="a", count=2)]
    assert not text.complete
    assert refused(lines, "count: 2\n") == (1, 1, "expected the line 'name:'")
    assert refused(lines, "count: 2\nname: a\n")[:2] == (1, 1)
    assert refused(lines, "name: a\nname: b\n")[:2] == (2, 1)


def test_no_element_is_named_as_a_module_is() -> None:
    """Importing that module would put it in the element's place."""
    modules = {info.name for info in pkgutil.iter_modules(g.__path__)}
    assert modules.isdisjoint(g.__all__)
