"""All reports that there are."""

from __future__ import annotations

from crashdrive.reports import module_for, report_names
from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply


def page(asked: Asked, desk: Desk) -> Reply:  # noqa: ARG001 - as every page
    """Each with what it says, as a link."""
    rows = [(name, asked.link(f"report/{name}"), module_for(name).SUMMARY) for name in report_names()]
    return exchange.page("serve_reports.html", asked, title="Reports", rows=rows)
