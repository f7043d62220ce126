"""Grammars from outside: given with a text, and modules found for a command's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyparsing
import pytest

from crashdrive.errors import CommandFailedError, ParseError, PluginError, UsageError
from crashdrive.parsers import foreign_parsers, module_for, parse
from crashdrive.parsers import grammar as g
from crashdrive.parsers._catalog import foreign_listing, listing, schema
from crashdrive.parsers.base import Shape, Source
from crashdrive.session.result import CommandResult, Failure

Put = Callable[[str, str], Path]
MODULE = """\
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape
from crashdrive.records import Record
class Pair(Record, frozen=True):
    name: str
    number: int
def _pairs():
    return g.Rows(g.Row("([a-z]+) ([0-9]+)", lambda row: Pair(row[1], int(row[2])), "a pair: NAME NUMBER"))
NAME, OPTSTRING = "two_words", "x:"
SHAPES = (
    Shape(name="x", record=str, grammar=g.Line, options="-x", when=lambda source: source.command.has("x")),
    Shape(name="pairs", record=Pair, grammar=_pairs, options="(none)"),
)
"""

SHAPE = "from crashdrive.parsers.base import Shape\n"


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a parser into the user's folder."""
    folder = tmp_path / "plugins" / "parsers"
    folder.mkdir(parents=True, mode=0o755)
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(tmp_path / "plugins"))

    def write(name: str, text: str) -> Path:
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
        return folder / name

    return write


def result(text: str, command: str = "pairs", failure: Failure | None = None) -> CommandResult:
    return CommandResult(command=command, raw=text.encode(), elapsed=0.0, failure=failure)


def number(found: Any) -> int:
    return int(found[1])


ROW = g.Row(r"n (\d+)", number, "a number: n N")


@pytest.mark.parametrize(
    "grammar",
    [
        g.Many(ROW),
        lambda: g.Rows(ROW),
        Shape(
            name="numbers", record=int, grammar=lambda: g.Many(ROW), options="", when=lambda _source: False
        ),
        Shape(name="numbers", record=int, parse=lambda _source: [1, 2], options=""),
    ],
    ids=["element", "function", "shape", "shape by hand"],
)
def test_a_result_is_parsed_by_a_grammar_of_ones_own(grammar: Any) -> None:
    for _ in range(2):
        answer = result("n 1\nn 2\n").parse(grammar)
        assert (answer.command, answer.complete, list(answer)) == ("pairs", True, [1, 2])


def test_plain_elements_of_pyparsing_stay_as_they_are() -> None:
    word, line_end = pyparsing.Word("abc")("word"), pyparsing.LineEnd().suppress()
    grammar = pyparsing.OneOrMore(pyparsing.Group(word + line_end))
    before = grammar.parse_string(" a \n", parse_all=False).as_list()
    assert [list(one) for one in result("a\nb\n").parse(grammar)] == [["a"], ["b"]]
    assert [list(one) for one in result("a\nb\n").parse(lambda: grammar)] == [["a"], ["b"]]
    assert word.skipWhitespace
    assert grammar.parse_string(" a \n", parse_all=False).as_list() == before == [["a"]]
    with pytest.raises(ParseError, match="line 1, column 1"):
        result(" a\n").parse(grammar)


def test_all_of_a_text_has_to_fit_and_lenient_mode_sets_lines_aside() -> None:
    with pytest.raises(ParseError, match=r"line 2, column 1: expected a number: n N: 'x'"):
        result("n 1\nx\n").parse(g.Many(ROW))
    answer = result("n 1\nx\nn 2\n").parse(g.Many(ROW), lenient=True)
    assert (answer.complete, list(answer), answer.warnings[0].text) == (False, [1, 2], "x")


def test_a_failed_command_is_no_answer() -> None:
    with pytest.raises(CommandFailedError, match="no such"):
        result("", failure=Failure(kind="message", message="no such")).parse(g.Many(ROW))


@pytest.mark.parametrize("grammar", [5, "n 1", lambda: "n 1"])
def test_what_is_no_grammar_is_told(grammar: Any) -> None:
    with pytest.raises(UsageError, match="no grammar"):
        result("n 1\n").parse(grammar)


def test_a_result_without_a_grammar_is_read_by_the_commands_own() -> None:
    assert result("MAP FILE IN USE: /tmp/vm.map\n", "map").parse().one().file == "/tmp/vm.map"


def test_a_module_reads_its_command(put: Put) -> None:
    path = put("two_words.py", MODULE)
    for command in ("two_words", "two-words", "two_words arg", "gdb two_words"):
        answer = parse(command, "a 1\nb 2\n")
        assert (answer.shape, [pair.number for pair in answer]) == ("pairs", [1, 2])
    assert parse("two_words -x 1", "a line\n").shape == "x"
    with pytest.raises(ParseError, match="expected a pair: NAME NUMBER"):
        parse("two_words", "a 1\nfoo\n")
    assert parse("two_words", "a 1\nfoo\n", lenient=True).complete is False
    rows, told = foreign_listing()
    assert ([(row.command, row.shape, row.source) for row in rows], told) == (
        [("two-words", "x", str(path)), ("two-words", "pairs", str(path))],
        [],
    )
    assert not {row.command for row in listing()} & {"two-words"}
    assert "Pair" in schema("two_words")["$defs"]


def test_our_own_commands_stay_ours(put: Put) -> None:
    put("map.py", "raise SystemExit")
    assert parse("map", "MAP FILE IN USE: /tmp/vm.map\n").one().file == "/tmp/vm.map"
    (line,) = foreign_parsers().refused
    assert "map is the name of one of crashdrive's own parsers" in line
    put("print.py", "raise SystemExit")
    assert parse("gdb print 1", "$1 = 1\n").shape == "value"
    put("task_struct.py", "raise SystemExit")
    assert parse("task_struct.pid ffff888003a54000", "  pid = 1,\n").shape == "members"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("NAME = 'other'", "its NAME is 'other'"),
        ("NAME = 'mine'", "SHAPES is no tuple of Shape"),
        ("NAME, SHAPES = 'mine', ()", "SHAPES is no tuple of Shape"),
        ("1 / 0", "line 1: ZeroDivisionError"),
        (
            f"{SHAPE}NAME, SHAPES = 'mine', (Shape(name='a', record=int, options=''),)",
            "a shape has no grammar",
        ),
        (
            f"{SHAPE}NAME, SHAPES = 'mine', (Shape(name='a', record=int, options='', grammar=lambda: 1/0),)",
            "line 2: ZeroDivisionError",
        ),
    ],
)
def test_a_broken_module_is_told_by_its_file(put: Put, text: str, told: str) -> None:
    path = put("mine.py", text)
    with pytest.raises(PluginError) as caught:
        parse("mine", "text\n")
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)


def test_the_listing_goes_on_behind_a_broken_module(put: Put) -> None:
    put("mine.py", "1 / 0")
    put("two_words.py", MODULE)
    rows, told = foreign_listing()
    assert {row.command for row in rows} == {"two-words"}
    assert "ZeroDivisionError" in "".join(told)


def test_a_module_that_others_may_write_to_is_refused(put: Put) -> None:
    put("two_words.py", MODULE).chmod(0o666)
    with pytest.raises(UsageError, match=r"no parser .*two_words\.py: refused: others may write"):
        module_for("two_words")


def test_a_module_that_is_put_there_later_is_found(put: Put) -> None:
    with pytest.raises(UsageError, match="no parser"):
        parse("two_words", "a 1\n")
    put("two_words.py", MODULE)
    assert len(parse("two_words", "a 1\n")) == 1


def test_finish_of_a_shape_is_asked() -> None:
    def refuse(source: Source, _found: list[Any]) -> list[Any]:
        source.fail(0, "not today")

    with pytest.raises(ParseError, match="not today"):
        result("n 1\n").parse(
            Shape(name="n", record=int, grammar=lambda: g.Many(ROW), finish=refuse, options="")
        )
