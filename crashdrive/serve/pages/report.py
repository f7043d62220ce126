"""A report with its options as a form."""

from __future__ import annotations

from typing import Any, NamedTuple

from crashdrive.reports import module_for
from crashdrive.reports.base import Option
from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, NoSuchPageError, Reply
from crashdrive.serve.reports import options_of, query_of, report_at, shown_report


class Field(NamedTuple):
    """An option as a form has it, with what it was filled in with."""

    option: Option
    value: str
    label: str


def page(asked: Asked, desk: Desk) -> Reply:
    """``report/NAME?option=value``."""
    if len(asked.path) != 2:
        raise NoSuchPageError("a report's address is report/NAME")
    name = asked.path[1]
    options = options_of(asked, name)
    query = query_of(asked, name)
    found = report_at(desk, name, options)
    values: dict[str, Any] = shown_report(asked, found, query)
    module = module_for(name)
    return exchange.page(
        "serve_report.html",
        asked,
        title=f"Report {name}",
        summary=module.SUMMARY,
        form=[Field(one, query.get(one.name, ""), one.flags[-1].lstrip("-")) for one in module.OPTIONS],
        is_asked=bool(query),
        **values,
    )
