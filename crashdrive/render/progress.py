"""A sign of life on standard error, for a person who waits."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crashdrive.render.output import is_terminal
from crashdrive.text import printable

if TYPE_CHECKING:
    from rich.status import Status

_PATIENCE = 1.0  # seconds without a sign


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner while the block runs, if that takes longer than a second and standard error is a terminal."""
    if not is_terminal(sys.stderr) or os.environ.get("TERM", "dumb") == "dumb":
        yield
        return
    spinner = _Spinner(what)
    timer = threading.Timer(_PATIENCE, spinner.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        spinner.stop()


class _Spinner:
    """Started at most once, by a timer; never after it has been stopped."""

    def __init__(self, what: str) -> None:
        self._what = printable(what)
        self._lock = threading.Lock()
        self._status: Status | None = None
        self._stopped = False

    def start(self) -> None:
        from rich.console import Console
        from rich.status import Status
        from rich.text import Text

        with self._lock:
            if not self._stopped:
                self._status = Status(Text(f"{self._what} ..."), console=Console(stderr=True))
                self._status.start()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._status is not None:
                self._status.stop()
