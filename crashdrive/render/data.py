"""Reports and rows for programs: JSON, JSON lines, CSV. All fields, nothing cut, addresses as text."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from crashdrive.integers import EXACT, exact, exact_but_numbers
from crashdrive.records import Report, Table
from crashdrive.render.cells import all_columns, column_values
from crashdrive.render.output import Output
from crashdrive.text import all_valid, printable, valid

_UNSAFE = re.compile(r"[^\x20-\x7e\n]")
_CHUNK = 20_000  # rows per write


def encode(value: object) -> bytes:
    r"""JSON of records in UTF-8, on one line; integers as `crashdrive.integers` describes.

    Characters that a terminal would act on (C1 controls, bidirectional overrides, ...) are written as
    ``\uXXXX``, which is the same JSON.
    """
    return _tame(_encoded(_ENCODER.encode, value))


def _encoded(encode: Callable[[Any], bytes], value: object) -> bytes:
    """JSON in which no reader finds a number that it can't keep, nor bytes that are no UTF-8."""
    try:
        data = encode(exact_but_numbers(value))
        return encode(exact(value)) if _has_long_number(data) else data
    except OverflowError:  # of msgspec, beyond 64 bits
        return _encoded(encode, exact(value))
    except UnicodeEncodeError:
        return encode(all_valid(msgspec.to_builtins(exact(value), enc_hook=_fallback)))


def _has_long_number(data: bytes) -> bool:
    """Whether 16 digits stand in a row, as in numbers from 2^53 on (and in some texts)."""
    return _SIXTEEN in data.translate(_DIGITS_ALONE)


_SIXTEEN = b"0" * 16
_DIGITS_ALONE = bytes(b"0"[0] if chr(byte).isdecimal() and byte < 128 else 32 for byte in range(256))


def _fallback(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)


def _tame(data: bytes) -> bytes:
    if data.isascii() and b"\x7f" not in data:
        return data
    return _UNSAFE.sub(_escape, data.decode("utf-8")).encode("utf-8")


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


_ENCODER = msgspec.json.Encoder(enc_hook=_fallback)


def write_json(value: object, output: Output) -> None:
    """One JSON document on one line."""
    output.raw(encode(value) + b"\n")


def write_report_lines(report: Report, output: Output) -> None:
    """JSON lines of a report: one row per line; findings are a table too.

    Each says its ``table``, and whose it is: ``dump`` (`crashdrive.dump.contents.dump_id`) and ``host``.
    """
    whose = _whose(report)
    for table in with_findings(report):
        write_lines(table.rows, output, label={"table": table.name, **whose})


def _whose(report: Report) -> dict[str, str | None]:
    """What says in each row whose it is; of a report of no dump nothing does."""
    dump = report.dump
    return {"dump": dump.get("id") or dump.get("vmcore"), "host": dump.get("host")} if dump else {}


def write_lines(
    rows: Sequence[Any], output: Output, *, label: Mapping[str, str | None] | None = None
) -> None:
    """One row per line; each starts with what ``label`` has.

    A row that has such a field of its own (a route's ``table``: its routing table) keeps it, and what the
    label says stands under ``report_table``.
    """
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        data = _encode_lines(chunk)
        output.raw(_label(data, _renamed(label, chunk)) if label else data)


def _encode_lines(rows: Sequence[Any]) -> bytes:
    return _tame(_encoded(_ENCODER.encode_lines, rows))


def _renamed(label: Mapping[str, str | None], rows: Sequence[Any]) -> dict[str, str | None]:
    taken = set(all_columns(rows))
    return {f"report_{name}" if name in taken else name: value for name, value in label.items()}


def _label(data: bytes, label: dict[str, str | None]) -> bytes:
    """Put the label in front of each line; within a line of JSON no newline stands, so that this is safe."""
    front = b"\n" + encode(label)[:-1]
    labelled = (b"\n" + data[:-1]).replace(b"\n{", front + b",").replace(front + b",}", front + b"}")
    return labelled[1:] + b"\n"


def with_findings(report: Report) -> tuple[Table, ...]:
    """The report's tables, and its findings as one where it has any."""
    if not report.findings:
        return report.tables
    return (*report.tables, Table(name="findings", rows=report.findings))


def write_report_csv(report: Report, output: Output) -> None:
    """CSV of a report: one table as it is; several are parted by an empty line.

    Each of several has its own header, and a first column that names the table. ``dump`` and ``host`` say in
    each row whose it is.
    """
    tables, whose = with_findings(report), _whose(report)
    for position, table in enumerate(tables):
        if position:
            output.text("\n")
        label = {"table": table.name, **whose} if len(tables) > 1 else whose
        write_csv(table.rows, output, columns=table.columns, label=label)


def write_csv(
    rows: Sequence[Any],
    output: Output,
    *,
    columns: Sequence[str] = (),
    label: Mapping[str, str | None] | None = None,
) -> None:
    """CSV with a header; lines end in a newline alone, None is empty, nested values are JSON.

    What ``label`` has comes first, then ``columns`` in their order, the remaining fields after them.
    """
    names = list(dict.fromkeys((*columns, *all_columns(rows))))
    if not names:
        return
    front = _renamed(label or {}, rows)
    _write_csv_rows([(*front, *names)], output)
    for start in range(0, len(rows), _CHUNK):
        chunk = exact_but_numbers(rows[start : start + _CHUNK])
        cells = [_plain_column(column_values(chunk, name)) for name in names]
        labels = [[value] * len(chunk) for value in front.values()]
        _write_csv_rows(zip(*labels, *cells, strict=True), output)


def _write_csv_rows(rows: Iterable[Sequence[Any]], output: Output) -> None:
    import csv  # nothing else needs it

    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    text = buffer.getvalue()
    output.text("\n".join(map(printable, text.split("\n"))) if output.terminal else valid(text))


def _plain_column(values: list[Any]) -> list[Any]:
    kinds = set(map(type, values))
    if kinds <= {str, float, type(None)} or (
        kinds == {int} and -EXACT <= min(values) <= max(values) <= EXACT
    ):
        return values
    return list(map(_plain, values))


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, (str, int, float)):
        return exact(value)
    return encode(value).decode("utf-8")
