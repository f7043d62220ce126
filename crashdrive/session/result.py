"""What a command gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from crashdrive.commandline import CommandLine, command_line
from crashdrive.errors import CommandFailedError
from crashdrive.records import Answer
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.parsers._foreign import Grammar
    from crashdrive.parsers.grammar.chatter import Quieted


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    r"""How a command failed, as far as crash's text tells.

    ``kind`` is one of ``usage``, ``option``, ``unknown-command``, ``symbol``, ``gdb``, ``gdb-crashed``,
    ``offset`` (the crash binary doesn't know this kernel), ``minimal``, ``memory``, ``message`` (crash's
    ``CMD: text``), ``silent``, ``broken-off`` (crash left the command without a word), ``interrupted``,
    ``died``, ``deadline``, ``not-run``. ``message`` is crash's own line.
    """

    kind: str
    message: str


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """One command's output: ``raw`` bytes as crash wrote them, ``elapsed`` in seconds.

    ``failure`` is None when nothing in the text says that the command failed. A result is neither true
    nor false: ask ``result.ok``. ``quiet``: the text without what crash's debugging puts between, where the
    session has looked for that (None: there is none). ``source``: who answered, ``crash`` or, where it was
    kept, the ``store``.
    """

    command: str
    raw: bytes
    elapsed: float
    failure: Failure | None = None
    quiet: Quieted | msgspec.UnsetType | None = msgspec.UNSET
    source: Literal["crash", "store"] = "crash"

    @property
    def line(self) -> CommandLine:
        """The command line, taken apart."""
        return command_line(self.command)

    @property
    def text(self) -> str:
        """The output as text; bytes that are no UTF-8 appear as backslash escapes."""
        return self.raw.decode("utf-8", "backslashreplace")

    @property
    def ok(self) -> bool:
        """Whether nothing says that the command failed."""
        return self.failure is None

    def check(self) -> CommandResult:
        """Itself, or CommandFailedError."""
        if self.failure is not None:
            raise CommandFailedError(f"{self.command}: {printable(self.failure.message)}", self)
        return self

    def parse(self, grammar: Grammar | None = None, *, lenient: bool = False) -> Answer[Any]:
        """What was printed as records, by a grammar of your own (None: by the command's).

        ``grammar``: an element of `crashdrive.parsers.grammar` or of pyparsing, a function that gives one, or
        a `Shape`. CommandFailedError where the command failed, ParseError where the text doesn't fit.
        `Crash.parse` marks the answer, too, where crash came up without something that it rests on.
        """
        return self.check().read(grammar, lenient=lenient)

    def read(self, grammar: Grammar | None = None, *, lenient: bool = False) -> Answer[Any]:
        """`parse`, also of what a command printed that failed."""
        from crashdrive.parsers import parse, parse_quiet

        if self.quiet is msgspec.UNSET:
            return parse(self.line, self.text, lenient=lenient, grammar=grammar)
        return parse_quiet(self.line, self.text, self.quiet, lenient=lenient, grammar=grammar)

    def __str__(self) -> str:
        """What crash printed, safe for a terminal."""
        return "\n".join("\t".join(map(printable, line.split("\t"))) for line in self.text.split("\n"))

    def __repr__(self) -> str:
        failed = f", failed: {self.failure.message!a}" if self.failure else ""
        return f"<{self.command!a}: {len(self.raw)} bytes in {self.elapsed:.3f} s{failed}>"

    def __bool__(self) -> bool:
        raise TypeError("a CommandResult is neither true nor false; ask .ok or .failure")


class Runner(Protocol):
    """What typed commands and kernel data need of a session (a Session, a replay, a test's fake)."""

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        """Run one command to its end; ``timeout`` in seconds, the session's default where None."""
        ...

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        """Run commands in one round trip; each result says its own failure, a failed one stops nothing."""
        ...
