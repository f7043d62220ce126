"""Reports and rows for people: headings, aligned tables, blocks of fields."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from crashdrive.records import Report, Table
from crashdrive.render import aligned
from crashdrive.render.cells import (
    all_columns,
    column_values,
    format_column,
    is_hexadecimal,
    is_numeric,
    named_cells,
)
from crashdrive.render.findings import PLAIN_WIDTH, write_findings
from crashdrive.render.output import Output
from crashdrive.text import printable

_PRETTY_ROWS = 200  # up to so many rows a terminal gets rich's tables, whose cells wrap
_MOST_IN_ONE_ROW = 8  # a single record with more fields is shown as a block
_NARROWEST = 20  # columns for words that wrap
_CHUNK = 20_000  # rows per write, so that `| head` ends early and memory stays small


def write_report(report: Report, output: Output) -> None:
    """Findings, then each table under its title."""
    blocks = 0
    if report.findings:
        write_findings(report.findings, output)
        blocks += 1
    titled = len(report.tables) > 1 or blocks > 0
    for table in report.tables:
        if blocks:
            output.text("\n")
        if titled or table.title:
            _heading(table.title or _title(table), output)
        write_table(table, output)
        blocks += 1


def _title(table: Table) -> str:
    name = table.name.replace("_", " ")
    return f"{name} ({len(table.rows)})" if table.layout == "rows" else name


def _heading(text: str, output: Output) -> None:
    text = printable(text)
    if output.color:
        from crashdrive.render.pretty import heading

        text = heading(text, output)
    output.text(f"{text}\n")


def write_table(table: Table, output: Output) -> None:
    """One table in its layout."""
    if table.layout == "fields":
        _numbers(table, output)
        _write_fields(table, output)
    elif table.layout == "lines":
        _write_lines(table, output)
    elif table.layout == "blocks":
        _numbers(table, output)
        _write_blocks(table, output)
    else:
        _write_rows(table, output)


def _numbers(table: Table, output: Output) -> list[str]:
    """The numbers of a table's rows as cells; none where rows have no numbers."""
    return [] if output.numbers is None else [str(next(output.numbers)) for _ in table.rows]


def _write_fields(table: Table, output: Output) -> None:
    for position, row in enumerate(table.rows):
        pairs = [(n, c) for n, c in named_cells(row) if not table.columns or n in table.columns]
        size = max((len(name) for name, _ in pairs), default=0) + 1
        gap = "\n" if position else ""
        output.text(gap + "".join(_field(f"{name + ':':<{size}} ", cell, output) for name, cell in pairs))


def _field(label: str, cell: str, output: Output) -> str:
    """A field's line; on a terminal words wrap below each other."""
    if output.width is None or len(label) + len(cell) <= output.width:
        return f"{label}{cell}".rstrip() + "\n"
    width = max(output.width - len(label), _NARROWEST)
    lines = textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False)
    return label + f"\n{' ' * len(label)}".join(lines) + "\n"


def _write_lines(table: Table, output: Output) -> None:
    if not table.rows:
        output.text("(none)\n")
        return
    names = table.columns or all_columns(table.rows)
    values: list[Sequence[Any]] = [column_values(table.rows, name) for name in names]
    if numbers := _numbers(table, output):
        width = len(numbers[-1])
        names, values = ("#", *names), [[number.rjust(width) for number in numbers], *values]
    if values and any(isinstance(value, tuple) for value in values[-1]):
        values = [*_unfolded(values)]
    columns = [
        format_column(column, hexadecimal=is_hexadecimal(table.rows, name))
        for name, column in zip(names, values, strict=True)
    ]
    _emit((" ".join(cells).rstrip() for cells in zip(*columns, strict=True)), output)


def _write_blocks(table: Table, output: Output) -> None:
    if not table.rows:
        output.text("(none)\n")
        return
    *names, last = table.columns or all_columns(table.rows)
    width = output.width or PLAIN_WIDTH
    for position, (row, lines) in enumerate(zip(table.rows, column_values(table.rows, last), strict=True)):
        cells = dict(named_cells(row))
        head = "  ".join(f"{printable(name)}: {cells[name]}" for name in names if name in cells)
        _emit(
            [
                *([""] if position else []),
                *textwrap.wrap(head, width, subsequent_indent="  ", break_on_hyphens=False),
                *(f"    {cell}" for cell in format_column(_several(lines))),
            ],
            output,
        )


def _unfolded(columns: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows whose last cell has several lines as so many rows; their other cells are repeated."""
    rows = [(*others, line) for *others, lines in zip(*columns, strict=True) for line in _several(lines)]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in columns]


def _several(cell: Any) -> Sequence[Any]:
    return cell if isinstance(cell, tuple) else (cell,)


class _Column(NamedTuple):
    """A column as it will be shown."""

    name: str
    cells: list[str]
    right: bool

    @property
    def head(self) -> str:
        return printable(self.name.upper())


def _write_rows(table: Table, output: Output) -> None:
    columns, numbers = _columns(table), _numbers(table, output)
    if not columns:
        output.text("(none)\n")
    elif not table.columns and len(table.rows) == 1 and len(columns) > _MOST_IN_ONE_ROW:
        _write_fields(table, output)
    else:
        _write_columns([*([_Column("#", numbers, right=True)] if numbers else []), *columns], output)
        if not table.rows:
            output.text("(none)\n")


def _columns(table: Table) -> list[_Column]:
    """The columns that the table names; else all that hold anything (the first one where none does)."""
    names = table.columns or all_columns(table.rows)
    values = [column_values(table.rows, name) for name in names]
    columns = [
        _Column(name, format_column(column, hexadecimal=is_hexadecimal(table.rows, name)), is_numeric(column))
        for name, column in zip(names, values, strict=True)
    ]
    if table.columns:
        return columns
    return [column for column in columns if any(column.cells)] or columns[:1]


def _write_columns(columns: list[_Column], output: Output) -> None:
    heads, rights = [column.head for column in columns], [column.right for column in columns]
    cells = [column.cells for column in columns]
    sizes = aligned.widths(heads, cells)
    if output.width is not None:
        sizes = aligned.fit(sizes, rights, output.width)
    shown = len(sizes)
    if output.terminal and len(cells[0]) <= _PRETTY_ROWS:
        from crashdrive.render.pretty import write_grid

        write_grid(heads[:shown], cells, rights, sizes, output)
    else:
        head = aligned.lines([[h] for h in heads[:shown]], sizes, rights)
        _emit([*head, *aligned.lines(cells[:shown], sizes, rights)], output)
    _tell_left_out([column.name for column in columns[shown:]], output)


def _tell_left_out(names: Sequence[str], output: Output) -> None:
    if names:
        hidden = printable(", ".join(names))
        text = f"(too narrow for: {hidden}; a pipe, --format csv or --format json has all)"
        _emit(textwrap.wrap(text, output.width or PLAIN_WIDTH, break_on_hyphens=False), output)


def _emit(lines: Iterable[str], output: Output) -> None:
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) >= _CHUNK:
            output.text("\n".join(chunk) + "\n")
            chunk.clear()
    if chunk:
        output.text("\n".join(chunk) + "\n")
