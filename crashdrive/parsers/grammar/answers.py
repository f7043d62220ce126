"""Checks of a whole answer: whether there is one, and whether it is complete."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Source

R = TypeVar("R")


def demand_records(source: Source, records: list[R], reason: str = "no record in this output") -> list[R]:
    """The records; ParseError where there is none (then what crash said is a failure, not an answer)."""
    if records or (source.lenient and source.warnings):
        return records
    spoken = next((notice for notice in source.warnings if notice.line is not None), None)
    if spoken is None:
        source.fail(0, reason)
    raise ParseError(source.command.text, spoken.line or 1, 1, spoken.text or "...", reason)


def rows_or_hole(source: Source, records: list[R]) -> list[R]:
    """The rows below a header; none at all is a hole: crash 9.0.1 and later say nothing of excluded pages."""
    if not records and not source.warnings:
        source.note("partial", "a header without rows", line=1, incomplete=True)
        return records
    return demand_records(source, records)


def say_empty(source: Source, what: str) -> None:
    """Note that crash printed nothing: for a thing that doesn't exist, or at a page that the dump lacks.

    Since crash 9 a page that the dump lacks ends a command silently: the answer is marked.
    """
    source.note(
        "empty", f"crash printed nothing: {what}, or what it needs isn't in the dump", incomplete=True
    )


def mark_unknown(source: Source, names: Iterable[str | None]) -> None:
    """Mark an answer with names that crash couldn't read."""
    unknown = sum(name == "(unknown)" for name in names)
    if unknown:
        source.note("unknown", f"crash couldn't read {unknown} names", incomplete=True)
