"""The last seconds before the end, as a picture and a table."""

from __future__ import annotations

from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.reports import options_of, query_of, report_at, shown_report

SPANS = (1, 10, 60, 600)


def page(asked: Asked, desk: Desk) -> Reply:
    """Report ``timeline``; ``last`` says how many seconds."""
    report = report_at(desk, "timeline", options_of(asked, "timeline"))
    return exchange.page(
        "serve_timeline.html",
        asked,
        title="Timeline",
        spans=SPANS,
        last=asked.text("last") or "10",
        **shown_report(asked, report, query_of(asked, "timeline")),
    )
