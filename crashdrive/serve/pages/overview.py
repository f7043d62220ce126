"""The first page: the triage, with what is to be looked at next as links."""

from __future__ import annotations

from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.grid import grid_of
from crashdrive.serve.reports import pictures, report_at
from crashdrive.text import printable

_OWN = {"stacks": "stacks", "hang": "locks", "dmesg": "log"}


def page(asked: Asked, desk: Desk) -> Reply:
    """The verdict, the machine, findings, and where they lead."""
    report = report_at(desk, "triage")
    tables = {table.name: table for table in report.tables}
    verdict = next(iter(tables["verdict"].rows), None)
    none = "No crash in its log" if report.complete else "No crash in what could be read of its log"
    return exchange.page(
        "serve_overview.html",
        asked,
        title=getattr(verdict, "title", None) or none,
        report=report,
        warnings=[printable(notice.message) for notice in report.warnings],
        session=[printable(warning.message) for warning in desk.crash.health.warnings],
        findings=[(one, _page_of(asked, one.source or "")) for one in report.findings],
        blocks=[grid_of(tables[name], asked.root) for name in ("verdict", "system")],
        looks=[
            (row.look, _page_of(asked, _looked_at(row.command)), row.command) for row in tables["look"].rows
        ],
        pictures=pictures(report),
    )


def _looked_at(command: str) -> str:
    """The report of a command line such as ``crashdrive report hang --tasks VMCORE``."""
    words = command.split()
    return words[2] if words[:2] == ["crashdrive", "report"] and len(words) > 2 else ""


def _page_of(asked: Asked, source: str) -> str | None:
    """The page with what a finding is about: ``source`` is a report's table, or a report."""
    name = source.partition(".")[0]
    return asked.link(_OWN.get(name, f"report/{name}")) if name.isascii() and name else None
