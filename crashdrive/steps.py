"""What each step of the work took, for those who ask (``-v``): told through logging, level INFO."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from crashdrive.text import printable

_LOG = logging.getLogger("crashdrive.steps")
_SHOWN = 80


@contextmanager
def step(what: str) -> Iterator[None]:
    """Tell how many seconds the body took, also where it failed."""
    began = time.monotonic()
    try:
        yield
    finally:
        _LOG.info("%s: %.3f s", what, time.monotonic() - began)


def recalled(commands: Sequence[str], seconds: float) -> None:
    """Tell that these commands were answered out of the store."""
    more = f" and {len(commands) - 1} more" if len(commands) > 1 else ""
    _LOG.info("store> %s%s: %.3f s", printable(commands[0])[:_SHOWN] if commands else "", more, seconds)


@contextmanager
def sending(commands: Sequence[str]) -> Iterator[None]:
    """The same of commands that crash is asked in one round trip."""
    if not _LOG.isEnabledFor(logging.INFO):
        yield
        return
    more = f" and {len(commands) - 1} more" if len(commands) > 1 else ""
    with step(f"crash> {printable(commands[0])[:_SHOWN]}{more}" if commands else "crash>"):
        yield
