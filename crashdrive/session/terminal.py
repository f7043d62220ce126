"""The terminal between us and crash: how it is set up, and how its bytes are collected."""

from __future__ import annotations

import contextlib
import fcntl
import select
import termios
from collections.abc import Callable, Sequence

from crashdrive.errors import SessionError

Sink = Callable[[bytes], object]

# more than this isn't kept in memory: a command that prints for ever must not take the host down
MOST_BYTES = 1 << 30
PIPE_SIZE = 1 << 20


class Collector:
    """Bytes of the terminal until they end with ``end``; what a sink took isn't kept."""

    def __init__(self, end: bytes, sink: Sink | None) -> None:
        self._end = end
        self._sink = sink
        self._chunks: list[bytes] = []
        self._size = 0
        # one byte more than the end: what stands before it
        self._tail = b"\n"
        self.done = False

    @property
    def doubtful(self) -> bool:
        """Whether the end stands in the middle of a line: it may be output that is not complete yet."""
        return self._tail[:1] != b"\n"

    def add(self, data: bytes) -> None:
        """Take in bytes; the last may be the beginning of ``end`` and are held back from the sink."""
        keep = len(self._end) + 1
        self._tail = data[-keep:] if len(data) >= keep else (self._tail + data)[-keep:]
        self.done = self._tail.endswith(self._end)
        self._chunks.append(data)
        self._size += len(data)
        if self._sink is not None:
            self._pass_on(self._sink)
        elif self._size > MOST_BYTES:
            self._chunks.clear()
            raise SessionError(
                f"the command printed more than {MOST_BYTES >> 30} GiB: send its output to a file (to=)"
            )

    def _pass_on(self, sink: Sink) -> None:
        data = b"".join(self._chunks)
        ready = len(data) - begun(data, (self._end,))
        if ready:
            sink(data[:ready])
        self._chunks = [data[ready:]]

    def pending(self) -> bytes:
        """What is here so far."""
        return b"".join(self._chunks)

    def finish(self) -> bytes:
        """All without ``end``; with a sink there is nothing left."""
        return self.pending()[: -len(self._end)]


def begun(data: bytes, words: Sequence[bytes]) -> int:
    """How many of the last bytes may be one of these words, or its beginning; 0 where none can."""
    longest = min(len(data), max(map(len, words)))
    sizes = range(longest, 0, -1)
    return next((size for size in sizes if any(word.startswith(data[-size:]) for word in words)), 0)


def readable(descriptors: Sequence[int], seconds: float) -> set[int]:
    """Those of the descriptors that can be read (or are at their end) within so many seconds."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poller.poll(max(0.0, seconds) * 1000)}


def prepare_terminal(slave: int) -> None:
    """No echo (readline then echoes nothing either), no translation of newlines."""
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~(termios.ECHO | termios.ECHOE | termios.ECHOK | termios.ECHOCTL)
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    termios.tcsetwinsize(slave, (24, 80))


def enlarge_pipe(descriptor: int) -> None:
    """Fewer changes between crash and us for bulk data; the host may not allow it."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
