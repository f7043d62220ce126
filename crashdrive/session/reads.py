"""Memory out of recorded bulk reads, for a replay that asks for the same bytes in other pieces."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from crashdrive.commandline import BULK_READ, bulk_read

_COPIED = re.compile(rb"^(\d+) bytes copied from 0x([0-9a-f]+) to ", re.MULTILINE)
_FAILED = re.compile(rb"^rd: .*?address: ([0-9a-f]+).*\n", re.MULTILINE)
_EVAL = re.compile(r"eval (0x[0-9a-f]+)")
_PAGE = 4096
_CHUNK = 1500  # crash's BUFSIZE: a read of up to so many bytes brings all of them or none


class Answer(msgspec.Struct):
    """What a stream would have brought: bytes of the FIFO, text of the terminal."""

    data: list[bytes]
    text: bytes


class NotRecordedError(LookupError):
    """No recorded stream asked for this memory: neither its bytes nor a failure are known."""

    def __init__(self, address: int, size: int) -> None:
        super().__init__(f"{size} bytes of memory at {address:#x}")


class Stream(NamedTuple):
    """Reads, and what they brought: commands, bytes of the FIFO, text of the terminal."""

    commands: tuple[str, ...]
    data: bytes
    text: bytes


class _Read(msgspec.Struct):
    space: str
    fifo: str
    address: int
    size: int

    @property
    def command(self) -> str:
        """The command line that asked for it."""
        return bulk_read(self.space[:3], self.fifo, self.address, self.size)

    @property
    def copied(self) -> bytes:
        """The line that crash prints where it succeeds."""
        return f"{self.size} bytes copied from {self.address:#x} to {self.fifo}\n".encode()


def is_memory(commands: Sequence[str]) -> bool:
    """Whether a stream is made of reads and what goes with them: changes of context, a mark at its end."""
    return all(
        BULK_READ.fullmatch(command) or _EVAL.fullmatch(command) or command.startswith("set ")
        for command in commands
    )


class RecordedMemory:
    """Pages and pieces that recorded streams brought, by address space; and those that couldn't be read.

    A space is rd's option and the commands before the reads, such as a change of context.
    """

    def __init__(self) -> None:
        self._pages: dict[tuple[str, int], bytes] = {}
        self._pieces: defaultdict[tuple[str, int], list[tuple[int, bytes]]] = defaultdict(list)
        self._failed: dict[tuple[str, int], bytes] = {}

    def add(self, commands: Sequence[str], data: bytes, text: bytes) -> None:
        """Take in one recorded stream; only bytes whose place in it is certain."""
        reads = _reads(commands)
        copied = {int(found[2], 16): int(found[1]) for found in _COPIED.finditer(text)}
        said = {int(found[1], 16): found[0] for found in _FAILED.finditer(text)}
        done = [copied.get(read.address) == read.size for read in reads]
        for read, at in _places(reads, done, len(data)):
            self._keep(read, data[at : at + read.size])
        for read in reads:
            if copied.get(read.address) != read.size and read.size <= _PAGE:
                key = (read.space, read.address // _PAGE)
                words = (said[a] for a in said if read.address <= a < read.address + read.size)
                self._failed[key] = next(words, b"")

    def _keep(self, read: _Read, data: bytes) -> None:
        at = 0
        while at < len(data):
            page, offset = divmod(read.address + at, _PAGE)
            part = data[at : at + _PAGE - offset]
            if len(part) == _PAGE:
                self._pages[read.space, page] = part
            else:
                self._pieces[read.space, page].append((offset, part))
            at += len(part)

    def streams(self, fifo: str) -> Iterator[Stream]:
        """All that is held, as one stream for each address space; no byte in it twice."""
        for space in sorted({space for space, _ in (*self._pages, *self._pieces, *self._failed)}):
            context = space[3:]
            found = list(_joined(self._held(space)))
            failed = {page: words for (where, page), words in self._failed.items() if where == space}
            reads = [_Read(space=space, fifo=fifo, address=a, size=len(data)) for a, data in found]
            reads += [_Read(space=space, fifo=fifo, address=page * _PAGE, size=_PAGE) for page in failed]
            text = b"".join(read.copied for read in reads[: len(found)]) + b"".join(failed.values())
            commands = ((context,) if context else ()) + tuple(read.command for read in reads)
            yield Stream(commands, b"".join(data for _, data in found), text)

    def leave_out(self, other: RecordedMemory) -> None:
        """Drop what another recording of the same dump holds as well."""
        self._pages = {key: data for key, data in self._pages.items() if other._pages.get(key) != data}
        for key, pieces in list(self._pieces.items()):
            self._pieces[key] = [
                (at, data) for at, data in pieces if other._part(*key, at, len(data)) != data
            ]
        self._failed = {key: said for key, said in self._failed.items() if other._failed.get(key) != said}

    def _held(self, space: str) -> Iterator[tuple[int, bytes]]:
        """Pages, and pieces of others, by address."""
        held = {page * _PAGE: data for (where, page), data in self._pages.items() if where == space}
        for (where, page), pieces in self._pieces.items():
            if where == space and (where, page) not in self._pages:
                held |= {page * _PAGE + offset: data for offset, data in sorted(pieces, key=_length)}
        yield from sorted(held.items())

    def answer(self, commands: Sequence[str]) -> Answer:
        """What these commands would have brought; NotRecordedError where the recordings don't tell."""
        answer = Answer(data=[], text=b"")
        reads = iter(_reads(commands))
        for command in commands:
            if BULK_READ.fullmatch(command):
                self._answer_read(next(reads), answer)
            elif found := _EVAL.fullmatch(command):
                answer.text += f"hexadecimal: {int(found[1], 16):x}\n".encode()
        return answer

    def _answer_read(self, read: _Read, answer: Answer) -> None:
        """Add a read's bytes, or its failure; crash's pieces of a page before a bad one are left out."""
        data = bytearray()
        while len(data) < read.size:
            page, offset = divmod(read.address + len(data), _PAGE)
            wanted = min(read.size - len(data), _PAGE - offset)
            part = self._part(read.space, page, offset, wanted)
            if part is None:
                words = self._failed.get((read.space, page))
                if words is None:
                    raise NotRecordedError(page * _PAGE + offset, wanted)
                answer.text += words
                return
            data += part
        answer.data.append(bytes(data))
        answer.text += read.copied

    def _part(self, space: str, page: int, offset: int, size: int) -> bytes | None:
        if whole := self._pages.get((space, page)):
            return whole[offset : offset + size]
        for start, data in self._pieces.get((space, page), ()):
            if start <= offset and offset + size <= start + len(data):
                return data[offset - start : offset - start + size]
        return None


def _places(reads: Sequence[_Read], done: Sequence[bool], received: int) -> Iterator[tuple[_Read, int]]:
    """Where in the data each read's bytes are, as far as that is certain.

    Of reads that failed some bytes may have come before: then those in front of the first such read are
    certain, and those behind the last one.
    """
    excess = received - sum(read.size for read, ok in zip(reads, done, strict=True) if ok)
    suspects = [i for i, ok in enumerate(done) if not ok and reads[i].size > _CHUNK] if excess else []
    if excess < 0 or (excess and not suspects):
        return
    first, last = (suspects[0], suspects[-1]) if excess else (len(reads), -1)
    at = 0
    for i, (read, ok) in enumerate(zip(reads, done, strict=True)):
        at += excess if i == last else 0
        if ok and not first < i < last:
            yield read, at
        at += read.size if ok else 0


def _length(piece: tuple[int, bytes]) -> int:
    return len(piece[1])


def _joined(held: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Neighbours as one; what begins within another stays by itself."""
    start, parts, end = 0, list[bytes](), -1
    for address, data in held:
        if parts and address == end:
            parts.append(data)
        else:
            if parts:
                yield start, b"".join(parts)
            start, parts = address, [data]
        end = address + len(data)
    if parts:
        yield start, b"".join(parts)


def _reads(commands: Sequence[str]) -> list[_Read]:
    """The reads of a stream, each with the address space that it is about."""
    reads: list[_Read] = []
    context = ""
    for command in commands:
        if found := BULK_READ.fullmatch(command):
            space = found[1] + (context if found[1].startswith("-u") else "")
            reads.append(_Read(space=space, fifo=found[2], address=int(found[3], 16), size=int(found[4])))
        elif command.startswith("set "):
            context = command
    return reads
