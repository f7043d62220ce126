"""The kernel's log, searched."""

from __future__ import annotations

from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.reports import grid_at, report_at
from crashdrive.text import printable


def page(asked: Asked, desk: Desk) -> Reply:
    """All messages; a script searches them by words or by an expression, and by level."""
    report = report_at(desk, "dmesg")
    return exchange.page(
        "serve_log.html",
        asked,
        title="Log",
        report=report,
        warnings=[printable(notice.message) for notice in report.warnings],
        grid=grid_at(asked, report, "log", {}),
    )
