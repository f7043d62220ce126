"""Sessions on file: RecordingTransport writes them, ReplayTransport answers from them without crash.

The file is JSON lines: a head (`Head`), then one `Entry` for each command in the order of the calls. Bytes
that are UTF-8 stand as text; others, and bulk data, are deflated and base64-coded.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import msgspec

from crashdrive.errors import SessionClosedError, SessionDiedError, TranscriptError
from crashdrive.records import Record
from crashdrive.session.health import Health
from crashdrive.session.transport import OutOfTimeError, Sink, Transport
from crashdrive.text import printable

T = TypeVar("T", bound=Record)

FORMAT = 1
# a replay's FIFO has no path; commands that name it are recorded with this in its place
FIFO_NAME = "FIFO"
_MOST_BYTES = 1 << 32


class Head(Record, frozen=True):
    """First line of a recorded session."""

    crashdrive_session: int
    health: Health
    identity: dict[str, str]


class Entry(Record, frozen=True, omit_defaults=True):
    """One command: ``text`` or ``packed`` is what it printed, ``data`` what it wrote into the FIFO."""

    op: Literal["run", "stream"]
    command: str
    text: str | None = None
    packed: str | None = None
    data: str | None = None
    ended: Literal["deadline", "died"] | None = None


def _pack(data: bytes) -> str:
    return base64.b85encode(zlib.compress(data, 9)).decode("ascii")


def _unpack(text: str) -> bytes:
    decompressor = zlib.decompressobj()
    data = decompressor.decompress(base64.b85decode(text), _MOST_BYTES)
    if decompressor.unconsumed_tail:
        raise TranscriptError("the recorded session holds an entry of more than 4 GiB")
    return data


def _entry(op: Literal["run", "stream"], command: str, output: bytes, **rest: str | None) -> Entry:
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return msgspec.structs.replace(Entry(op=op, command=command, packed=_pack(output)), **rest)
    return msgspec.structs.replace(Entry(op=op, command=command, text=text), **rest)


class RecordingTransport:
    """Passes everything on to another transport, and writes it down as it comes."""

    def __init__(self, inner: Transport, file: BinaryIO) -> None:
        self.inner = inner
        self._file = file

    @property
    def scratch(self) -> Path | None:
        """See Transport."""
        return self.inner.scratch

    @property
    def fifo(self) -> Path | None:
        """See Transport."""
        return self.inner.fifo

    def write_head(self, health: Health, identity: dict[str, str]) -> None:
        """The file's first line."""
        self._write(Head(crashdrive_session=FORMAT, health=health, identity=identity))

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        """See Transport."""
        chunks: list[bytes] = []

        def both(data: bytes) -> None:
            chunks.append(data)
            if sink is not None:
                sink(data)

        try:
            output = self.inner.exchange(command, timeout, both if sink is not None else None)
        except OutOfTimeError as error:
            self._write(_entry("run", command, error.output, ended="deadline"))
            raise
        except SessionDiedError as error:
            self._write(_entry("run", command, error.output, ended="died"))
            raise
        self._write(_entry("run", command, b"".join(chunks) + output))
        return output

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport."""
        outputs = self.inner.batch(commands, timeout)
        for command, output in zip(commands, outputs, strict=True):
            self._write(_entry("run", command, output))
        return outputs

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        """See Transport."""
        chunks: list[bytes] = []

        def both(data: bytes) -> None:
            chunks.append(data)
            sink(data)

        output = self.inner.stream(commands, both, timeout)
        name = stream_name(commands, self.fifo)
        shown = output.replace(str(self.fifo).encode(), FIFO_NAME.encode())
        self._write(_entry("stream", name, shown, data=_pack(b"".join(chunks))))
        return output

    def recover(self) -> bool:
        """See Transport."""
        return self.inner.recover()

    def replace(self, inner: Transport) -> None:
        """Go on with another crash after a restart."""
        self.inner = inner

    def close(self) -> None:
        """See Transport."""
        self.inner.close()

    def _write(self, line: Record) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()


def stream_name(commands: Sequence[str], fifo: Path | None) -> str:
    """The key of a stream's entry: its commands, with the FIFO's changing name taken out."""
    return "\n".join(commands).replace(str(fifo), FIFO_NAME)


class ReplayTransport:
    """Answers from a recorded session: each command its recorded answers in order, the last again."""

    def __init__(self, path: Path) -> None:
        """Read all of the file; TranscriptError where it can't be."""
        self._path = path
        self.scratch: Path | None = None
        self.fifo: Path | None = Path(FIFO_NAME)
        self._closed = False
        self._entries: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        lines = _read_lines(path)
        self.head = self._decode(lines[0], Head, 1)
        if self.head.crashdrive_session != FORMAT:
            raise TranscriptError(f"{str(path)!a} is of another format of recorded sessions")
        for number, line in enumerate(lines[1:], 2):
            entry = self._decode(line, Entry, number)
            self._entries[entry.op, entry.command].append(entry)

    def _decode(self, line: bytes, kind: type[T], number: int) -> T:
        try:
            return msgspec.json.decode(line, type=kind)
        except msgspec.DecodeError as error:
            raise TranscriptError(
                f"{str(self._path)!a}, line {number}: no recorded crashdrive session ({error})"
            ) from error

    def _next(self, op: str, command: str) -> Entry:
        if self._closed:
            raise SessionClosedError("the session is closed")
        entries = self._entries.get((op, command))
        if not entries:
            raise TranscriptError(
                f"the recorded session {str(self._path)!a} doesn't hold `{printable(command)[:120]}`"
            )
        return entries.pop(0) if len(entries) > 1 else entries[0]

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:  # noqa: ARG002 - Transport
        """See Transport."""
        entry = self._next("run", command)
        output = self._bytes(entry)
        if entry.ended == "deadline":
            raise OutOfTimeError(output)
        if entry.ended == "died":
            raise SessionDiedError("crash ended (as recorded)", output)
        if sink is None:
            return output
        sink(output)
        return b""

    def _bytes(self, entry: Entry) -> bytes:
        return (entry.text or "").encode() if entry.packed is None else self._unpacked(entry.packed)

    def _unpacked(self, packed: str) -> bytes:
        try:
            return _unpack(packed)
        except (ValueError, binascii.Error, zlib.error) as error:
            raise TranscriptError(f"{str(self._path)!a}: damaged entry ({error})") from error

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport."""
        return [self.exchange(command, timeout) for command in commands]

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:  # noqa: ARG002 - Transport
        """See Transport."""
        entry = self._next("stream", stream_name(commands, self.fifo))
        if entry.data:
            sink(self._unpacked(entry.data))
        return self._bytes(entry)

    def recover(self) -> bool:
        """A file is always in step."""
        return True

    def close(self) -> None:
        """See Transport."""
        self._closed = True


def _read_lines(path: Path) -> list[bytes]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise TranscriptError(f"can't read the recorded session {str(path)!a}: {error.strerror}") from error
    if not lines:
        raise TranscriptError(f"{str(path)!a} is empty: no recorded crashdrive session")
    return lines
