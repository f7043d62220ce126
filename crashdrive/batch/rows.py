"""Rows of reports over all dumps: ``OUT/reports/NAME.jsonl``, and a CSV file for each table.

Every row says whose it is: ``dump``, ``host``, ``path`` come first.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from crashdrive.batch.jobs import BadResultError, unpacked
from crashdrive.batch.ledger import Ledger
from crashdrive.batch.outputs import write_whole
from crashdrive.batch.run import result_path

_WHOSE = ("dump", "host", "path")


def write_rows(ledger: Ledger, names: Sequence[str]) -> Path:
    """Write the rows of these reports; gives their folder."""
    folder = ledger.folder / "reports"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in names:
        tables: dict[str, list[dict[str, Any]]] = {}
        write_whole(folder / f"{name}.jsonl", _lines(ledger, name, tables))
        for table, rows in tables.items():
            write_whole(folder / f"{name}.{table}.csv", _csv(rows))
    return folder


def _lines(ledger: Ledger, name: str, tables: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """A line for each row; ``tables`` is filled with all of them."""
    for whose, document in _documents(ledger, name):
        for table, rows in (document.get("tables") or {}).items():
            for row in rows:
                full = {**whose, "table": table, **row} if isinstance(row, dict) else {**whose, "value": row}
                tables.setdefault(table, []).append(full)
                yield f"{json.dumps(full)}\n"


def _documents(ledger: Ledger, name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for row in ledger.rows(
        "SELECT dump, host, path FROM dumps WHERE status != 'failed' ORDER BY crashed, dump"
    ):
        try:
            result = unpacked(result_path(ledger.folder, row["dump"]).read_bytes())
        except (OSError, BadResultError):
            continue
        if name in result.reports:
            yield {column: row[column] for column in _WHOSE}, result.reports[name]


def _csv(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    columns = list(dict.fromkeys(name for row in rows for name in row if name != "table"))
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(_cell(row.get(name)) for name in columns)
    yield stream.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value
