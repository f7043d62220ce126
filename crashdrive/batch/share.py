"""The redacted copy of a batch, ``OUT/redacted``: a ledger, results and pages of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from crashdrive.batch import outputs
from crashdrive.batch.jobs import BadResultError, Result, packed, unpacked
from crashdrive.batch.ledger import DUMP_COLUMNS, Ledger, open_folder
from crashdrive.batch.pages import write_pages
from crashdrive.batch.redact import FOLDER, Redactor, key_of
from crashdrive.batch.run import result_path

_GROUP_WORDS = ("link", "note", "owner")


def write_redacted(ledger: Ledger) -> Path:
    """Bring the redacted copy up to date; gives its folder."""
    folder = open_folder(ledger.folder / FOLDER)
    redactor = Redactor(key_of(ledger.folder))
    copy = Ledger(folder)
    try:
        rows = [dict(row) for row in ledger.rows("SELECT * FROM dumps")]
        for row in rows:
            redactor.learn({"host": row["host"]})
        known = {row["dump"]: row["triaged"] for row in copy.rows("SELECT dump, triaged FROM dumps")}
        for row in rows:
            if known.get(row["dump"]) != row["triaged"]:
                _put(copy, ledger, row, redactor)
        _remove(copy, known.keys() - {row["dump"] for row in rows})
        _groups(copy, ledger, redactor)
        outputs.write(copy)
        write_pages(copy)
    finally:
        copy.close()
    return folder


def _remove(copy: Ledger, gone: Iterable[str]) -> None:
    with copy.transaction() as database:
        for dump in gone:
            database.execute("DELETE FROM findings WHERE dump = ?", (dump,))
            database.execute("DELETE FROM dumps WHERE dump = ?", (dump,))
            result_path(copy.folder, dump).unlink(missing_ok=True)


def _put(copy: Ledger, ledger: Ledger, row: dict[str, Any], redactor: Redactor) -> None:
    try:
        result = unpacked(result_path(ledger.folder, row["dump"]).read_bytes())
    except (OSError, BadResultError):
        result = Result(id=row["dump"], vmcore=row["path"], status="failed", reason="its result is lost")
    redactor.learn(msgspec.to_builtins(result))
    place = result_path(copy.folder, row["dump"])
    part = place.with_name(f".{place.name}.part")
    part.write_bytes(packed(redactor.result(result)))
    part.replace(place)
    (copy.folder / "dump" / f"{row['dump']}.html").unlink(missing_ok=True)
    findings = [dict(one) for one in ledger.rows("SELECT * FROM findings WHERE dump = ?", (row["dump"],))]
    copy.put_dump(_row(row, redactor), [redactor.value(one) for one in findings])


def _row(row: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    plain = {name: redactor.value(row[name], name) for name in DUMP_COLUMNS if name != "attempts"}
    plain["path"] = redactor.path(row["path"])
    plain["also"] = json.dumps([redactor.path(name) for name in json.loads(row["also"])])
    return plain


def _groups(copy: Ledger, ledger: Ledger, redactor: Redactor) -> None:
    rows = [dict(row) for row in ledger.rows("SELECT * FROM groups")]
    before = {row["group_id"]: dict(row) for row in copy.rows("SELECT * FROM groups")}
    members = ledger.rows("SELECT group_id, dump FROM dumps")
    plain = [{**redactor.value(row), **dict.fromkeys(_GROUP_WORDS)} for row in rows]
    for row in plain:
        if before.get(row["group_id"]) != row:
            (copy.folder / "group" / f"{row['group_id']}.html").unlink(missing_ok=True)
    with copy.transaction() as database:
        database.execute("DELETE FROM groups")
        for row in plain:
            names = ", ".join(row)
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO groups ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608 - ours
        database.executemany(
            "UPDATE dumps SET group_id = ? WHERE dump = ?",
            [(row["group_id"], row["dump"]) for row in members],
        )
