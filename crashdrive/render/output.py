"""Where data goes: a stream that knows whether a person looks at it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO, cast

from crashdrive.text import printable


class Output:
    """A text stream to write data to.

    ``width`` is the terminal's width in columns, None where it is no terminal: then nothing is cut.
    ``color`` is whether colours are wanted (a terminal, no NO_COLOR, TERM not ``dumb``). ``numbers``: the
    numbers that rows of tables are to have before them; None: they have none.
    """

    def __init__(
        self, stream: TextIO | None = None, *, width: int | None = None, color: bool = False
    ) -> None:
        self.stream = stream if stream is not None else sys.stdout
        self.width = width
        self.color = color
        self.numbers: Iterator[int] | None = None

    @classmethod
    def standard(cls) -> Output:
        """Standard output as it is now."""
        stream = sys.stdout
        if not is_terminal(stream):
            return cls(stream)
        return cls(stream, width=shutil.get_terminal_size((80, 24)).columns, color=wants_color())

    @property
    def terminal(self) -> bool:
        """Whether a terminal shows what is written."""
        return self.width is not None

    def text(self, text: str) -> None:
        """Write text; characters that the stream's encoding lacks appear as backslash escapes."""
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            encoding = self.stream.encoding
            self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    @contextmanager
    def foreign(self) -> Iterator[BinaryIO]:
        """A file for what another program prints: as it is, but made safe where a terminal shows it."""
        self.stream.flush()
        sink = _Foreign(self)
        try:
            yield cast("BinaryIO", sink)
        except _SinkError as error:
            raise error.cause from error
        sink.finish()

    def raw(self, data: bytes) -> None:
        """Write bytes as they are (UTF-8 where the stream takes only text)."""
        buffer = getattr(self.stream, "buffer", None)
        if buffer is None:
            self.stream.write(data.decode("utf-8", "backslashreplace"))
            return
        self.stream.flush()
        buffer.write(data)

    def flush(self) -> None:
        """Hand on what was written: a program prints while it works, and somebody reads along."""
        self.stream.flush()


class _SinkError(Exception):
    """The output failed. No OSError: who writes into a sink would take that for a failure of its source."""

    def __init__(self, cause: OSError) -> None:
        self.cause = cause


class _Foreign:
    """Takes bytes in pieces of any size; on a terminal writes them line by line, escaped."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._rest = b""

    def write(self, data: bytes) -> int:
        try:
            self._write(data)
        except OSError as error:
            raise _SinkError(error) from error
        return len(data)

    def _write(self, data: bytes) -> None:
        if not self._output.terminal:
            self._output.raw(data)
            self._output.flush()
            return
        lines, newline, self._rest = (self._rest + data).rpartition(b"\n")
        self._show(lines + newline)

    def finish(self) -> None:
        self._show(self._rest)
        self._rest = b""

    def _show(self, data: bytes) -> None:
        lines = data.decode("utf-8", "backslashreplace").split("\n")
        self._output.text("\n".join("\t".join(map(printable, line.split("\t"))) for line in lines))


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is an open terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def wants_color() -> bool:
    """What the environment says of colours (NO_COLOR as no-color.org has it)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
