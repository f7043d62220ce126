"""Every error that crashdrive raises on purpose, one tree.

::

    CrashdriveError                    1
    ├── UsageError                     2  what the caller asked for can't be asked
    │   └── ArgumentError              2  an argument that must not reach crash's command line
    ├── TargetError                    3  dump, vmlinux or crash unusable
    │   ├── DumpError                  3  missing, unreadable, truncated, no dump at all
    │   ├── VmlinuxError               3  missing, of another build, without debug data
    │   ├── CrashNotFoundError         3  no crash binary on this host, or on the one that --host names
    │   ├── HostError                  3  another host can't be reached or used
    │   ├── StartError                 3  no rung of the start-up ladder gave a prompt
    │   └── TranscriptError            3  a recorded session is damaged or lacks the command
    ├── SessionError                   3  the running session failed
    │   ├── SessionDiedError           3  crash went away in the middle of a command
    │   └── SessionClosedError         3  used after close()
    ├── DeadlineError                  4  a command or a start took longer than allowed
    ├── CommandFailedError             1  crash said no
    ├── ParseError                     1  text that the grammar doesn't know
    ├── PluginError                    1  a report from outside that is broken
    ├── IncompleteError                5  the answer has holes and the caller wanted none
    └── KernelError                    1  the dump's kernel as data
        ├── UnknownTypeError           1
        ├── UnknownMemberError         1
        ├── UnknownSymbolError         1
        ├── FaultError                 1  memory that the dump doesn't hold
        └── CorruptError               1  a list, tree or table that can't be followed

The number is the exit status of the command line when the error ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_TARGET = 3
EXIT_DEADLINE = 4
EXIT_INCOMPLETE = 5
EXIT_INTERRUPTED = 130


class CrashdriveError(Exception):
    """Base of all; ``str()`` is one line that says what, where, and what to do."""

    exit_status: ClassVar[int] = EXIT_FAILED


class UsageError(CrashdriveError):
    """What was asked for can't be asked."""

    exit_status = EXIT_USAGE


class ArgumentError(UsageError):
    """A value that is not what it must be to stand on crash's command line."""


class TargetError(CrashdriveError):
    """Dump, vmlinux or crash unusable."""

    exit_status = EXIT_TARGET


class DumpError(TargetError):
    """The dump is missing, unreadable, truncated or no dump."""


class VmlinuxError(TargetError):
    """The vmlinux is missing, of another build than the dump, or without debug data."""


class CrashNotFoundError(TargetError):
    """No crash binary on this host."""


class HostError(TargetError):
    """Another host can't be reached, lets nobody in, lacks what is needed, or is gone."""


class StartError(TargetError):
    """No rung of the start-up ladder gave a prompt; ``attempts`` says what each one said."""

    def __init__(self, message: str, attempts: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.attempts = tuple(attempts)


class TranscriptError(TargetError):
    """A recorded session is damaged, or doesn't hold the command that was asked for."""


class SessionError(CrashdriveError):
    """The running session failed."""

    exit_status = EXIT_TARGET


class SessionDiedError(SessionError):
    """crash went away in the middle of a command; the session restarts at the next one.

    ``output`` is what it had printed until then; of a batch, ``finished`` is what its finished commands
    had printed. ``cut_off``: the way to crash's host broke; crash itself did not fail.
    """

    cut_off = False

    def __init__(self, message: str, output: bytes = b"") -> None:
        super().__init__(message)
        self.output = output
        self.finished: list[bytes] = []


class SessionClosedError(SessionError):
    """The session was used after it had been closed."""


class DeadlineError(CrashdriveError):
    """A start or a command took longer than allowed; ``output`` is what it had printed when interrupted."""

    exit_status = EXIT_DEADLINE

    def __init__(self, message: str, output: bytes = b"") -> None:
        super().__init__(message)
        self.output = output


class CommandFailedError(CrashdriveError):
    """crash refused a command; ``result`` holds all that it said (a ``CommandResult``)."""

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class ParseError(CrashdriveError):
    """Text that a command's grammar doesn't know.

    ``line`` and ``column`` count from 1; ``text`` is the offending line, cut to 200 characters.
    """

    def __init__(self, command: str, line: int, column: int, text: str, reason: str) -> None:
        self.command = command
        self.line = line
        self.column = column
        self.text = text if len(text) <= 200 else text[:197] + "..."
        self.reason = reason
        super().__init__(f"{command}: line {line}, column {column}: {reason}: {self.text!a}")


class PluginError(CrashdriveError):
    """A report, rule or parser that isn't part of crashdrive can't be loaded, or failed; names its file."""


class IncompleteError(CrashdriveError):
    """The answer has holes, and the caller wanted none."""

    exit_status = EXIT_INCOMPLETE


class KernelError(CrashdriveError):
    """Something about the dump's kernel as data."""


class UnknownTypeError(KernelError):
    """The kernel has no such type."""


class UnknownMemberError(KernelError, AttributeError):
    """The type has no such member."""


class UnknownSymbolError(KernelError):
    """The kernel has no such symbol."""


class FaultError(KernelError):
    """Memory that the dump doesn't hold: excluded, missing or never mapped."""

    def __init__(self, message: str, address: int, size: int, reason: str) -> None:
        super().__init__(message)
        self.address = address
        self.size = size
        self.reason = reason


class CorruptError(KernelError):
    """A list, tree or table that can't be followed; ``found`` holds what was found until there."""

    def __init__(self, message: str, address: int, found: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.address = address
        self.found = tuple(found)
