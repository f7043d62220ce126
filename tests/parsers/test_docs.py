"""The generated files are those that scripts/docs would write."""

from __future__ import annotations

import ast
import html
from pathlib import Path

import postedkit
import pytest
from dockit import generated, grammars, markdown, pictures

from crashdrive.commandline import split_command
from crashdrive.parsers import _catalog, command_names, module_for, parse
from crashdrive.parsers import grammar as g
from crashdrive.parsers.grammar.columns import DECIMAL, WORD, Column


@pytest.mark.parametrize("name", sorted(generated.PAGES))
def test_page_is_up_to_date(name: str) -> None:
    path = generated.CHECKOUT / name
    assert path.read_text(encoding="utf-8") == generated.PAGES[name](), "run scripts/docs"


def test_vocabulary_names_every_field() -> None:
    page = generated.vocabulary()
    for command in command_names():
        for record in _catalog.records_of(command):
            assert all(f"| `{field.name}` |" in page for field in _catalog.fields_of(record))


def test_cells_cannot_break_the_table() -> None:
    assert markdown.table(["a"], [["x | y"]]) == "| a |\n| --- |\n| x \\| y |\n"


def test_pages_of_the_grammars_are_up_to_date() -> None:
    pages = grammars.pages()
    stale = [
        name for name, text in pages.items() if (generated.DOCS / name).read_text(encoding="utf-8") != text
    ]
    assert (stale, generated.left_over(pages)) == ([], []), "run scripts/docs"


def _boxes(grammar: g.ParserElement) -> list[str]:
    """What is written into the boxes of the drawings."""
    return [
        html.unescape(text.split("</text>")[0].split(">", 1)[1])
        for picture in pictures.pictures(grammar)
        for text in picture.svg.split("<text ")[1:]
    ]


def test_drawing_has_the_words_of_the_command_and_no_noise() -> None:
    timer = g.Row("a", lambda _row: 1, "a timer: EXPIRES")
    grammar = g.Gap() + g.Titles("CPU", "MASK") + g.Many(timer | g.Line("a <remark>"), between=g.noise())
    assert _boxes(grammar) == ["CPU MASK", "a timer: EXPIRES", "a <remark>"]


def _named(**fields: object) -> dict[str, object]:
    return fields


def test_drawing_of_a_table_has_its_columns() -> None:
    table = g.table(
        _named, Column("PID", "pid", DECIMAL), Column("COMM", "comm", WORD), what="x", required=("PID",)
    )
    assert _boxes(table) == ["PID", "COMM", "a row of x: a cell below each title"]


def test_drawing_of_a_table_has_what_stands_below_its_rows_and_rows_of_another_kind() -> None:
    areas = g.entries(
        _named,
        Column("ORDER", "order", DECIMAL),
        what="areas",
        required=("ORDER",),
        below=lambda: g.Rows(g.Row("b", lambda _row: 1, "a block"), until=g.Anything(), least=0),
        also=g.Row("i", lambda _row: 1, "an ignored area"),
        join=lambda _text, _place, area, _blocks: area,
    )
    row = ["ORDER", "a row of areas: a cell below each title", "a block", "an ignored area"]
    assert _boxes(areas) == row
    assert _boxes(areas + g.Line("a sum") + areas) == [
        *("a table of areas", "a sum", "a table of areas"),
        *row,
    ]


def test_drawing_of_a_block_has_what_stands_below_its_header_and_rows_of_another_kind() -> None:
    cpu, row, none = (g.Row(what[0], lambda _row: 1, f"a {what}") for what in ("cpu", "row", "none"))
    block = g.block(cpu, g.Rows(row, also=none, least=0), lambda _cpu, rows: rows)
    assert _boxes(g.Many(block)) == ["a cpu", "a row", "a none"]


def test_drawing_of_a_nested_element_has_it_apart() -> None:
    value = g.Forward()
    value <<= g.Row("n", lambda _row: 1, "a number") | g.nested(g.Line("an opening") + g.Many(value))
    value.set_name("a value")
    assert {"a value", "a number", "an opening"} == set(_boxes(value))


def test_drawings_are_the_same_each_time() -> None:
    grammar = g.Many(g.Line("a line").set_name("one") | g.Line("another"))
    assert pictures.pictures(grammar) == pictures.pictures(grammar)


def test_every_grammar_is_short() -> None:
    modules = (generated.CHECKOUT / "crashdrive" / "parsers").rglob("*.py")
    long = {path.name for path in modules if len(path.read_text(encoding="utf-8").splitlines()) > 300}
    assert not long


@pytest.mark.parametrize("command", command_names())
def test_every_module_has_one_order(command: str) -> None:
    """Records, grammar, shapes, examples."""
    source = Path(module_for(command).__file__).read_text(encoding="utf-8")
    kinds = [kind for node in ast.parse(source).body if (kind := _kind(node))]
    assert kinds == sorted(kinds, key=("record", "grammar", "SHAPES", "EXAMPLES").index)


@pytest.mark.parametrize("command", command_names())
def test_every_module_shows_what_crash_prints_and_reads_it(command: str) -> None:
    (session,) = postedkit.sessions(command, module_for(command).__doc__)
    assert split_command(session.command).name == command
    answer = parse(session.command, session.output)
    assert answer.records
    assert answer.complete or "..." in session.output


def _kind(node: ast.stmt) -> str | None:
    """What a statement of a module is; None of what stands anywhere."""
    if isinstance(node, ast.ClassDef):
        bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
        return "record" if "Record" in bases else None
    if isinstance(node, ast.FunctionDef):
        return "grammar"
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    name = target.id if isinstance(target, ast.Name) else ""
    return name if name in {"SHAPES", "EXAMPLES"} else None
