"""Answers and reports written out: tables and pages for people, JSON, JSON lines and CSV for programs.

The only place that knows rich and Jinja2. What comes out of a dump never reaches a terminal as control
characters or markup; 40,000 rows take a fraction of a second in every format.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import msgspec

from crashdrive.records import Answer, MadeOfRows, Report, Table, answered
from crashdrive.render import data, tables
from crashdrive.render.output import Output

__all__ = ["FORMATS", "PICTURE", "Format", "Output", "as_report", "render"]

Format = Literal["table", "json", "jsonl", "csv", "html"]
FORMATS: tuple[str, ...] = get_args(Format)
PICTURE = "svg"
"""The format of reports that draw something: their first picture alone."""


def render(
    value: Any, form: str, output: Output, *, name: str = "result", dump: Mapping[str, Any] | None = None
) -> None:
    """Write a `Report`, an `Answer`, a `Table`, rows, or a mapping of tables' names to rows.

    What a reader or `Kernel.read_many` gave is written as an answer.

    A row is a record, a mapping, a dataclass or a named tuple; anything else becomes ``{"value": it}``.
    JSON of a report or of a mapping of tables is a report's, of an answer an answer's, of rows a list.
    ``name`` and ``dump`` are what a report says of itself where it doesn't yet.
    """
    value = answered(value)
    if isinstance(value, Answer):
        _render_answer(value, form, output)
    elif isinstance(value, Table):
        _render_rows(msgspec.structs.replace(value, rows=as_rows(value.rows)), form, output)
    elif (report := as_report(value, name)) is not None:
        if dump and not report.dump:
            report = msgspec.structs.replace(report, dump=dict(dump))
        _render_report(report, form, output)
    else:
        _render_rows(Table(name=name, rows=as_rows(value)), form, output)


def as_report(value: Any, name: str) -> Report | None:
    """A report, or tables by name as one: as incomplete as the answers among them. None: it is neither."""
    if isinstance(value, Report):
        return value
    if isinstance(value, Mapping) and value and all(_is_rows(rows) for rows in value.values()):
        value = {key: answered(rows) for key, rows in value.items()}
        answers = [rows for rows in value.values() if isinstance(rows, Answer)]
        return Report(
            report=name,
            complete=all(answer.complete for answer in answers),
            warnings=tuple(dict.fromkeys(notice for answer in answers for notice in answer.warnings)),
            tables=tuple(Table(name=str(key), rows=as_rows(rows)) for key, rows in value.items()),
        )
    return None


def _is_rows(value: Any) -> bool:
    return isinstance(value, (list, tuple, Answer, MadeOfRows))


def as_rows(value: Any) -> list[Any]:
    """What a script returned as a list of records and dicts; a single record is a list of one."""
    value = answered(value)
    if isinstance(value, Answer):
        value = value.records
    if isinstance(value, (str, bytes, Mapping, msgspec.Struct)) or not isinstance(value, Iterable):
        value = [value]
    return [row if isinstance(row, (msgspec.Struct, dict)) else _as_row(row) for row in value]


def _as_row(row: Any) -> Any:
    if isinstance(row, Mapping):
        return dict(row)
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    if isinstance(row, tuple) and hasattr(row, "_asdict"):
        return row._asdict()
    return {"value": row}


def _render_answer(answer: Answer[Any], form: str, output: Output) -> None:
    if form == "json":
        data.write_json(answer, output)
    elif form == "html":
        table = Table(name=answer.shape, rows=as_rows(answer.records))
        page = Report(report=answer.command, complete=answer.complete, tables=(table,))
        _render_report(msgspec.structs.replace(page, warnings=answer.warnings), form, output)
    else:
        _render_rows(Table(name=answer.shape, rows=as_rows(answer.records)), form, output)


def _render_rows(table: Table, form: str, output: Output) -> None:
    if form == "json":
        data.write_json(table.rows, output)
    elif form == "jsonl":
        data.write_lines(table.rows, output)
    elif form == "csv":
        data.write_csv(table.rows, output, columns=table.columns)
    elif form == "html":
        _render_report(Report(report=table.name, tables=(table,)), form, output)
    else:
        tables.write_table(table, output)


def _render_report(report: Report, form: str, output: Output) -> None:
    if form == "json":
        data.write_json(report.document(), output)
    elif form == "jsonl":
        data.write_report_lines(report, output)
    elif form == "csv":
        data.write_report_csv(report, output)
    elif form == "html":
        from crashdrive.render import html

        html.write_report(report, output)
    elif form == PICTURE:
        from crashdrive.render import svg

        output.text("".join(f"{svg.drawn(picture)}\n" for picture in report.pictures[:1]))
    else:
        tables.write_report(report, output)
