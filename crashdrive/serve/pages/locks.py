"""Who waits for what, as a graph, and who holds it."""

from __future__ import annotations

from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.reports import report_at, shown_report


def page(asked: Asked, desk: Desk) -> Reply:
    """Report ``hang`` with every blocked task."""
    report = report_at(desk, "hang", {"tasks": True})
    return exchange.page(
        "serve_locks.html", asked, title="Locks", **shown_report(asked, report, {"tasks": "1"})
    )
