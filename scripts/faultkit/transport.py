"""A session whose crash dies, says nothing any more, or becomes slow, at one of its round trips."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from crashdrive.errors import SessionDiedError
from crashdrive.session.terminal import Sink
from crashdrive.session.transport import OutOfTimeError, Transport

Way = Literal["dies", "dies-midway", "stalls", "stalls-midway", "slow"]
WAYS: tuple[Way, ...] = ("dies", "dies-midway", "stalls", "stalls-midway", "slow")
# bytes of a piece, and seconds by which a slow round trip is late: more than any deadline
_TRICKLE, _LATE = 61, 100_000.0


class Faults:
    """Has a transport fail at its round trip number ``at`` (from 0), in that ``way``; once.

    ``calls`` counts the round trips. ``-midway``: half of what would have come has come. ``slow``: all comes,
    a few bytes at a time and so late that, by `clock`, no time is left for walks.
    """

    def __init__(self, transport: Transport, at: int | None = None, way: Way = "dies") -> None:
        self._at = at
        self._way = way
        self.calls = 0
        self._late = 0.0
        self._exchange, self._batch, self._stream = transport.exchange, transport.batch, transport.stream
        # the transport stays what it is to everybody else
        self._mine = vars(transport)
        self._mine.update(exchange=self.exchange, batch=self.batch, stream=self.stream, recover=lambda: False)

    def clock(self) -> float:
        """The time, with what a slow crash took of it."""
        return time.monotonic() + self._late

    def end(self) -> None:
        """Leave the transport as it was."""
        for name in ("exchange", "batch", "stream", "recover"):
            del self._mine[name]

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        """See Transport."""
        if not self._is_the_one():
            return self._exchange(command, timeout, sink)
        if self._way == "slow":
            return self._exchange(command, timeout, sink and _trickling(sink))
        output = self._exchange(command, timeout)
        raise self._failure(output[: len(output) // 2])

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport."""
        if not self._is_the_one() or self._way == "slow":
            return self._batch(commands, timeout)
        finished = self._batch(commands, timeout)[: len(commands) // 2]
        raise self._failure(b"", finished if self._way.endswith("midway") else [])

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        """See Transport."""
        if not self._is_the_one():
            return self._stream(commands, sink, timeout)
        if self._way == "slow":
            return self._stream(commands, _trickling(sink), timeout)
        data = bytearray()
        self._stream(commands, data.extend, timeout)
        if self._way.endswith("midway"):
            sink(bytes(data[: len(data) // 2]))
        raise self._failure(b"")

    def _is_the_one(self) -> bool:
        self.calls += 1
        if self.calls - 1 != self._at:
            return False
        self._late = _LATE if self._way == "slow" else 0.0
        return True

    def _failure(self, output: bytes, finished: Sequence[bytes] = ()) -> OutOfTimeError | SessionDiedError:
        error: OutOfTimeError | SessionDiedError = (
            OutOfTimeError(output)
            if self._way.startswith("stalls")
            else SessionDiedError("crash ended: killed", output)
        )
        error.finished = list(finished)
        return error


def _trickling(sink: Sink) -> Sink:
    """The sink, given what comes in many pieces."""

    def trickle(data: bytes) -> None:
        for at in range(0, len(data), _TRICKLE):
            sink(data[at : at + _TRICKLE])

    return trickle
