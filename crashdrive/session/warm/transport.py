"""A client's end of a warm session: the `Transport` of an ordinary `Session`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from crashdrive.errors import DeadlineError, SessionDiedError, SessionError, StartError
from crashdrive.session.terminal import MOST_BYTES, Sink
from crashdrive.session.transport import INTERRUPT_SECONDS, OutOfTimeError
from crashdrive.session.warm import frames
from crashdrive.session.warm.frames import Batch, Channel, Done, Failed, Piece, Recover, Run, Stream, Take

# on top of the deadlines that the server keeps: for the turn, for what runs, and for a new start of crash
_GRACE = 30.0


class SocketTransport:
    """Commands over a connection to a server that holds crash."""

    def __init__(self, channel: Channel, welcome: frames.Welcome) -> None:
        """Take over a connection whose greeting is done."""
        self._channel = channel
        self._number = 0
        self._patience = welcome.patience
        self._broke_off: bool | None = None
        self.scratch: Path | None = None
        self.fifo: Path | None = Path(welcome.fifo)

    def take(self, seconds: float) -> bool:
        """Wait so long for the first turn; False where another client has crash."""
        answer, _ = self._ask(Take(number=self._next(), seconds=seconds), seconds, _nothing)
        if isinstance(answer, Failed) and answer.kind == "busy":
            return False
        self._done(answer, b"")
        return True

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        """See Transport."""
        answer, output = self._ask(Run(number=self._next(), command=command, seconds=timeout), timeout, sink)
        self._broke_off = self._done(answer, output).broke_off
        return output

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport."""
        request = Batch(number=self._next(), commands=list(commands), seconds=timeout)
        answer, output = self._ask(request, timeout, None)
        sizes = answer.sizes if isinstance(answer, (Done, Failed)) else []
        finished, place = [], 0
        for size in sizes:
            finished.append(output[place : place + size])
            place += size
        try:
            self._done(answer, output[place:])
        except (OutOfTimeError, SessionDiedError) as error:
            error.finished = finished
            raise
        if len(finished) != len(commands) or place != len(output):
            raise SessionError("the warm session's answer is out of step with the commands")
        return finished

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        """See Transport."""
        request = Stream(number=self._next(), commands=list(commands), seconds=timeout)
        answer, said = self._ask(request, timeout, None, fifo=sink)
        self._done(answer, said)
        return said

    def broke_off(self, command: str, timeout: float) -> bool:  # noqa: ARG002 - the server has asked
        """See Transport. The server asks crash behind each command, before anybody else has it."""
        return self._broke_off is not False

    def waiting(self) -> bool:
        """See Transport."""
        return self._channel.silent

    def recover(self) -> bool:
        """See Transport. What runs is broken off by this request's coming."""
        try:
            answer, _ = self._ask(Recover(number=self._next()), 2 * INTERRUPT_SECONDS, _nothing)
        except (SessionError, OutOfTimeError):
            return False
        return isinstance(answer, Done) and answer.broke_off is False

    def abort(self) -> None:
        """See Transport: this connection ends, crash stays."""
        self._channel.close()

    def close(self) -> None:
        """See Transport: crash stays."""
        self._channel.close()

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _ask(
        self, request: frames.Request, seconds: float, sink: Sink | None, *, fifo: Sink | None = None
    ) -> tuple[frames.Reply, bytes]:
        """The reply's last frame, and the output that no sink took."""
        try:
            self._channel.send(request, lambda: False)
            return self._answer(request.number, 2 * seconds + self._patience + _GRACE, sink, fifo)
        except frames.StalledError as error:
            raise SessionDiedError(f"the warm session doesn't answer: {error}") from error
        except frames.ClosedError as error:
            raise SessionDiedError("the warm session ended") from error
        except frames.GarbledError as error:
            self._channel.close()
            raise SessionDiedError("the warm session can't be understood") from error

    def _answer(
        self, number: int, seconds: float, sink: Sink | None, fifo: Sink | None
    ) -> tuple[frames.Reply, bytes]:
        output: list[bytes] = []
        size = 0
        while True:
            frame = self._channel.receive(frames.REPLY, seconds)
            if isinstance(frame, frames.Welcome) or frame.number > number:
                raise frames.GarbledError("an answer that nobody asked for")
            if frame.number < number:
                continue  # of a request that was interrupted
            if not isinstance(frame, Piece):
                return frame, b"".join(output)
            if frame.fifo and fifo is not None:
                fifo(frame.data)
            elif sink is not None:
                sink(frame.data)
            else:
                output.append(frame.data)
                size += len(frame.data)
                if size > MOST_BYTES:
                    raise SessionError(
                        f"the command printed more than {MOST_BYTES >> 30} GiB: send it to a file (to=)"
                    )

    @staticmethod
    def _done(answer: frames.Reply, output: bytes) -> Done:
        if isinstance(answer, Done):
            return answer
        if not isinstance(answer, Failed):
            raise SessionError("the warm session gave another answer than it was asked for")
        if answer.kind == "deadline":
            raise OutOfTimeError(output)
        raise _KINDS.get(answer.kind, SessionError)(answer.message, output)


def _busy(message: str, output: bytes) -> DeadlineError:
    return DeadlineError(f"no turn in the warm session in time: {message}; --timeout allows more", output)


def _start(message: str, _output: bytes) -> StartError:
    return StartError(message)


def _error(message: str, _output: bytes) -> SessionError:
    return SessionError(message)


_KINDS: dict[str, Callable[[str, bytes], Exception]] = {
    "busy": _busy,
    "died": SessionDiedError,
    "error": _error,
    "start": _start,
}


def _nothing(_data: bytes) -> None:
    """A sink for what has no output."""
