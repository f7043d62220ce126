"""crash as a process, seen from the client: its keeper, its terminal, its end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

from crashdrive.errors import SessionError
from crashdrive.session.folder import Folder
from crashdrive.session.terminal import enlarge_pipe, prepare_terminal, readable

_KEEPER = str(Path(__file__).with_name("keeper.py"))
# how long the end of a crash may take that hangs in the kernel, on a dead network file system say
_END_SECONDS = 10.0


class _Handles:
    """What has to be let go of at the end, by close(), by the garbage collector or at exit."""

    def __init__(self, keeper: subprocess.Popen[bytes], folder: Folder, descriptors: list[int]) -> None:
        self.keeper = keeper
        self.folder = folder
        self.descriptors = descriptors
        self.crash: int | None = None
        self.owner = os.getpid()

    def ask_for_end(self) -> None:
        """Have the keeper kill crash."""
        if self.keeper.stdin is not None and not self.keeper.stdin.closed:
            with contextlib.suppress(OSError):
                os.write(self.keeper.stdin.fileno(), b"q")

    def end(self) -> None:
        """Return when crash is gone. In a child that the client forked only the descriptors are closed."""
        if os.getpid() == self.owner:
            self.ask_for_end()
            self._close()
            self._wait()
        else:
            self._close()
            self.keeper.returncode = 0

    def _close(self) -> None:
        for descriptor in self.descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        for pipe in (self.keeper.stdin, self.keeper.stdout):
            if pipe is not None:
                pipe.close()

    def _wait(self) -> None:
        try:
            self.keeper.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.keeper.kill()
            self.keeper.wait()
        if self.crash is not None:
            # its keeper is gone; if that was killed, crash may still be there
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self.crash, signal.SIGKILL)
            os.close(self.crash)
        self.folder.remove()


class CrashProcess:
    """One crash and its keeper. ``master`` is our end of its terminal, ``fifo`` that of its FIFO."""

    def __init__(self, folder: Folder, command: list[str]) -> None:
        """Start both, no waiting; the folder is removed when crash ends or can't be started.

        ``command``: the words that start crash, its name or an emulator's first.
        """
        self.pid: int | None = None
        self.ended: str | None = None
        self._said = b""
        descriptors: list[int] = []
        try:
            self.master, slave = os.openpty()
            descriptors.append(self.master)
            try:
                prepare_terminal(slave)
                self.fifo = os.open(folder.fifo, os.O_RDWR | os.O_NONBLOCK)
                descriptors.append(self.fifo)
                enlarge_pipe(self.fifo)
                keeper = _start_keeper(folder, slave, command)
            finally:
                os.close(slave)
        except BaseException as error:
            for descriptor in descriptors:
                os.close(descriptor)
            folder.remove()
            if isinstance(error, OSError):
                raise SessionError(f"can't start crash's keeper: {error.strerror}") from error
            raise
        assert keeper.stdout is not None  # noqa: S101 - it is a pipe
        self.status = keeper.stdout.fileno()
        self._handles = _Handles(keeper, folder, descriptors)
        # the keeper ends crash and removes the folder
        self._finalizer = weakref.finalize(self, self._handles.end)

    def read_status(self, seconds: float) -> None:
        """Take in what the keeper tells: crash's pid, and how it ended; waits so long for the latter."""
        deadline = time.monotonic() + seconds
        while self.ended is None and readable([self.status], deadline - time.monotonic()):
            data = os.read(self.status, 4096)
            self._said += data
            for word, value in re.findall(rb"(pid|exit|signal) (\d+)\n", self._said):
                self._take(word, int(value))
            if not data and self.ended is None:
                self.ended = "its keeper was killed"

    def _take(self, word: bytes, value: int) -> None:
        if word == b"exit":
            self.ended = f"exit status {value}"
        elif word == b"signal":
            names = {number.value: number.name for number in signal.Signals}
            self.ended = f"killed by {names.get(value, f'signal {value}')}"
        elif self.pid is None:
            self.pid = value
            with contextlib.suppress(OSError):
                self._handles.crash = os.pidfd_open(value)

    def kill(self) -> None:
        """End crash; whoever reads its terminal learns of it. May be called from another thread."""
        self._handles.ask_for_end()

    def close(self) -> None:
        """End crash and let go of everything; may be called twice."""
        self._finalizer()


def processor_seconds(pid: int | None) -> float | None:
    """The seconds of processor that a process has taken; None where that can't be told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _start_keeper(folder: Folder, slave: int, command: list[str]) -> subprocess.Popen[bytes]:
    keeper = [sys.executable, "-I", "-S", _KEEPER, str(os.getpid()), str(slave), str(folder.path)]
    return subprocess.Popen(
        [*keeper, command[0], *command],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
        pass_fds=(slave,), env=folder.environment(), cwd="/", start_new_session=True,
    )  # fmt: skip
