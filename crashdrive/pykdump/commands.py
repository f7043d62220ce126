"""crash's commands as PyKdump's scripts run them: text or ``crash.error``, at once or behind a pipe."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from crashdrive.errors import CrashdriveError, DeadlineError, SessionDiedError
from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.programs import split

if TYPE_CHECKING:
    from crashdrive.pykdump.programs import Programs
    from crashdrive.session.result import CommandResult, Runner

# of a failure in the middle of the output crash went on; these end a command
_FATAL = frozenset({"usage", "unknown-command", "gdb", "gdb-crashed", "silent", "broken-off", "option"})
# a process that gives out what the command printed, and ends as the command did; the text is data to it
_GIVER = "cat <&3 2>/dev/null; read status <&4; exit $status"
_SHELL = "/bin/sh"


class Commands:
    """The commands of a run. ``timeout`` in seconds is that of commands in the background."""

    def __init__(self, session: Runner, programs: Programs) -> None:
        self._session = session
        self._programs = programs
        self.timeout: float = 120
        self._behind: list[threading.Thread] = []

    def run(self, command: str, no_stdout: int = 0) -> str:  # noqa: ARG002 - part of PyKdump's call
        """``exec_crash_command``: what crash printed; ``crash.error`` where it failed or printed nothing."""
        text, failed = self._of_programs(str(command)) or self._output(str(command), None)
        if failed or not text:
            raise CrashError(text)
        return text

    def _of_programs(self, command: str) -> tuple[str, bool] | None:
        """The same of a command that is a program, or makes one an alias; None for a command of crash's."""
        words = split(command)
        told = self._programs.alias(words)
        if told is None and (program := self._programs.expanded(words)) is not None:
            told = self._programs.output(program)
        return None if told is None else (told, False)

    def _output(self, command: str, timeout: float | None) -> tuple[str, bool]:
        """What a command printed, and whether crash gave it up."""
        self._settle()
        return _judged(self._run(" ".join(command.split()), timeout))

    def _run(self, command: str, timeout: float | None) -> CommandResult:
        try:
            return self._session.run(command, timeout=timeout)
        except (DeadlineError, SessionDiedError):
            raise
        except CrashdriveError as error:
            raise CrashError(str(error)) from None

    def gdb(self, command: str) -> str | None:
        """``get_GDB_output``: what gdb printed; None where it refused."""
        self._settle()
        result = self._run(f"gdb {' '.join(str(command).split())}", None)
        if result.failure is not None:
            return None
        return result.text.replace("\r", "")

    def in_background(self, command: str) -> tuple[int, int]:
        """``exec_crash_command_bg2``: a descriptor to read the output from, and a process to wait for.

        The process ends with 0 once all was read, with 1 where crash failed; it may be killed. It has the
        `timeout` of now, however long it waits for others.
        """
        read_end, giver_out = os.pipe()
        giver_in, write_end = os.pipe()
        status_in, status_end = os.pipe()
        high = [_above(fd) for fd in (giver_in, status_in, giver_out)]
        files = [
            (os.POSIX_SPAWN_DUP2, high[2], 1),
            (os.POSIX_SPAWN_DUP2, high[0], 3),
            (os.POSIX_SPAWN_DUP2, high[1], 4),
        ]
        pid = os.posix_spawn(_SHELL, [_SHELL, "-c", _GIVER], {"PATH": "/usr/bin:/bin"}, file_actions=files)
        for fd in (giver_out, giver_in, status_in, *high):
            os.close(fd)
        before = self._behind[-1] if self._behind else None
        thread = threading.Thread(
            target=self._give,
            args=(command, float(self.timeout), write_end, status_end, before),
            daemon=True,
            name="background command",
        )
        self._behind.append(thread)
        thread.start()
        return read_end, pid

    def _give(
        self, command: str, timeout: float, output: int, status: int, before: threading.Thread | None
    ) -> None:
        """Run a command after the one before it, and write what it printed into the pipe."""
        if before is not None:
            before.join()
        try:
            text, failed = _judged(self._run(" ".join(command.split()), timeout))
        except (CrashdriveError, CrashError) as error:
            kept = getattr(error, "output", b"") or b""
            text, failed = kept.decode("utf-8", "backslashreplace") or f"{error}\n", True
        self._behind.pop(0)
        with contextlib.suppress(OSError), open(output, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        with contextlib.suppress(OSError), open(status, "w", encoding="ascii") as file:
            file.write(f"{int(failed)}\n")

    def _settle(self) -> None:
        """Wait until no command runs in the background: crash does one thing at a time."""
        for thread in list(self._behind):
            thread.join()

    def close(self) -> None:
        """Wait for what still runs."""
        self._settle()


def _judged(result: CommandResult) -> tuple[str, bool]:
    """What a command printed, and whether it was given up: crash tells of many a failure, and goes on."""
    text = result.text.replace("\r", "")
    failure = result.failure
    if failure is None:
        return text, False
    last = text.rstrip().rsplit("\n", 1)[-1]
    return text, failure.kind in _FATAL or failure.message.strip() in last or last in failure.message


def _above(descriptor: int) -> int:
    """A copy of a descriptor whose number can't be one of those that the giver has."""
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
