"""Where workers come from: a process of a batch that has all modules loaded, and forks one for each job."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Self

import msgspec

from crashdrive.batch.forkserver import Wanted
from crashdrive.errors import CrashdriveError

_SAID = re.compile(rb"(pid|exit|signal) (\d+)\n")
_GRACE = 10.0  # seconds that the parent of workers may take to end behind them


class GoneError(CrashdriveError):
    """The process that forks workers ended before it had forked this one."""


class Worker:
    """A process that takes a job on ``stdin``, and tells its steps on ``stdout``; made by `Workers`.

    ``pid`` is None until it is there, ``status`` until it ended: its exit status, or minus the signal.
    ``ended``: also set where nobody saw how. ``line`` can be read when any of these changes.
    """

    def __init__(self, stdin: int, stdout: int, line: socket.socket) -> None:
        self.stdin: int | None = stdin
        self.stdout = stdout
        self.pid: int | None = None
        self.status: int | None = None
        self.ended = False
        self._line = line
        self._process: int | None = None
        self._said = b""
        self._lost = False

    @property
    def line(self) -> int:
        """A descriptor that can be read when there is news of it."""
        return self._process if self._lost and self._process is not None else self._line.fileno()

    def read_line(self) -> None:
        """Take in the news; GoneError where it will never be there."""
        if self._lost:
            self.ended = True  # nobody saw how
            return
        data = self._line.recv(4096)
        self._said += data
        for match in _SAID.finditer(self._said):
            self._take(match[1], int(match[2]))
        if not data and not self.ended:
            if self._process is None:
                raise GoneError("its worker can't be started")
            self._lost = True

    def _take(self, word: bytes, number: int) -> None:
        if word == b"pid":
            if self.pid is None:
                self.pid = number
                with suppress(OSError):
                    self._process = os.pidfd_open(number)
        else:
            self.status, self.ended = number if word == b"exit" else -number, True

    def give(self, job: bytes) -> None:
        """Hand it its job; nothing where it ended already."""
        left = memoryview(job)
        with suppress(BrokenPipeError):
            while left and self.stdin is not None:
                left = left[os.write(self.stdin, left) :]

    def kill(self, seconds: float) -> None:
        """End it, and all of its session; returns when it is gone, or after so many seconds."""
        if self.pid is None or self._process is None:
            return  # it isn't there yet: its standard input is at its end when it is
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(OSError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
        poller = select.poll()
        poller.register(self._process, select.POLLIN)
        poller.poll(seconds * 1000)

    def close(self) -> None:
        """Let go of it: its number may be another's from now on."""
        for descriptor in (self.stdin, self.stdout, self._process):
            if descriptor is not None:
                with suppress(OSError):
                    os.close(descriptor)
        self.stdin = self._process = None
        self._line.close()


class Workers:
    """Starts workers; may be used by many threads at once. What it started is to be closed before it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._program: subprocess.Popen[bytes] | None = None
        self._clients: socket.socket | None = None

    def start(self, place: str, said: IO[bytes], addresses: int | None) -> Worker:
        """A worker that is about to start: its result goes to ``place``, its last words to ``said``.

        ``addresses``: bytes that it may map (RLIMIT_AS).
        """
        asked = msgspec.json.encode(Wanted(os.fsencode(place), addresses))
        ours, theirs = socket.socketpair()
        stdin, to_stdin = os.pipe()
        from_stdout, stdout = os.pipe()
        worker = Worker(to_stdin, from_stdout, ours)
        try:
            self._ask(asked, [stdin, stdout, said.fileno(), theirs.fileno()], said)
        except BaseException:
            worker.close()
            raise
        finally:
            os.close(stdin)
            os.close(stdout)
            theirs.close()
        return worker

    def _ask(self, asked: bytes, given: Sequence[int], said: IO[bytes]) -> None:
        for again in (True, False):
            server = self._server(said)
            try:
                socket.send_fds(server, [asked], given)
            except OSError as error:  # it ended meanwhile: it had nothing to do, or somebody killed it
                self._drop(server)
                if not again:
                    raise GoneError(f"its worker can't be started: {error.strerror}") from error
            else:
                return

    def _server(self, said: IO[bytes]) -> socket.socket:
        with self._lock:
            if self._clients is None:
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._program = subprocess.Popen(
                        [sys.executable, "-P", "-m", "crashdrive.batch.forkserver"],
                        stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=said, start_new_session=True,
                    )  # fmt: skip
                self._clients = ours
            return self._clients

    def _drop(self, server: socket.socket | None) -> None:
        with self._lock:
            if server is None or server is not self._clients:
                return
            program, self._program = self._program, None
            self._clients = None
        server.close()
        if program is not None:
            _end(program)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop(self._clients)


def _end(program: subprocess.Popen[bytes]) -> None:
    """Wait for a program that is about to end; one that waits for a worker that can't end is killed."""
    for _ in range(2):
        with suppress(subprocess.TimeoutExpired):
            program.wait(_GRACE)
            return
        program.kill()
