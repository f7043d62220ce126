"""How a long work of many parts goes, on standard error: a board on a terminal, a line a part elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from crashdrive.render.output import is_terminal
from crashdrive.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_WIDEST = 30


class Board:
    """Parts that begin, take steps and end; may be told by several threads.

    ``total``: how many parts there are. ``say`` writes a line for people.
    """

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self._total = total
        self._say = say
        self._done = self._failed = 0
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._shown: dict[str, TaskID] = {}
        self._progress: Progress | None = None
        self._all: TaskID | None = None

    def __enter__(self) -> Self:
        if is_terminal(sys.stderr) and os.environ.get("TERM", "dumb") != "dumb" and self._total:
            self._progress = _progress()
            self._all = self._progress.add_task(self._head(), total=self._total, step="")
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def began(self, part: str, name: str) -> None:
        """A part is taken in hand."""
        with self._lock:
            if self._progress is not None:
                self._shown[part] = self._progress.add_task(f"  {_cut(name)}", total=None, step="")

    def at(self, part: str, step: str) -> None:
        """A part's step."""
        with self._lock:
            if self._progress is not None and part in self._shown:
                self._progress.update(self._shown[part], step=printable(step))

    def ended(self, part: str, told: str, *, failed: bool) -> None:
        """A part is done; ``told`` says how, in a line."""
        with self._lock:
            self._done += 1
            self._failed += failed
            if self._progress is None:
                self._say(f"{self._done}/{self._total} {told}")
                return
            if (task := self._shown.pop(part, None)) is not None:
                self._progress.remove_task(task)
            assert self._all is not None  # noqa: S101 - for the type checker
            self._progress.update(
                self._all, completed=self._done, description=self._head(), step=self._rate()
            )
            if failed:
                self._progress.console.print(printable(told), markup=False, highlight=False, soft_wrap=True)

    def _head(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._done}/{self._total} done{failed}"

    def _rate(self) -> str:
        hours = (time.monotonic() - self._began) / 3600
        return f"{self._done / hours:.0f}/h" if hours > 0 else ""


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[step]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )


def _cut(name: str) -> str:
    """The end of a name, which tells more than its beginning."""
    text = printable(name)
    return text if len(text) <= _WIDEST else f"...{text[3 - _WIDEST :]}"
