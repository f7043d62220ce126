"""Commands: of crash, of gdb, in the background with a deadline, and programs of PyKdump's."""

from __future__ import annotations

import os
import select
import sys
import time
from types import TracebackType
from typing import Self

from crashdrive.pykdump.layer.pylogs import pylog
from crashdrive.pykdump.run import current

_PART = 1 << 16


def exec_crash_command(cmd: str, no_stdout: int = 0) -> str:
    """What a command of crash printed; ``crash.error`` where it failed or printed nothing."""
    return current().commands.run(cmd, no_stdout)


def exec_gdb_command(cmd: str) -> str | None:
    """What gdb printed; None where it refused."""
    return current().commands.gdb(cmd)


def exec_crash_command_bg2(cmd: str) -> tuple[int, int]:
    """Begin a command: (a descriptor to read its output from, a process to wait for)."""
    return current().commands.in_background(cmd)


def exec_crash_command_bg(cmd: str, timeout: float | None = None) -> str:
    """What a command printed within ``timeout`` seconds; what went wrong is logged."""
    commands = current().commands
    seconds = timeout or commands.timeout
    saved, commands.timeout = commands.timeout, seconds
    sys.stdout.flush()
    try:
        descriptor, pid = commands.in_background(cmd)
    finally:
        commands.timeout = saved
    text, late = _read_until(descriptor, time.monotonic() + seconds)
    os.close(descriptor)
    if late:
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    if late:
        pylog.timeout(f"<{cmd}> failed to complete within the timeout period of {seconds}s")
    elif status:
        pylog.warning(f"<{cmd}> exited abnormally, {_ending(status)}")
    return text


def _read_until(descriptor: int, end: float) -> tuple[str, bool]:
    """What came until the end of the output; whether there was no time for all of it."""
    parts: list[bytes] = []
    while True:
        left = end - time.monotonic()
        ready, _, _ = select.select([descriptor], [], [], max(left, 0))
        if not ready:
            break
        part = os.read(descriptor, _PART)
        if not part:
            return _text(parts), False
        parts.append(part)
    return _text(parts), True


def _text(parts: list[bytes]) -> str:
    return b"".join(parts).decode("utf-8", "backslashreplace")


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"Signal {os.WTERMSIG(status)}"
    return f"ExitCode={os.WEXITSTATUS(status)}"


def exec_command(cmdline: str) -> None:
    """Run a command of crash, or a program that was registered as one, and print what it gives."""
    words = cmdline.split()
    programs = current().programs
    if words and words[0] in programs.names():
        programs.execute(*words)
    else:
        print(exec_crash_command(cmdline))


def set_default_timeout(timeout: int) -> int:
    """Set the seconds of commands in the background; the old ones."""
    commands = current().commands
    old, commands.timeout = commands.timeout, int(timeout)
    return int(old)


class SuppressCrashErrors:
    """crash's messages are left out inside of it; here they are part of a command's output anyway."""

    def __init__(self, outfile: str = "/dev/null") -> None:
        self.newf = outfile

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return
