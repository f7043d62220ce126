"""What the ledger keeps of a result: a row of ``dumps``, rows of ``findings``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crashdrive.batch.find import Found
from crashdrive.batch.jobs import Result

_OF_VERDICT = (
    "bucket", "title", "kind", "function", "module", "context", "cpu", "pid", "comm", "taint", "algorithm",
)  # fmt: skip
_NO_NAME = "(none)"  # what the kernel calls a machine that nobody has named


def iso(seconds: float | None) -> str | None:
    """A time of day, UTC, as text that sorts."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


def rows_of(result: Result, report: str, table: str) -> list[dict[str, Any]]:
    """The rows of a report's table; none where the report could not be made."""
    document = result.reports.get(report) or {}
    rows = document.get("tables", {}).get(table) or []
    return [row for row in rows if isinstance(row, dict)]


def first(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The first row, an empty one where there is none."""
    return rows[0] if rows else {}


def dump_row(found: Found, result: Result, now: float) -> dict[str, Any]:
    """The row of ``dumps``."""
    verdict = first(rows_of(result, "panic", "verdict"))
    system = first(rows_of(result, "sysinfo", "system"))
    row: dict[str, Any] = {name: verdict.get(name) for name in _OF_VERDICT}
    return {
        **row,
        "dump": found.id,
        "path": found.path,
        "also": json.dumps((*found.also, *found.parts[1:])),
        "host": found.host or (None if system.get("nodename") == _NO_NAME else system.get("nodename")),
        "release": found.release or system.get("release") or result.identity.get("osrelease"),
        "build_id": found.build_id or result.identity.get("build_id"),
        "format": found.format,
        "size": found.size,
        "crashed": system.get("date") or iso(found.crash_time),
        "status": result.status,
        "reason": result.reason,
        "reason_kind": result.kind,
        "corrupted": int(bool(verdict.get("corrupted"))) if verdict else None,
        "alternatives": json.dumps(verdict.get("alternatives") or []),
        "frames": json.dumps(verdict.get("frames") or []),
        "waits_for": waits_for(result, verdict),
        "findings": len(_findings(result)),
        "seconds": result.seconds,
        "peak_memory": result.peak_memory,
        "crash_version": result.health.get("version"),
        "version": result.version,
        "triaged": iso(now),
    }


def waits_for(result: Result, verdict: Mapping[str, Any]) -> str | None:
    """What everybody waits for in the end, of a dump that hung; None for one that died of something else.

    From the task that the kernel named the chain of owners leads there: a lock by its name and type, or the
    function that its group waits in. Of a deadlock, all locks of it.
    """
    if verdict.get("kind") != "hung":
        return None
    groups = rows_of(result, "hang", "groups")
    by_pid = {pid: group for group in groups for pid in group.get("pids") or ()}
    group = by_pid.get(verdict.get("pid"))
    if group is None:
        return None
    if group.get("deadlocked"):
        places = sorted({_place(one) for one in groups if one.get("deadlocked")})
        return f"deadlock: {', '.join(places)}"
    return _place(by_pid.get(group.get("root_pid"), group))


def _place(group: Mapping[str, Any]) -> str:
    name = _name(group.get("lock")) or group.get("function") or "?"
    return f"{group.get('type') or 'something'} {name}"


def _name(lock: str | None) -> str | None:
    """A lock's name, where it is one: an address is another one in each dump."""
    return lock if lock and not lock.startswith("0x") and " 0x" not in lock else None


def _findings(result: Result) -> list[dict[str, Any]]:
    document = result.reports.get("triage") or {}
    return [one for one in document.get("findings") or [] if isinstance(one, dict)]


def finding_rows(found: Found, result: Result) -> list[dict[str, Any]]:
    """The rows of ``findings``."""
    return [
        {
            "dump": found.id,
            "severity": one.get("severity"),
            "kind": one.get("kind"),
            "message": one.get("message"),
            "evidence": json.dumps(one.get("evidence") or []),
            "explanation": one.get("explanation"),
            "advice": one.get("advice"),
            "source": one.get("source"),
        }
        for one in _findings(result)
    ]
