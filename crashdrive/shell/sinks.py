"""Where a line's output goes: the terminal, a pager, a file, a program behind ``|``."""

from __future__ import annotations

import io
import itertools
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from crashdrive.errors import UsageError
from crashdrive.render.output import Output, is_terminal, wants_color
from crashdrive.shell.lines import Sink
from crashdrive.shell.pager import Paged, pager_command, safe_lines, through_shell

# shells say so of a program that they don't find, or can't start
_NOT_RUN = (126, 127)


@contextmanager
def output_to(sink: Sink | None, *, paging: bool, numbers: bool = False) -> Iterator[Output]:
    """What to write an answer to. ``numbers``: rows have numbers before them, on a terminal.

    UsageError where the file can't be written, or the program not be started; it comes when all is written.
    """
    if sink is None or sink.mark == ">>>":
        with _on_screen(paging=paging, numbers=numbers) as output:
            yield output
        return
    if not sink.rest:
        raise UsageError(f"{sink.mark}: a program or a file is missing behind it")
    held = io.BytesIO()
    stream = io.TextIOWrapper(held, encoding="utf-8", errors="backslashreplace", newline="")
    yield Output(stream)
    stream.flush()
    _deliver(sink, held.getvalue())


@contextmanager
def _on_screen(*, paging: bool, numbers: bool) -> Iterator[Output]:
    stream = sys.stdout
    if not is_terminal(stream):
        yield Output(stream)
        return
    size = shutil.get_terminal_size((80, 24))
    command = pager_command() if paging and is_terminal(sys.stdin) else None
    paged = None if command is None else Paged(stream, command, size.lines, size.columns)
    output = Output(
        stream if paged is None else cast("TextIO", paged), width=size.columns, color=wants_color()
    )
    # who can't type #3 has no use for a 3
    output.numbers = itertools.count(1) if numbers and is_terminal(sys.stdin) else None
    try:
        yield output
    finally:
        if paged is not None:
            paged.finish()
        stream.flush()


def _deliver(sink: Sink, data: bytes) -> None:
    if sink.mark == "|":
        if is_terminal(sys.stdout):  # what the program hands on reaches the terminal
            data = safe_lines(data.decode("utf-8", "backslashreplace")).encode("utf-8", "backslashreplace")
        if through_shell(sink.rest, data) in _NOT_RUN:
            raise UsageError(f"{sink.rest!a}: the shell could not run it")
        return
    path = Path(sink.rest.strip("\"'")).expanduser()
    try:
        with path.open("ab" if sink.mark == ">>" else "wb") as file:
            file.write(data)
    except OSError as error:
        raise UsageError(f"{sink.rest!a}: {error.strerror}") from error


class Copied(io.RawIOBase):
    """Hands bytes on, and keeps them, up to a limit; ``began`` is called at the first of them."""

    def __init__(self, to: Any, limit: int, began: Any) -> None:
        self._to = to
        self._limit = limit
        self._began = began
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Hand on all of it."""
        if not self._size:
            self._began()
        piece = bytes(data)
        self._size += len(piece)
        if self._size <= self._limit:
            self._parts.append(piece)
        self._to.write(piece)
        return len(piece)

    def content(self) -> bytes | None:
        """All that was written; None where it was more than the limit."""
        return b"".join(self._parts) if self._size <= self._limit else None
