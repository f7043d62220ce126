"""Checks of a whole answer: whether there is one, and whether it is complete."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Source

R = TypeVar("R")


def demand_records(source: Source, records: list[R], reason: str = "no record in this output") -> list[R]:
    """The records. ParseError where there is none, as crash then printed errors alone; lenient mode accepts
    notices alone.
    """
    if records or (source.lenient and source.warnings):
        return records
    spoken = next((notice for notice in source.warnings if notice.line is not None), None)
    if spoken is None:
        source.fail(0, reason)
    raise ParseError(source.command.text, spoken.line or 1, 1, spoken.text or "...", reason)


def rows_or_hole(source: Source, records: list[R]) -> list[R]:
    """The rows below a header. No row at all is a hole and marked: crash 9.0.1 and later say nothing of
    excluded pages.
    """
    if not records and not source.warnings:
        source.note("partial", "a header without rows", line=1, incomplete=True)
        return records
    return demand_records(source, records)


def say_empty(source: Source, what: str) -> None:
    """Note that crash printed nothing, and mark the answer; ``what``: the meaning of that where the dump
    lacks nothing.

    Since crash 9 a page that the dump lacks ends a command silently, too.
    """
    source.note(
        "empty", f"crash printed nothing: {what}, or what it needs isn't in the dump", incomplete=True
    )


def mark_unknown(source: Source, names: Iterable[str | None]) -> None:
    """Mark an answer with names that crash couldn't read."""
    unknown = sum(name == "(unknown)" for name in names)
    if unknown:
        source.note("unknown", f"crash couldn't read {unknown} names", incomplete=True)
