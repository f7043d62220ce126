"""Dumps that are none, and what came of them."""

from __future__ import annotations

from typing import Any

from crashdrive.batch.find import Found
from crashdrive.batch.jobs import Job, Result


def found(number: int, **more: Any) -> Found:
    """A dump by its number."""
    given = {"id": f"{number:016x}", "path": f"/var/crash/{number}/vmcore", "size": 1000 + number, **more}
    return Found(**given)


def verdict(function: str, kind: str = "null", **more: Any) -> dict[str, Any]:
    """A row of the table verdict."""
    return {
        "title": f"{kind}: in {function}", "kind": kind, "function": function, "module": None,
        "bucket": f"{abs(hash((kind, function))):016x}"[:16], "algorithm": 1, "alternatives": [],
        "frames": [function, "caller", "do_syscall_64"], "corrupted": False, "context": "process", "cpu": 1,
        "pid": 7, "comm": "cat", "taint": None, **more,
    }  # fmt: skip


def result(job: Job | Found, row: dict[str, Any] | None = None, **more: Any) -> Result:
    """What came of a dump that died so."""
    path = job.vmcore if isinstance(job, Job) else job.path
    system = more.pop("system", {"nodename": "web1", "release": "6.1.0", "date": "2026-11-01T00:00:00+00:00"})
    findings = more.pop("findings", [])
    reports = {
        "panic": {"report": "panic", "complete": True, "tables": {"verdict": [row] if row else []}},
        "sysinfo": {"report": "sysinfo", "complete": True, "tables": {"system": [system]}},
        "triage": {"report": "triage", "complete": True, "tables": {}, "findings": findings},
        **more.pop("reports", {}),
    }
    return Result(id=job.id, vmcore=path, reports=reports, **{"status": "complete", **more})
