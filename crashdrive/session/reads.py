"""Memory out of recorded bulk reads, for a replay that asks for the same bytes in other pieces."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import msgspec

_READ = re.compile(r"rd ((?:-[pu] )?)-r (\S+) ([0-9a-f]+) (\d+)")
_COPIED = re.compile(rb"^(\d+) bytes copied from 0x([0-9a-f]+) to ", re.MULTILINE)
_FAILED = re.compile(rb"^rd: .*?address: ([0-9a-f]+).*\n", re.MULTILINE)
_EVAL = re.compile(r"eval (0x[0-9a-f]+)")
_PAGE = 4096


class Answer(msgspec.Struct):
    """What a stream would have brought: bytes of the FIFO, text of the terminal."""

    data: list[bytes]
    text: bytes


class _Read(msgspec.Struct):
    space: str
    fifo: str
    address: int
    size: int


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
        good = [read for read in reads if copied.get(read.address) == read.size]
        if sum(read.size for read in good) == len(data):
            at = 0
            for read in good:
                self._keep(read, data[at : at + read.size])
                at += read.size
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

    def answer(self, commands: Sequence[str]) -> Answer | None:
        """What these commands would have brought; None where the recordings don't tell."""
        answer = Answer(data=[], text=b"")
        reads = iter(_reads(commands))
        for command in commands:
            if _READ.fullmatch(command):
                if not self._answer_read(next(reads), answer):
                    return None
            elif found := _EVAL.fullmatch(command):
                answer.text += f"hexadecimal: {int(found[1], 16):x}\n".encode()
        return answer

    def _answer_read(self, read: _Read, answer: Answer) -> bool:
        """Add a read's bytes, or its failure; crash's pieces of a page before a bad one are left out."""
        data = bytearray()
        while len(data) < read.size:
            page, offset = divmod(read.address + len(data), _PAGE)
            wanted = min(read.size - len(data), _PAGE - offset)
            part = self._part(read.space, page, offset, wanted)
            if part is None:
                words = self._failed.get((read.space, page))
                answer.text += words or b""
                return words is not None
            data += part
        answer.data.append(bytes(data))
        answer.text += f"{read.size} bytes copied from {read.address:#x} to {read.fifo}\n".encode()
        return True

    def _part(self, space: str, page: int, offset: int, size: int) -> bytes | None:
        if whole := self._pages.get((space, page)):
            return whole[offset : offset + size]
        for start, data in self._pieces.get((space, page), ()):
            if start <= offset and offset + size <= start + len(data):
                return data[offset - start : offset - start + size]
        return None


def _reads(commands: Sequence[str]) -> list[_Read]:
    """The reads of a stream, each with the address space that it is about."""
    reads: list[_Read] = []
    context = ""
    for command in commands:
        if found := _READ.fullmatch(command):
            space = found[1] + (context if found[1].startswith("-u") else "")
            reads.append(_Read(space=space, fifo=found[2], address=int(found[3], 16), size=int(found[4])))
        elif command.startswith("set "):
            context = command
    return reads
