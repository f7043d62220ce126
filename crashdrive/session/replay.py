"""Sessions on file: RecordingTransport writes them, ReplayTransport answers from them without crash.

The file is JSON lines: a head (`Head`), then one `Entry` for each command in the order of the calls. Bytes
that are UTF-8 stand as text; others, and bulk data, are deflated (or packed by xz), then base85-coded. Paths
of the private folder, which are others in each session, stand as ``FIFO`` and ``SCRATCH``. A file may be
packed by xz as a whole; `crashdrive.session.compact` makes such a one of a recorded one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import lzma
import os
import stat
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import msgspec

from crashdrive.errors import SessionClosedError, SessionDiedError, SessionError, TranscriptError, UsageError
from crashdrive.records import Record
from crashdrive.session.base85 import decoded
from crashdrive.session.health import Health
from crashdrive.session.reads import NotRecordedError, RecordedMemory
from crashdrive.session.terminal import Sink
from crashdrive.session.transport import OutOfTimeError, Transport
from crashdrive.text import all_valid, printable

T = TypeVar("T", bound=Record)
Op = Literal["run", "stream", "broke-off"]

FORMAT = 1
# a replay's FIFO has no path; commands that name it are recorded with this in its place
FIFO_NAME = "FIFO"
_SCRATCH_NAME = "SCRATCH"
# what an entry may grow to: in memory, and where it is passed on in pieces
_MOST_BYTES = 1 << 29
_MOST_STREAMED = 1 << 34
_PIECE = 1 << 20
_XZ = b"\xfd7zXZ\0"
_XZ_MEMORY = 128 << 20
_RECORD_AGAIN = "it is of other commands, or of another crashdrive: record it again"


class Head(Record, frozen=True):
    """First line of a recorded session; ``vmcoreinfo`` is the dump's, as far as crash isn't asked for it."""

    crashdrive_session: int
    health: Health
    identity: dict[str, str]
    vmcoreinfo: dict[str, str] = msgspec.field(default_factory=dict)


class Entry(Record, frozen=True, omit_defaults=True):
    """One command: ``text`` or ``packed`` is what it printed, ``data`` what it wrote into the FIFO.

    Where crash left a command before its end without a word a ``broke-off`` of it follows.
    ``ended`` is set where it didn't come to its end, ``how`` says how crash died then, and ``data`` is what
    had not gone to the user's file yet.
    """

    op: Op
    command: str
    text: str | None = None
    packed: str | None = None
    data: str | None = None
    ended: Literal["deadline", "died"] | None = None
    how: str | None = None


class _Packer:
    """Deflates as the bytes come: what is kept of a huge output is small."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(6)
        self._chunks: list[bytes] = []

    def __call__(self, data: bytes) -> None:
        self._chunks.append(self._compressor.compress(data))

    def packed(self) -> str:
        """All of it; once."""
        return base64.b85encode(b"".join([*self._chunks, self._compressor.flush()])).decode("ascii")


def _pack(data: bytes) -> str:
    packer = _Packer()
    packer(data)
    return packer.packed()


def _unpacked_pieces(text: str, most: int) -> Iterator[bytes]:
    """The bytes in pieces; TranscriptError where they are more than ``most``, ValueError where damaged."""
    return _inflated(decoded(text), most)


def _inflated(packed: bytes, most: int) -> Iterator[bytes]:
    if packed.startswith(_XZ):
        return _bounded(_un_xz(packed), most)
    return _bounded(_un_deflate(packed), most)


def _bounded(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise TranscriptError(f"the recorded session holds an entry of more than {most >> 20} MiB")
        yield piece


def _un_deflate(rest: bytes) -> Iterator[bytes]:
    decompressor = zlib.decompressobj()
    while not decompressor.eof:
        piece = decompressor.decompress(rest, _PIECE)
        rest = decompressor.unconsumed_tail
        if not piece and not rest and not decompressor.eof:
            raise ValueError("it ends early")
        yield piece


def _un_xz(rest: bytes) -> Iterator[bytes]:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    while not decompressor.eof:
        piece = decompressor.decompress(rest, _PIECE)
        rest = b""
        if not piece and decompressor.needs_input:
            raise ValueError("it ends early")
        yield piece


def _entry(op: Op, command: str, output: bytes, **rest: str | None) -> Entry:
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return msgspec.structs.replace(Entry(op=op, command=command, packed=_pack(output)), **rest)
    return msgspec.structs.replace(Entry(op=op, command=command, text=text), **rest)


def _ended(error: OutOfTimeError | SessionDiedError) -> dict[str, str | None]:
    if isinstance(error, OutOfTimeError):
        return {"ended": "deadline"}
    return {"ended": "died", "how": str(error)}


@contextlib.contextmanager
def open_record(path: str | os.PathLike[str] | None) -> Iterator[BinaryIO | None]:
    """A file to record to, opened before the long start; an older one is replaced only after it.

    Closed when the block fails, and then a file that is new is removed again.
    """
    if path is None:
        yield None
        return
    try:
        file = Path(path).open("ab")  # noqa: SIM115 - the recorder closes it
    except OSError as error:
        raise UsageError(f"can't record to {os.fspath(path)!a}: {error.strerror}") from error
    try:
        yield file
    except BaseException:
        with contextlib.suppress(OSError):
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and not status.st_size:
                Path(path).unlink()
            file.close()
        raise


class RecordingTransport:
    """Passes everything on to another transport, and writes it down as it comes."""

    def __init__(self, inner: Transport, file: BinaryIO) -> None:
        """Record into a file from its start."""
        self.inner = inner
        self._file = file
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.truncate(0)

    @property
    def scratch(self) -> Path | None:
        """See Transport."""
        return self.inner.scratch

    @property
    def fifo(self) -> Path | None:
        """See Transport."""
        return self.inner.fifo

    def write_head(
        self, health: Health, identity: dict[str, str], vmcoreinfo: Mapping[str, str] | None = None
    ) -> None:
        """The file's first line."""
        info = dict(vmcoreinfo or {})
        self._write(Head(crashdrive_session=FORMAT, health=health, identity=identity, vmcoreinfo=info))

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        """See Transport."""
        packer = _Packer()

        def both(data: bytes) -> None:
            packer(data)
            assert sink is not None  # noqa: S101 - only passed on where there is one
            sink(data)

        try:
            output = self.inner.exchange(command, timeout, both if sink is not None else None)
        except (OutOfTimeError, SessionDiedError) as error:
            if sink is None:
                self._note("run", command, error.output, **_ended(error))
            else:
                self._note_packed(command, packer, {**_ended(error), "data": _pack(error.output)})
            raise
        if sink is None:
            self._note("run", command, output)
        else:
            packer(output)
            self._note_packed(command, packer, {})
        return output

    def _note_packed(self, command: str, packer: _Packer, rest: dict[str, str | None]) -> None:
        entry = Entry(op="run", command=self._named(command), packed=packer.packed())
        self._write(msgspec.structs.replace(entry, **rest))

    def broke_off(self, command: str, timeout: float) -> bool:
        """See Transport."""
        answer = self.inner.broke_off(command, timeout)
        self._note("broke-off", command, b"yes" if answer else b"no")
        return answer

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport."""
        try:
            outputs = self.inner.batch(commands, timeout)
        except (OutOfTimeError, SessionDiedError) as error:
            for command, output in zip(commands, error.finished, strict=False):
                self._note("run", command, output)
            if len(error.finished) < len(commands):
                self._note("run", commands[len(error.finished)], error.output, **_ended(error))
            raise
        for command, output in zip(commands, outputs, strict=True):
            self._note("run", command, output)
        return outputs

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        """See Transport."""
        packer = _Packer()

        def both(data: bytes) -> None:
            packer(data)
            sink(data)

        name = "\n".join(commands)
        try:
            output = self.inner.stream(commands, both, timeout)
        except (OutOfTimeError, SessionDiedError) as error:
            self._note("stream", name, error.output, data=packer.packed(), **_ended(error))
            raise
        self._note("stream", name, output, data=packer.packed())
        return output

    def waiting(self) -> bool:
        """See Transport."""
        return self.inner.waiting()

    def recover(self) -> bool:
        """See Transport."""
        return self.inner.recover()

    def replace(self, inner: Transport) -> None:
        """Go on with another crash after a restart."""
        self.inner = inner

    def abort(self) -> None:
        """See Transport."""
        self.inner.abort()

    def close(self) -> None:
        """See Transport; the file stays open for another crash."""
        self.inner.close()

    def finish(self) -> None:
        """Close the file; a second time does nothing."""
        with contextlib.suppress(OSError):  # what couldn't be written was told
            self._file.close()

    def _note(self, op: Op, command: str, output: bytes, **rest: str | None) -> None:
        for path, name in self._names():
            output = output.replace(path.encode(), name.encode())
        self._write(_entry(op, self._named(command), output, **rest))

    def _names(self) -> list[tuple[str, str]]:
        paths = ((self.fifo, FIFO_NAME), (self.scratch, _SCRATCH_NAME))
        return [(str(path), name) for path, name in paths if path is not None]

    def _named(self, command: str) -> str:
        for path, name in self._names():
            command = command.replace(path, name)
        return command

    def _write(self, line: Record) -> None:
        try:
            self._file.write(_as_json(line) + b"\n")
            self._file.flush()
        except OSError as error:
            raise SessionError(f"can't write the recorded session: {error.strerror}") from error


def _as_json(line: Record) -> bytes:
    try:
        return msgspec.json.encode(line)
    except UnicodeEncodeError:  # the name of a dump or of crash
        return msgspec.json.encode(all_valid(msgspec.to_builtins(line)))


class ReplayTransport:
    """Answers from a recorded session: each command its recorded answers in order, the last again.

    A stream that isn't held as it is asked is put together from the memory that the others brought.
    """

    def __init__(self, path: Path) -> None:
        """Read all of the file; TranscriptError where it can't be."""
        self._path = path
        self.scratch: Path | None = None
        self.fifo: Path | None = Path(FIFO_NAME)
        self._closed = False
        self._memory: RecordedMemory | None = None
        self._entries: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        lines = self._read_lines()
        self.head = self._decode(lines[0], Head, 1)
        if self.head.crashdrive_session != FORMAT:
            raise TranscriptError(f"{str(path)!a} is of another format of recorded sessions")
        for number, line in enumerate(lines[1:], 2):
            entry = self._decode(line, Entry, number)
            self._entries[entry.op, entry.command].append(entry)

    def _read_lines(self) -> list[bytes]:
        """The whole lines; of a session that was killed while it was recorded the last may be half."""
        name = ascii(str(self._path))
        try:
            mode = self._path.stat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
                raise TranscriptError(f"{name} is no file: no recorded crashdrive session")
            content = self._path.read_bytes()
            if content.startswith(_XZ):
                content = b"".join(_inflated(content, _MOST_BYTES))
            lines = content.split(b"\n")
        except (OSError, ValueError, lzma.LZMAError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise TranscriptError(f"can't read the recorded session {name}: {reason}") from error
        if len(lines) < 2:
            raise TranscriptError(f"{name}: no recorded crashdrive session, or its head is cut off")
        return lines[:-1]

    def _decode(self, line: bytes, kind: type[T], number: int) -> T:
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise TranscriptError(
                f"{str(self._path)!a}, line {number}: no recorded crashdrive session "
                f"({printable(str(error))[:200]})"
            ) from error

    def _next(self, op: Op, command: str) -> Entry:
        entry = self._find(op, command)
        if entry is None:
            raise TranscriptError(
                f"the recorded session {str(self._path)!a} doesn't hold `{printable(command)[:120]}`; "
                f"{_RECORD_AGAIN}"
            )
        return entry

    def _find(self, op: Op, command: str) -> Entry | None:
        if self._closed:
            raise SessionClosedError("the session is closed")
        entries = self._entries.get((op, command))
        if not entries:
            return None
        return entries.pop(0) if len(entries) > 1 else entries[0]

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:  # noqa: ARG002 - Transport
        """See Transport."""
        entry = self._next("run", command)
        rest = b"" if entry.data is None else b"".join(self._unpacked(entry.data, _MOST_BYTES))
        if sink is None:
            rest = self._bytes(entry) + rest
        else:
            for piece in self._pieces(entry):
                sink(piece)
        _raise_end(entry, rest)
        return rest

    def broke_off(self, command: str, timeout: float) -> bool:  # noqa: ARG002 - Transport
        """See Transport; nobody asked where nothing was recorded."""
        entry = self._find("broke-off", command)
        return entry is not None and self._bytes(entry) == b"yes"

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport."""
        outputs: list[bytes] = []
        for command in commands:
            try:
                outputs.append(self.exchange(command, timeout))
            except (OutOfTimeError, SessionDiedError) as error:
                error.finished = outputs
                raise
        return outputs

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:  # noqa: ARG002 - Transport
        """See Transport."""
        entry = self._find("stream", "\n".join(commands))
        if entry is None:
            return self._from_memory(commands, sink)
        if entry.data is not None:
            for piece in self._unpacked(entry.data, _MOST_STREAMED):
                sink(piece)
        output = self._bytes(entry)
        _raise_end(entry, output)
        return output

    def _from_memory(self, commands: Sequence[str], sink: Sink) -> bytes:
        if self._memory is None:
            self._memory = RecordedMemory()
            for entry in self._streams():
                self._memory.add(entry.command.split("\n"), *self.streamed(entry))
        try:
            answer = self._memory.answer(commands)
        except NotRecordedError as error:
            raise TranscriptError(
                f"the recorded session {str(self._path)!a} doesn't hold {error} "
                f"that `{printable(commands[0])[:120]}` wants; {_RECORD_AGAIN}"
            ) from None
        for piece in answer.data:
            sink(piece)
        return answer.text

    def _streams(self) -> Iterator[Entry]:
        """The last of each recorded stream that came to its end."""
        for (op, _), entries in self._entries.items():
            if op == "stream" and entries[-1].data is not None and entries[-1].ended is None:
                yield entries[-1]

    def entries(self) -> Iterator[list[Entry]]:
        """All that is recorded: the answers of each command, in their order."""
        yield from self._entries.values()

    def streamed(self, entry: Entry) -> tuple[bytes, bytes]:
        """What a stream brought through the FIFO, and what the terminal showed."""
        return b"".join(self._unpacked(entry.data or "", _MOST_BYTES)), self._bytes(entry)

    def _bytes(self, entry: Entry) -> bytes:
        return b"".join(self._pieces(entry, _MOST_BYTES))

    def _pieces(self, entry: Entry, most: int = _MOST_STREAMED) -> Iterator[bytes]:
        if entry.packed is None:
            yield (entry.text or "").encode()
        else:
            yield from self._unpacked(entry.packed, most)

    def _unpacked(self, packed: str, most: int) -> Iterator[bytes]:
        try:
            yield from _unpacked_pieces(packed, most)
        except (ValueError, binascii.Error, zlib.error, lzma.LZMAError) as error:
            raise TranscriptError(f"{str(self._path)!a}: damaged entry ({error})") from error

    def waiting(self) -> bool:
        """A file is always in step."""
        return True

    def recover(self) -> bool:
        """A file is always in step."""
        return True

    def again(self, _context: Sequence[str]) -> tuple[Transport, list[str]]:
        """Go on after a recorded death of crash, as a restart does; nothing of a context is lost."""
        self._closed = False
        return self, []

    def abort(self) -> None:
        """Nothing waits for a file."""

    def close(self) -> None:
        """See Transport."""
        self._closed = True


def _raise_end(entry: Entry, output: bytes) -> None:
    if entry.ended == "deadline":
        raise OutOfTimeError(output)
    if entry.ended == "died":
        raise SessionDiedError(entry.how or "crash ended (as recorded)", output)
