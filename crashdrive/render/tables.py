"""Reports and rows for people: headings, aligned tables, blocks of fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crashdrive.render import aligned
from crashdrive.render.cells import (
    all_columns,
    column_values,
    format_column,
    is_numeric,
    named_cells,
)
from crashdrive.render.output import Output
from crashdrive.reports.base import Finding, Report, Table
from crashdrive.text import printable

_PRETTY_ROWS = 200  # up to so many rows a terminal gets rich's tables, whose cells wrap
_CHUNK = 20_000  # rows per write, so that `| head` ends early and memory stays small


def write_report(report: Report, output: Output) -> None:
    """Findings, then each table under its title."""
    blocks = 0
    if report.findings:
        _write_findings(report.findings, output)
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
        _write_fields(table, output)
    elif table.layout == "lines":
        _write_lines(table, output)
    else:
        _write_rows(table, output)


def _write_fields(table: Table, output: Output) -> None:
    for position, row in enumerate(table.rows):
        pairs = [(n, c) for n, c in named_cells(row) if not table.columns or n in table.columns]
        size = max((len(name) for name, _ in pairs), default=0) + 1
        gap = "\n" if position else ""
        output.text(gap + "".join(f"{name + ':':<{size}} {cell}".rstrip() + "\n" for name, cell in pairs))


def _write_lines(table: Table, output: Output) -> None:
    names = table.columns or all_columns(table.rows)
    columns = [format_column(column_values(table.rows, name), name) for name in names]
    _emit((" ".join(cells).rstrip() for cells in zip(*columns, strict=True)), output)


def _write_rows(table: Table, output: Output) -> None:
    names = table.columns or all_columns(table.rows)
    if not names:
        output.text("(none)\n")
        return
    values = [column_values(table.rows, name) for name in names]
    cells = [format_column(column, name) for name, column in zip(names, values, strict=True)]
    rights = [is_numeric(column) for column in values]
    heads = [printable(name.upper()) for name in names]
    sizes = aligned.widths(heads, cells)
    if output.width is not None:
        sizes = aligned.fit(sizes, rights, output.width)
    if output.terminal and len(table.rows) <= _PRETTY_ROWS:
        from crashdrive.render.pretty import write_grid

        write_grid(heads[: len(sizes)], cells, rights, sizes, output)
    else:
        head = aligned.lines([[h] for h in heads], sizes, rights)
        _emit([*head, *aligned.lines(cells[: len(sizes)], sizes, rights)], output)
    _tell_left_out(names[len(sizes) :], output)


def _tell_left_out(names: Sequence[str], output: Output) -> None:
    if names:
        hidden = printable(", ".join(names))
        output.text(f"(too narrow for: {hidden}; a pipe, --format csv or --format json has all)\n")


def _emit(lines: Iterable[str], output: Output) -> None:
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) >= _CHUNK:
            output.text("\n".join(chunk) + "\n")
            chunk.clear()
    if chunk:
        output.text("\n".join(chunk) + "\n")


def _write_findings(findings: Sequence[Finding], output: Output) -> None:
    for finding in findings:
        label: str = finding.severity
        if output.color:
            from crashdrive.render.pretty import severity

            label = severity(finding.severity, output)
        output.text(f"{label}: {printable(finding.message)}\n")
        output.text("".join(f"    {printable(line)}\n" for line in finding.evidence))
