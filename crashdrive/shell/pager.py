"""Output that is longer than the screen goes through a pager, as it comes."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, TextIO

from crashdrive.errors import UsageError
from crashdrive.text import printable


class Paged:
    """A stream that shows what fits on the screen, and starts a pager at the first line that doesn't."""

    def __init__(self, to: TextIO, command: list[str], height: int, width: int) -> None:
        self._to = to
        self._command = command
        self._room = max(height - 2, 1)
        self._width = max(width, 1)
        self._held: list[str] = []
        self._used = 0
        self._pager: subprocess.Popen[bytes] | None = None
        self._gone = False
        self.encoding = to.encoding

    def write(self, text: str) -> int:
        """Hold it back while it fits; hand it on to the pager from then on."""
        if self._pager is not None:
            self._feed(text)
        else:
            self._held.append(text)
            self._used += sum(1 + max(len(line) - 1, 0) // self._width for line in text.split("\n")) - 1
            if self._used > self._room:
                self._start()
        return len(text)

    def flush(self) -> None:
        """Nothing: what is held back is shown when it is known whether it fits."""

    def finish(self) -> None:
        """Show what was held back, or wait until the reader has left the pager."""
        if self._pager is None:
            self._to.write("".join(self._held))
            self._to.flush()
            return
        with contextlib.suppress(OSError):
            _pipe(self._pager).close()
        with _ignored():
            self._pager.wait()

    def _start(self) -> None:
        self._to.flush()
        # less: leave at once where it fits after all, show colours, keep the screen
        environment = {**os.environ, "LESS": os.environ.get("LESS", "FRX")}
        try:
            self._pager = subprocess.Popen(self._command, stdin=subprocess.PIPE, env=environment)
        except OSError:
            self._to.write("".join(self._held))
            self._held.clear()
            self._room = sys.maxsize
            return
        self._feed("".join(self._held))
        self._held.clear()

    def _feed(self, text: str) -> None:
        if self._gone or self._pager is None:
            return
        try:
            pipe = _pipe(self._pager)
            pipe.write(text.encode(self.encoding or "utf-8", "backslashreplace"))
            pipe.flush()
        except OSError:  # the reader has seen enough
            self._gone = True


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdin is None:
        raise OSError("the pager has no standard input")
    return process.stdin


def pager_command() -> list[str] | None:
    """The user's pager: PAGER, else less, else more; None where there is none, or PAGER says ``cat``."""
    chosen = os.environ.get("PAGER")
    if chosen is not None:
        with contextlib.suppress(ValueError):
            words = shlex.split(chosen)
            return words if words and words != ["cat"] else None
    return next(([name] for name in ("less", "more") if shutil.which(name)), None)


@contextlib.contextmanager
def _ignored() -> Iterator[None]:
    """^C is the pager's own matter while it runs."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def through_shell(command: str, data: bytes | None) -> int:
    """Run what the user typed behind ``|`` or ``!`` in the user's shell, with ``data`` as its input.

    Its exit status. Only what was typed gets here; ``data`` may be anything. UsageError without a shell.
    """
    sys.stdout.flush()
    shell = os.environ.get("SHELL") or "/bin/sh"
    source = None if data is None else subprocess.PIPE
    try:
        process = subprocess.Popen([shell, "-c", command], stdin=source)
    except OSError as error:
        raise UsageError(f"{shell}, which SHELL names, can't be started: {error.strerror}") from error
    with process, _ignored(), contextlib.suppress(BrokenPipeError):
        process.communicate(data)
    return process.wait()


def safe_lines(text: str) -> str:
    """Text of a dump as a terminal may be given it, line by line."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
