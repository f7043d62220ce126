"""A live kernel on the command line: what is said of its answers, and what is made of dumps alone."""

from __future__ import annotations

from datetime import datetime

from crashdrive.dump.live import live_source
from crashdrive.errors import UsageError


def when_read(began: datetime, *, replayed: bool) -> str:
    """The line on stderr that stands behind all that was said of a live kernel since a moment (UTC)."""
    from crashdrive.crash import live_words

    return live_words(began, replayed=replayed)


def refuse_live(path: str | None, what: str) -> None:
    """UsageError where a path is a live kernel's, for what is made of a dump; ``what`` begins the line."""
    if path is not None and (source := live_source(path)) is not None:
        raise UsageError(f"{source} is a kernel that runs: {what}")
