"""Where data goes: a stream that knows whether a person looks at it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

from crashdrive.text import printable


class Output:
    """A text stream to write data to.

    ``width`` is the terminal's width in columns, None where it is no terminal: then nothing is cut.
    ``color`` is whether colours are wanted (a terminal, no NO_COLOR, TERM not ``dumb``).
    """

    def __init__(
        self, stream: TextIO | None = None, *, width: int | None = None, color: bool = False
    ) -> None:
        self.stream = stream if stream is not None else sys.stdout
        self.width = width
        self.color = color

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

    def foreign(self, data: bytes) -> None:
        """Write what another program printed: as it is, but made safe where a terminal shows it."""
        if not self.terminal:
            self.raw(data)
            return
        lines = data.decode("utf-8", "backslashreplace").split("\n")
        self.text("\n".join("\t".join(map(printable, line.split("\t"))) for line in lines))

    def raw(self, data: bytes) -> None:
        """Write bytes as they are (UTF-8 where the stream takes only text)."""
        buffer = getattr(self.stream, "buffer", None)
        if buffer is None:
            self.stream.write(data.decode("utf-8", "backslashreplace"))
            return
        self.stream.flush()
        buffer.write(data)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is an open terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def wants_color() -> bool:
    """What the environment says of colours (NO_COLOR as no-color.org has it)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
