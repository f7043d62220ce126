"""Stacks of all tasks: a flame graph to look into, and the groups that it is made of."""

from __future__ import annotations

from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.reports import options_of, query_of, report_at, shown_report


def page(asked: Asked, desk: Desk) -> Reply:
    """Report ``stacks``; ``state``, ``function``, ``comm`` and its other options narrow it down."""
    report = report_at(desk, "stacks", options_of(asked, "stacks"))
    query = query_of(asked, "stacks")
    return exchange.page(
        "serve_stacks.html", asked, title="Stacks", query=query, **shown_report(asked, report, query)
    )
