"""A session whose crash dies, or says nothing any more, at one of its round trips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NoReturn

from crashdrive.errors import SessionDiedError
from crashdrive.session.terminal import Sink
from crashdrive.session.transport import OutOfTimeError, Transport

Way = Literal["dies", "dies-midway", "stalls"]
WAYS: tuple[Way, ...] = ("dies", "dies-midway", "stalls")


class Faults:
    """Has a transport fail at its round trip number ``at`` (from 0), in that ``way``; once.

    ``calls`` counts the round trips. ``dies-midway``: half of what would have come has come.
    """

    def __init__(self, transport: Transport, at: int | None = None, way: Way = "dies") -> None:
        self._at = at
        self._way = way
        self.calls = 0
        self._exchange, self._batch, self._stream = transport.exchange, transport.batch, transport.stream
        # the transport stays what it is to everybody else
        self._mine = vars(transport)
        self._mine.update(exchange=self.exchange, batch=self.batch, stream=self.stream, recover=lambda: False)

    def end(self) -> None:
        """Leave the transport as it was."""
        for name in ("exchange", "batch", "stream", "recover"):
            del self._mine[name]

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        """See Transport."""
        if self._is_the_one():
            output = self._exchange(command, timeout)
            self._fail(output[: len(output) // 2])
        return self._exchange(command, timeout, sink)

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport."""
        if self._is_the_one():
            self._fail(b"")
        return self._batch(commands, timeout)

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        """See Transport."""
        if self._is_the_one():
            data = bytearray()
            self._stream(commands, data.extend, timeout)
            if self._way == "dies-midway":
                sink(bytes(data[: len(data) // 2]))
            self._fail(b"")
        return self._stream(commands, sink, timeout)

    def _is_the_one(self) -> bool:
        self.calls += 1
        return self.calls - 1 == self._at

    def _fail(self, output: bytes) -> NoReturn:
        if self._way == "stalls":
            raise OutOfTimeError(output)
        raise SessionDiedError("crash ended: killed", output)
