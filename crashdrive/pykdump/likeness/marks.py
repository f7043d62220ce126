"""Values as the programs print them, and what stands for one that can't be read."""

from __future__ import annotations

from typing import Any

from crashdrive.records import Report

UNREAD = "?"


def told(value: Any) -> Any:
    """A value, or what stands for one that can't be read."""
    return UNREAD if value is None else value


def rows(report: Report, name: str) -> list[Any]:
    """The rows of a report's table; none where it hasn't got it."""
    return list(next((table.rows for table in report.tables if table.name == name), ()))
