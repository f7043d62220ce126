"""How commands ended whose output went to a file, or which were broken off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from crashdrive.errors import DeadlineError, SessionDiedError
from crashdrive.session.failure import WINDOW, Judgement, judge
from crashdrive.session.result import CommandResult, Failure
from crashdrive.text import printable

BROKEN_OFF = Failure(
    kind="broken-off",
    message="crash left this command before its end, without a word: memory that it needs isn't in the dump",
)


class Ends:
    """A sink that writes to a file and keeps both ends, to judge the command by."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.first = b""
        self._size = 0
        self.last = b""

    def __call__(self, data: bytes) -> None:
        """Write the next bytes."""
        self._file.write(data)
        self._size += len(data)
        if len(self.first) < WINDOW:
            self.first = (self.first + data)[:WINDOW]
        self.last = data[-WINDOW:] if len(data) >= WINDOW else (self.last + data)[-WINDOW:]

    def judge(self, command: str) -> Judgement:
        """Whether the command failed."""
        both = self.last if self._size <= WINDOW else self.first + b"\n" + self.last
        return judge(command, both)


def too_long(command: str, limit: float) -> str:
    """The message about a command that was interrupted at its deadline of ``limit`` seconds."""
    return (
        f"`{printable(command)[:120]}` took longer than {limit:g} s "
        "and was interrupted; --timeout (timeout=) allows more"
    )


def unfinished(
    commands: Sequence[str], error: DeadlineError | SessionDiedError, limit: float
) -> Iterator[CommandResult]:
    """Results of a batch's commands that didn't end; the first was running, the others weren't begun."""
    timed_out = isinstance(error, DeadlineError)
    message = too_long(commands[0], limit) if timed_out else str(error)
    first = Failure(kind="deadline" if timed_out else "died", message=message)
    yield CommandResult(command=commands[0], raw=error.output, elapsed=0.0, failure=first)
    later = Failure(kind="not-run", message="not run: the batch ended before")
    for command in commands[1:]:
        yield CommandResult(command=command, raw=b"", elapsed=0.0, failure=later)
