"""The groups of a ledger, made anew from all of its dumps; members that were together stay together."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from crashdrive.batch.group import Crash, Group, grouped
from crashdrive.batch.known import Known, entry_for, fields, state_of
from crashdrive.batch.ledger import Ledger
from crashdrive.batch.summary import iso

_COLUMNS = (
    "group_id", "bucket", "title", "kind", "function", "module", "count", "first_seen", "last_seen", "hosts",
    "releases", "state", "corrupted", "algorithm", "waits_for", "link", "note", "owner", "fixed_in",
    "created",
)  # fmt: skip
_NO_CRASH = "no crash in its log"
_READ = """SELECT dump, bucket, title, kind, function, module, alternatives, frames, waits_for, corrupted,
 crashed, group_id, algorithm, host, release FROM dumps WHERE status != 'failed'"""


def regroup(ledger: Ledger, known: Sequence[Known] = ()) -> set[str]:
    """Group all dumps that were triaged; the ids of groups that have changed, and of those that are gone."""
    rows = {row["dump"]: row for row in ledger.rows(_READ)}
    before = {row["group_id"]: dict(row) for row in ledger.rows("SELECT * FROM groups")}
    ages = {name: row["created"] for name, row in before.items()}
    now = iso(time.time()) or ""
    strings = msgspec.json.Decoder(tuple[str, ...])
    found = grouped((_crash(row, strings) for row in rows.values()), ages)
    after = {
        group.id: _row(group, [rows[one.dump] for one in group.members], known, ages.get(group.id, now))
        for group in found
    }
    moved = [(group.id, one.dump) for group in found for one in group.members if one.group_id != group.id]
    changed = [row for name, row in after.items() if before.get(name) != row]
    gone = [name for name in before if name not in after]
    touched = {row["group_id"] for row in changed} | {name for name, _ in moved} | set(gone)
    if touched:
        for name in touched:  # before the change: a page that is there is up to date
            (ledger.folder / "group" / f"{name}.html").unlink(missing_ok=True)
        with ledger.transaction() as database:
            database.executemany("UPDATE dumps SET group_id = ? WHERE dump = ?", moved)
            database.execute(
                "UPDATE dumps SET group_id = NULL WHERE status = 'failed' AND group_id IS NOT NULL"
            )
            database.executemany("DELETE FROM groups WHERE group_id = ?", [(name,) for name in gone])
            database.executemany(
                f"INSERT OR REPLACE INTO groups ({', '.join(_COLUMNS)})"  # noqa: S608 - ours
                f" VALUES ({', '.join(':' + name for name in _COLUMNS)})",
                changed,
            )
    return touched


def _crash(row: Any, strings: msgspec.json.Decoder[tuple[str, ...]]) -> Crash:
    return Crash(
        dump=row["dump"],
        bucket=row["bucket"],
        title=row["title"],
        kind=row["kind"],
        function=row["function"],
        module=row["module"],
        alternatives=strings.decode(row["alternatives"]),
        frames=strings.decode(row["frames"]),
        waits_for=row["waits_for"],
        corrupted=bool(row["corrupted"]),
        crashed=row["crashed"],
        group_id=row["group_id"],
        algorithm=row["algorithm"],
    )


def _row(group: Group, members: Sequence[Any], known: Sequence[Known], created: str) -> dict[str, Any]:
    first = group.first
    releases = sorted({row["release"] for row in members if row["release"]})
    buckets = {one.bucket for one in group.members}
    titles = {one.title for one in group.members}
    entry = entry_for(known, [group.id, *sorted(filter(None, buckets)), *sorted(filter(None, titles))])
    times = sorted(row["crashed"] for row in members if row["crashed"])
    return {
        "group_id": group.id,
        "bucket": first.bucket or "",
        "title": (entry.title if entry else None) or first.title or _NO_CRASH,
        "kind": first.kind,
        "function": first.function,
        "module": first.module,
        "count": len(members),
        "first_seen": times[0] if times else None,
        "last_seen": times[-1] if times else None,
        "hosts": len({row["host"] for row in members if row["host"]}),
        "releases": json.dumps(releases),
        "state": state_of(entry, releases),
        "corrupted": int(first.corrupted),
        "algorithm": group.algorithm,
        "waits_for": first.waits_for,
        **fields(entry),
        "created": created,
    }
