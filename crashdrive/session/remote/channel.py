"""A channel to the helper on another host: questions and answers, each a round trip."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
import weakref
import zlib
from collections.abc import Sequence
from typing import Final

from crashdrive.errors import DeadlineError, HostError
from crashdrive.session.remote.host import CONNECT_SECONDS, Host, nonce, ssh_environment
from crashdrive.session.remote.scripts import helper
from crashdrive.session.terminal import readable
from crashdrive.text import printable

_READ = 1 << 18
_GZIP = 31  # zlib's number for a stream with gzip's header
# seconds that a helper gets to come up behind the connection, and to clean up
_UP_SECONDS = CONNECT_SECONDS + 10.0
_END_SECONDS = 5.0
ANSWER_SECONDS: Final = 60.0
"""Without a byte for so long an answer isn't waited for any more."""


class Channel:
    """A helper and the ssh that leads to it."""

    def __init__(self, host: Host, *, first: bool = False) -> None:
        """Start it, no waiting; ``first``: the connection is made by it."""
        self.host = host
        self.nonce = nonce()
        self.folder = ""
        self.place = ""  # where a login of the user begins there
        self._up = False
        self._held = b""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the channel
        words = host.begin() if first else host.words("-T")
        try:
            self._process = subprocess.Popen(
                [*words, helper(self.nonce)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, bufsize=0,
                env=ssh_environment(), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise HostError(f"{host}: ssh can't be started: {error.strerror}") from error
        assert self._process.stdin is not None  # noqa: S101 - pipes
        assert self._process.stdout is not None  # noqa: S101
        self._input, self.output = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._finalizer = weakref.finalize(self, _end, self._process, os.getpid())

    def wait_up(self) -> None:
        """Until the helper is there; HostError where it doesn't come, with the reason."""
        if self._up:
            return
        told = self._line(time.monotonic() + _UP_SECONDS)
        word, _, rest = told.partition(" ")
        if word == "lacks":
            raise HostError(f"{self.host}: {printable(rest)} is missing there, which crashdrive needs")
        if word != "ready":
            raise HostError(f"{self.host}: no folder can be made in {printable(rest)} there")
        self.folder, _, self.place = rest.partition(" ")
        self._up = True

    def _line(self, deadline: float) -> str:
        """What the helper says first, behind whatever a login prints there."""
        said = re.compile(rb"(?:^|\n)%s ([^\n]*)\n" % self.nonce.encode())
        while (found := said.search(self._held)) is None:
            if not readable([self.output], deadline - time.monotonic()):
                raise self.host.failure("timed out")
            self._held += self._piece()
        self._held = self._held[found.end() :]
        return os.fsdecode(found[1])

    def _piece(self) -> bytes:
        data = os.read(self.output, _READ)
        if not data:
            raise self._broken()
        return data

    def _broken(self) -> HostError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        return self.host.failure(self.said(), connected=self._up)

    def said(self) -> str:
        """What ssh and the helper complained of."""
        self._said.seek(0)
        return self._said.read(1 << 16).decode("utf-8", "replace")

    def tell(self, *lines: str) -> None:
        """Send lines; HostError where the connection is gone."""
        data = memoryview(b"".join(os.fsencode(line) + b"\n" for line in lines))
        try:
            while data:
                data = data[os.write(self._input, data) :]
        except OSError as error:
            raise self._broken() from error

    def ask(self, *lines: str) -> bytes:
        """Send a question and give the answer: one round trip.

        HostError where the connection is gone, DeadlineError where nothing comes. Whatever ends it early ends
        the channel: what would come later is no answer to the next question.
        """
        self.wait_up()
        self.host.rounds += 1
        try:
            return self._answer(lines)
        except BaseException:
            self.close()
            raise

    def _answer(self, lines: Sequence[str]) -> bytes:
        self.tell(*lines)
        answer = Unpacked(self._held)
        self._held = b""
        while not answer.done:
            if not readable([self.output], ANSWER_SECONDS):
                raise DeadlineError(f"{self.host}: no answer for {ANSWER_SECONDS:.0f} s")
            answer.add(self._piece())
        return answer.data()

    def alive(self) -> bool:
        """Whether ssh has not ended by now."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the helper, which cleans up there; returns when that is done, or can't be."""
        self._finalizer()
        with contextlib.suppress(OSError, ValueError):
            self._said.close()


class Unpacked:
    """One answer: a gzip stream, which tells its own end."""

    def __init__(self, begun: bytes = b"") -> None:
        self._stream = zlib.decompressobj(_GZIP)
        self._parts: list[bytes] = []
        self.done = False
        if begun:
            self.add(begun)

    def add(self, data: bytes) -> None:
        """Take in what came; HostError for what is no answer."""
        try:
            self._parts.append(self._stream.decompress(data))
        except zlib.error as error:
            raise HostError(f"what came from the other host is damaged: {error}") from error
        self.done = self._stream.eof

    def data(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    if os.getpid() != owner:  # a child that the client forked
        process.returncode = 0
        return
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def lines_of(paths: Sequence[str]) -> list[str]:
    """Paths as the helper takes them; HostError for one that is no line."""
    for path in paths:
        if not path or "\n" in path or "\0" in path:
            raise HostError(f"{path!a} can't be asked for on another host")
    return [*paths, ""]
