"""Reports as pages of HTML: one file, no network, every text of the dump escaped."""

from __future__ import annotations

import base64
import functools
import importlib.resources
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from crashdrive.records import (
    Answer,
    Bars,
    Finding,
    Flame,
    Graph,
    Notice,
    Picture,
    Record,
    Report,
    Table,
    Timeline,
    answered,
)
from crashdrive.render.cells import (
    all_columns,
    column_values,
    format_column,
    is_hexadecimal,
    is_numeric,
    named_cells,
)
from crashdrive.render.svg import drawn
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.render.output import Output

_MOST_IN_ONE_ROW = 8  # a single record with more fields is shown as a block
_FREE = 60  # a column with longer cells wraps
_NUMBER, _WRAPPED = Markup(' class="number"'), Markup(' class="free"')


class Column(NamedTuple):
    """A column's head; ``hexadecimal``: its cells are addresses or bits, and are ordered as such."""

    name: str
    number: bool
    hexadecimal: bool = False


class Shown(NamedTuple):
    """A table as the template takes it: blocks of fields, or columns and rows of cells."""

    title: str
    fields: list[list[tuple[str, str]]]
    columns: list[Column]
    marks: list[str]
    rows: list[tuple[str, ...]]


class Entry(Record, frozen=True):
    """A report in an index: its file beside the index, and how it went (``seconds``: of wall clock).

    ``outcome``: ``complete``, ``incomplete`` or ``failed``; ``rows``: of all tables; ``findings``: how many.
    """

    report: str
    summary: str
    outcome: str
    seconds: float
    file: str | None = None
    rows: int = 0
    findings: int = 0
    warnings: tuple[str, ...] = ()
    error: str | None = None


def _safe(value: Any) -> Any:
    """Text of a dump without control characters; jinja2 escapes it then."""
    return printable(value) if type(value) is str else value


@functools.cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("crashdrive.render"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["layout"] = "page.html"  # a page in one file; a served one names another
    return made


def write_report(report: Report, output: Output) -> None:
    """A report as one page: findings, then its tables, which can be filtered and sorted."""
    page = _environment().get_template("report.html")
    pieces = page.generate(
        title=printable(report.report),
        report=report,
        dump=_pairs(report.dump),
        warnings=[printable(notice.message) for notice in report.warnings],
        findings=report.findings,
        pictures=[(printable(picture.title), drawn(picture)) for picture in report.pictures],
        tables=map(_shown, report.tables),
    )
    for piece in pieces:
        output.text(piece)


def write_index(title: str, dump: Mapping[str, Any], entries: Iterable[Entry], output: Output) -> None:
    """The page that leads to the files of several reports."""
    page = _environment().get_template("index.html")
    output.text(page.render(title=printable(title), dump=_pairs(dump), entries=list(entries)))


def write_page(template: str, output: Output, **values: Any) -> None:
    """A page of another template, of values that it names; tables are given by `shown`."""
    for piece in _environment().get_template(template).generate(**values):
        output.text(piece)


def page_text(template: str, **values: Any) -> str:
    """The same as text; ``layout`` among the values names the template that it extends."""
    return _environment().get_template(template).render(**values)


def asset(name: str) -> bytes:
    """A style or a script of pages that are served."""
    loaded = importlib.resources.files("crashdrive.render").joinpath("templates", name)
    return loaded.read_bytes()


def linked_rows(rows: Iterable[Sequence[str]]) -> list[Markup]:
    """Rows of plain cells, thousands of them; the first two are a link and its text: the last cell."""
    found = []
    for row in rows:
        # nothing printable holds the separator: all cells are escaped at once
        link, text, *cells = str(escape(_BETWEEN.join(map(printable, row)))).split(_BETWEEN)
        inside = "</td><td>".join(cells)
        found.append(
            Markup(  # noqa: S704 - its parts are escaped
                f'<tr><td>{inside}</td><td class="free"><a href="{link}">{text}</a></td></tr>'
            )
        )
    return found


_BETWEEN = "\x1f"
_MOST_ROWS = 200  # of each table in a notebook, which keeps what it shows


def piece(value: Any) -> str:
    """A record, an answer, a report, a table or a picture as a part of somebody else's page.

    It has no script, its styles reach nothing else, and the text of the dump is escaped. Of long tables it
    has the first rows, and says how many there are.
    """
    from crashdrive.render import as_rows

    findings: tuple[Finding, ...] = ()
    pictures: tuple[Bars | Picture, ...] = ()
    warnings: tuple[Notice, ...] = ()
    value = answered(value)
    if isinstance(value, Report):
        title, tables, pictures = value.report, value.tables, value.pictures
        findings, warnings = value.findings, value.warnings
    elif isinstance(value, Answer):
        title, warnings = value.command, value.warnings
        tables = (Table(name=value.shape, rows=as_rows(value.records)),)
    elif isinstance(value, Table):
        title, tables = "", (msgspec.structs.replace(value, rows=as_rows(value.rows)),)
    elif isinstance(value, (Bars, Flame, Graph, Timeline)):
        title, tables, pictures = "", (), (value,)
    elif isinstance(value, Finding):
        title, tables, findings = "", (), (value,)
    else:
        title, tables = "", (Table(name=type(value).__name__, rows=[value], layout="fields"),)
    return (
        _environment()
        .get_template("piece.html")
        .render(
            title=printable(title),
            complete=getattr(value, "complete", True),
            warnings=[printable(notice.message) for notice in warnings],
            findings=findings,
            pictures=[(printable(picture.title), _as_image(picture)) for picture in pictures],
            tables=[(_first_rows(table), len(table.rows)) for table in tables],
            most=_MOST_ROWS,
        )
    )


def _first_rows(table: Table) -> Shown:
    return _shown(msgspec.structs.replace(table, title=None, rows=table.rows[:_MOST_ROWS]))


def _as_image(picture: Bars | Picture) -> str:
    """A picture as an image's address: its styles stay its own."""
    data = base64.b64encode(drawn(picture).encode()).decode("ascii")
    return f"data:image/svg+xml;base64,{data}"


def shown(table: Table) -> Shown:
    """A table as templates take it."""
    return _shown(table)


def _pairs(dump: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, printable(str(value))) for name, value in dump.items() if value]


def _shown(table: Table) -> Shown:
    title = printable(table.title or table.name.replace("_", " "))
    names = table.columns or all_columns(table.rows)
    alone = not table.columns and len(table.rows) == 1 and len(names) > _MOST_IN_ONE_ROW
    if table.layout == "fields" or alone:
        rows = [named_cells(row) for row in table.rows]
        blocks = [[pair for pair in row if not table.columns or pair[0] in table.columns] for row in rows]
        return Shown(title, blocks, [], [], [])
    values = [column_values(table.rows, name) for name in names]
    cells = [
        format_column(column, hexadecimal=is_hexadecimal(table.rows, name))
        for name, column in zip(names, values, strict=True)
    ]
    kept = [at for at, column in enumerate(cells) if table.columns or any(column)]
    columns = [_column(table, names[at], values[at]) for at in kept]
    marks = [_mark(column, cells[at]) for column, at in zip(columns, kept, strict=True)]
    title += f" ({len(table.rows)})"
    return Shown(title, [], columns, marks, list(zip(*(cells[at] for at in kept), strict=True)))


def _column(table: Table, name: str, values: Sequence[Any]) -> Column:
    hexadecimal = is_hexadecimal(table.rows, name)
    return Column(printable(name), is_numeric(values) and not hexadecimal, hexadecimal)


def _mark(column: Column, cells: Sequence[str]) -> str:
    if column.number:
        return _NUMBER
    return _WRAPPED if any(len(cell) > _FREE for cell in cells) else ""
