"""What client and server of a warm session say: frames, each a length and a msgpack document of a known form.

A frame that is too long, of no known form or with a field too many ends the connection.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

PROTOCOL: Final = 1
PIECE: Final = 1 << 20
"""Bytes of output that go into one frame."""
MOST_ASKED: Final = 64 << 20
"""Bytes of a client's frame: a stream of reads is thousands of lines."""
MOST_SAID: Final = 16 << 20
"""Bytes of a server's frame."""
_LENGTH = struct.Struct("<I")
_READ = 1 << 20


class _Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="frame", tag=str.lower):
    pass


class Hello(_Frame, frozen=True):
    """A client's first frame."""

    protocol: int
    code: str


class Run(_Frame, frozen=True):
    """One command. ``number`` counts a client's requests; ``seconds`` is the deadline."""

    number: int
    command: str
    seconds: float


class Batch(_Frame, frozen=True):
    """Commands in one round trip."""

    number: int
    commands: list[str]
    seconds: float


class Stream(_Frame, frozen=True):
    """Commands that write into the FIFO, which they name as `Welcome` does."""

    number: int
    commands: list[str]
    seconds: float


class Take(_Frame, frozen=True):
    """Wait so long for the first turn."""

    number: int
    seconds: float


class Recover(_Frame, frozen=True):
    """Break off what runs of this client's, and have crash at its prompt again."""

    number: int


class Tell(_Frame, frozen=True):
    """What the session is like: answered without waiting for a turn."""

    number: int


class Stop(_Frame, frozen=True):
    """End the session, whoever uses it."""

    number: int


Request = Run | Batch | Stream | Take | Recover | Tell | Stop


class Welcome(_Frame, frozen=True):
    """The server's first frame: which crash on which dump.

    ``code`` and ``protocol`` are the server's; a client of other ones leaves again. ``binary`` came up,
    of ``binaries``, with the ``binary_marks`` of all of them. ``health`` is a `Health` as msgpack, ``warned``
    and ``affected`` its warnings' messages and the commands that they make doubtful. ``fifo`` stands for the
    FIFO in commands of `Stream`. ``patience``: seconds that another start of crash would take.
    """

    protocol: int
    code: str
    pid: int
    binary: str = ""
    binaries: list[str] = []
    binary_marks: list[str] = []
    identity: dict[str, str] = {}
    vmcoreinfo: dict[str, str] = {}
    marks: dict[str, str] = {}
    health: bytes = b""
    warned: list[str] = []
    affected: list[str] = []
    holes: bool = False
    fifo: str = ""
    patience: float = 0.0


class Piece(_Frame, frozen=True):
    """Some output of a request; ``fifo``: out of the FIFO."""

    number: int
    data: bytes
    fifo: bool = False


class Done(_Frame, frozen=True):
    """A request came to its end; its output went before, in pieces.

    ``sizes``: of a batch, how much of that each command printed. ``broke_off``: whether crash left the
    command before its end, None where it wasn't asked. ``failure``: how the command failed, kind and message.
    """

    number: int
    sizes: list[int] = []
    broke_off: bool | None = None
    failure: tuple[str, str] | None = None


class Failed(_Frame, frozen=True):
    """A request that didn't come to its end.

    ``kind``: ``deadline``, ``died`` (crash went away), ``start`` (it couldn't be started again), ``busy``
    (no turn in time), ``error``. Its output went before; ``sizes`` as in `Done`, of those that ended.
    ``line``: the message as an ordinary session puts it.
    """

    number: int
    kind: str
    message: str
    line: str = ""
    sizes: list[int] = []


class Told(_Frame, frozen=True):
    """What a session is like: bytes of memory, seconds since 1970 and of rest, requests, restarts."""

    number: int
    crash_pid: int | None
    crash_memory: int | None
    server_memory: int | None
    started: float
    idle: float
    idle_limit: float
    clients: int
    requests: int
    restarts: int
    holder: int | None = None


Reply = Welcome | Piece | Done | Failed | Told
F = TypeVar("F")
_ENCODER = msgspec.msgpack.Encoder()
HELLO: Final[msgspec.msgpack.Decoder[Hello]] = msgspec.msgpack.Decoder(Hello)
REQUEST: Final[msgspec.msgpack.Decoder[Request]] = msgspec.msgpack.Decoder(Request)
WELCOME: Final[msgspec.msgpack.Decoder[Welcome]] = msgspec.msgpack.Decoder(Welcome)
REPLY: Final[msgspec.msgpack.Decoder[Reply]] = msgspec.msgpack.Decoder(Reply)


class ClosedError(Exception):
    """The other end is gone."""


class GarbledError(Exception):
    """The other end said what is no frame; the connection can't be used any more."""


class StalledError(Exception):
    """The other end doesn't take what it is sent, or says nothing."""


class Channel:
    """Frames over a connected socket."""

    def __init__(self, connection: socket.socket, most: int) -> None:
        """``most``: bytes of a frame that is received."""
        connection.setblocking(False)
        self.connection = connection
        self._most = most
        self._buffer = bytearray()

    def send(self, frame: object, patient: Callable[[], bool] = lambda: True, seconds: float = 30.0) -> None:
        """Send a frame. Where the other end takes nothing for so many seconds ``patient`` is asked whether
        to wait on; StalledError if not, ClosedError where it is gone.
        """
        document = _ENCODER.encode(frame)
        data = memoryview(_LENGTH.pack(len(document)) + document)
        while data:
            try:
                data = data[self.connection.send(data) :]
            except BlockingIOError:
                if not self._wait(select.POLLOUT, seconds) and not patient():
                    raise StalledError("the other end takes nothing") from None
            except OSError as error:
                raise ClosedError(str(error)) from error

    def receive(self, decoder: msgspec.msgpack.Decoder[F], seconds: float | None = None) -> F:
        """The next frame. StalledError where it isn't there in time, ClosedError, GarbledError."""
        deadline = None if seconds is None else time.monotonic() + seconds
        length = _LENGTH.unpack(self._exactly(_LENGTH.size, deadline, take=False))[0]
        if length > self._most:
            raise GarbledError(f"a frame of {length} bytes")
        document = self._exactly(_LENGTH.size + length, deadline)[_LENGTH.size :]
        try:
            return decoder.decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise GarbledError(str(error)) from error

    def _exactly(self, size: int, deadline: float | None, *, take: bool = True) -> bytes:
        while len(self._buffer) < size:
            left = None if deadline is None else deadline - time.monotonic()
            if not self._wait(select.POLLIN, left):
                raise StalledError("the other end says nothing")
            try:
                data = self.connection.recv(_READ)
            except BlockingIOError:
                continue
            except OSError as error:
                raise ClosedError(str(error)) from error
            if not data:
                raise ClosedError("it was closed")
            self._buffer += data
        found = bytes(memoryview(self._buffer)[:size])
        if take:
            del self._buffer[:size]
        return found

    def _wait(self, event: int, seconds: float | None) -> bool:
        poller = select.poll()
        try:
            poller.register(self.connection, event)
        except ValueError as error:  # closed by another thread
            raise ClosedError("it was closed") from error
        return bool(poller.poll(None if seconds is None else max(0.0, seconds) * 1000))

    @property
    def silent(self) -> bool:
        """Whether the other end is there, and has said nothing that was not received."""
        try:
            return not self._buffer and not self._wait(select.POLLIN, 0)
        except ClosedError:
            return False

    def close(self) -> None:
        """Close it; whoever waits at either end learns of it."""
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        finally:
            self.connection.close()


def pieces(data: bytes) -> list[memoryview]:
    """Output in parts that go into one frame each."""
    view = memoryview(data)
    return [view[start : start + PIECE] for start in range(0, len(view), PIECE)]
