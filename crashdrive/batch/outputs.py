"""What a batch leaves beside its ledger: ``triage.jsonl``, rows of reports, and the summary for people."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from crashdrive.batch.jobs import Result
from crashdrive.batch.ledger import Ledger
from crashdrive.batch.summary import first, rows_of
from crashdrive.records import Table

_JSON_COLUMNS = frozenset({"also", "alternatives", "frames"})


def title_of(result: Result) -> str:
    """What a dump died of, in a line."""
    return first(rows_of(result, "panic", "verdict")).get("title") or "no crash in its log"


def write(ledger: Ledger) -> None:
    """Write ``triage.jsonl``: a line for each dump, in the order of their crashes."""
    rows = ledger.rows("SELECT * FROM dumps ORDER BY crashed, dump")
    encode = msgspec.json.Encoder().encode
    write_whole(ledger.folder / "triage.jsonl", (f"{encode(plain(row)).decode()}\n" for row in rows))


def plain(row: sqlite3.Row) -> dict[str, Any]:
    """A row of ``dumps`` for JSON: its lists are JSON already."""
    found = dict(row)
    for name in _JSON_COLUMNS:
        found[name] = msgspec.Raw(found[name].encode())
    if found["corrupted"] is not None:
        found["corrupted"] = bool(found["corrupted"])
    return found


def write_whole(path: Path, pieces: Iterable[str]) -> None:
    """A text file, whole or not at all."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with open(number, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - a number
            file.writelines(pieces)
        os.replace(name, path)  # noqa: PTH105 - names
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


_SHOWN = ("dumps", "title", "state", "last_seen", "kernels", "hosts", "group_id")


def summary(ledger: Ledger, ids: Sequence[str]) -> tuple[tuple[Table, ...], list[tuple[str, str]], int]:
    """Tables for people, the failed dumps (path, reason), and how many are incomplete, of those named."""
    wanted = set(ids)
    rows = [row for row in ledger.rows("SELECT * FROM dumps") if row["dump"] in wanted]
    failed = sorted((row["path"], row["reason"] or "no reason") for row in rows if row["status"] == "failed")
    incomplete = sum(row["status"] == "incomplete" for row in rows)
    here = Counter(row["group_id"] for row in rows if row["status"] != "failed")
    groups = [
        {**dict(row), "dumps": here[row["group_id"]], "kernels": len(json.loads(row["releases"]))}
        for row in ledger.rows("SELECT * FROM groups")
        if here[row["group_id"]]
    ]
    groups.sort(key=lambda one: (-one["dumps"], one["title"]))
    return (Table(name="groups", rows=groups, columns=_SHOWN, title="What they died of"),), failed, incomplete
