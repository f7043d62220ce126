"""Whole answers, kept between runs: what a command line printed, found again without crash.

An answer is kept under the question (see `question_key`), and given again only while each file that it rests
on is what it was: the dump and the vmlinux by device, inode, size, times and a sample of their contents, the
crash binaries by all but the last. What is asked, how the output looks and which code made it are parts of
the question. The command line itself leads to the question's key, so that it needn't be taken apart.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import zstandard

from crashdrive.cache.files import is_lasting
from crashdrive.cache.store import Store
from crashdrive.dump.contents import content_sample, current_mark
from crashdrive.dump.module_files import module_files
from crashdrive.records import Record

LINES: Final = "lines"
ANSWERS: Final = "answers"
_VERSION = 2
# bytes of an answer as it was written; a larger one is computed anew
MOST: Final = 256 << 20
_SOURCE = re.compile(rb'"source": ?"(crash|session)"')
_FROM_STORE = b"store"
# where the document of a report names its source: before its tables; bytes that are unpacked at once
_HEAD = 64 << 10


class Basis(Record, frozen=True):
    """A file that an answer rests on; ``mark`` as `file_mark` has it, ``sample`` as `content_sample`."""

    path: str
    mark: str
    sample: str | None = None

    @classmethod
    def of(cls, path: str, *, sampled: bool) -> Basis | None:
        """The file as it is now; None where it is no regular file (a live kernel) or can't be read."""
        mark = current_mark(path)
        try:
            if mark is None or not is_lasting(path):
                return None
            return cls(path=path, mark=mark, sample=content_sample(path) if sampled else None)
        except OSError:
            return None

    def holds(self) -> bool:
        """Whether the file still is what it was."""
        if current_mark(self.path) != self.mark:
            return False
        try:
            return self.sample is None or content_sample(self.path) == self.sample
        except OSError:
            return False


class KeptAnswer(Record, frozen=True):
    """What a command line printed, with its exit status.

    ``said`` are its lines on standard error, ``output`` its standard output, compressed (zstd). ``asked`` and
    ``dump`` name it for people. ``made_at``: seconds since 1970; ``seconds``: how long it took.
    ``binaries`` are the crash binaries that there were to choose from, in order; ``chosen`` those that
    ``--crash`` named. ``module_files``: debug data of modules that there was to find then.
    ``absent``: paths at which there was nothing.
    """

    asked: str
    dump: str
    made_at: float
    seconds: float
    status: int
    said: tuple[str, ...]
    output: bytes
    size: int
    basis: tuple[Basis, ...]
    chosen: tuple[str, ...] = ()
    binaries: tuple[str, ...] = ()
    module_files: tuple[tuple[str, int, int], ...] = ()
    absent: tuple[str, ...] = ()

    def holds(self) -> bool:
        """Whether each file that it rests on still is what it was, debug data of modules, too."""
        found = module_files(one.path for one in self.basis[:2])
        if tuple(found) != self.module_files or any(map(os.path.lexists, self.absent)):
            return False
        return all(one.holds() for one in self.basis)

    def text(self) -> bytes:
        """What was printed, as one; see `pieces`."""
        return b"".join(map(bytes, self.pieces()))

    def pieces(self) -> Iterator[bytes | memoryview]:
        """What was printed, piece by piece, each of which holds until the next one is asked for.

        Unpacked as a whole, millions of bytes take twice as long: most of that is fresh memory. A report's
        document now names the store as its source. ValueError if damaged: as a rule before the first piece.
        """
        buffer, done = bytearray(_HEAD), 0
        view = memoryview(buffer)
        try:
            if zstandard.frame_content_size(self.output) != self.size:
                raise ValueError("not as long as it was")
            with zstandard.ZstdDecompressor().stream_reader(self.output) as stream:
                while length := _filled(stream, view):
                    found = None if done else _SOURCE.search(buffer, 0, length)
                    if found is None:
                        yield view[:length]
                    else:
                        start, end = found.span(1)
                        del found  # it holds the buffer
                        yield view[:start]
                        yield _FROM_STORE
                        yield view[end:length]
                    done += length
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        if done != self.size:
            raise ValueError("not as long as it was")


def _filled(stream: BinaryIO, view: memoryview) -> int:
    """How many bytes were read into it: all that it has room for, unless the stream ends."""
    length = 0
    while length < len(view) and (more := stream.readinto(view[length:])):  # type: ignore[attr-defined] # typeshed's lacks it
        length += more
    return length


def packed(output: bytes) -> bytes:
    """Output as `KeptAnswer` holds it."""
    return zstandard.ZstdCompressor(level=3).compress(output)


def question_key(parts: Any) -> str:
    """A question as a key: a digest over all of its parts (str, int, bytes, None, and sequences of them)."""
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()[:40]


class Answers:
    """The kept answers of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, key: str) -> KeptAnswer | None:
        """The answer to a question, None where there is none that still holds."""
        found: KeptAnswer | None = self._store.get(ANSWERS, key, "", KeptAnswer, version=_VERSION)
        if found is None:
            return None
        if not found.holds():
            self._store.drop(ANSWERS, key, [""])
            return None
        return found

    def key_of_line(self, line: str) -> str | None:
        """The key of the question that a command line (its own key) was before."""
        return self._store.get(LINES, line, "", str, version=_VERSION)

    def keep(self, key: str, answer: KeptAnswer) -> None:
        """Keep an answer, in place of an earlier one."""
        self._store.put(ANSWERS, key, "", answer, version=_VERSION)

    def remember_line(self, line: str, key: str) -> None:
        """Note which question a command line is."""
        self._store.put(LINES, line, "", key, version=_VERSION)

    def each(self) -> Iterator[KeptAnswer]:
        """Every kept answer that can be read, one at a time: together they may be large."""
        for key in self._store.keys(ANSWERS):
            if found := self._store.get(ANSWERS, key, "", KeptAnswer, version=_VERSION):
                yield found


def rests_on(sampled: Iterable[str], others: Sequence[str]) -> tuple[Basis, ...] | None:
    """The files of an answer as they are now; None where one of them is none that an answer can rest on."""
    found = [Basis.of(path, sampled=True) for path in sampled]
    found += [Basis.of(path, sampled=False) for path in others]
    return None if any(one is None for one in found) else tuple(one for one in found if one is not None)


def age(answer: KeptAnswer) -> str:
    """How long ago an answer was made, for people: ``3 min``."""
    seconds = max(time.time() - answer.made_at, 0)
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def absolute(path: str) -> str:
    """A path as it stands, absolute; links in it stay."""
    return str(Path(path).absolute())
