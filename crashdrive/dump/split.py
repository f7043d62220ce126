"""Dumps in several files, as ``makedumpfile --split`` writes them: which belong together, and made one again.

Each file has the headers and the bitmaps of all pages, but the pages of one range of frame numbers only.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from crashdrive.dump.elf import Read
from crashdrive.dump.files import clear_elf_errors, opened, reader, shown
from crashdrive.dump.kdump import KdumpHeader, kdump_header, kdump_vmcoreinfo
from crashdrive.errors import DumpError

_MAGIC = b"KDUMP   "
_SUB = 104  # bytes of struct kdump_sub_header of 64-bit machines, version 6
# in it: split; start_pfn, end_pfn; start_pfn_64, end_pfn_64, max_mapnr_64
_SPLIT, _RANGE, _RANGE_64 = 12, 16, 80
_DESCRIPTOR = 24
_CHUNK = 1 << 18  # descriptors at a time
_PIECE = 1 << 20


class SplitPart(NamedTuple):
    """One of several files: ``whose`` is the same for all of a dump; its pages are ``first`` to ``end`` - 1.

    ``frames``: how many frames the machine has.
    """

    path: str
    whose: str
    first: int
    end: int
    frames: int


def split_part(path: str) -> SplitPart | None:
    """What a file has of a dump in several; None for any other file. DumpError where it can't be read."""
    with opened(path, DumpError, "dump") as (file, _), clear_elf_errors(path, DumpError):
        read = reader(file)
        if read(0, 8) != _MAGIC:
            return None
        header = kdump_header(read, path)
        sub = read(header.block_size, _SUB)
        if not header.wide or header.version < 2 or len(sub) < _SUB:
            return None
        (split,) = struct.unpack_from(header.order + "i", sub, _SPLIT)
        if not split:
            return None
        digest = hashlib.sha256(read(12, 412) + kdump_vmcoreinfo(read, header, sub)).hexdigest()
        return SplitPart(path, digest, *_range(read, header, sub))


def _range(read: Read, header: KdumpHeader, sub: bytes) -> tuple[int, int, int]:
    if header.version >= 6:
        first, end, frames = struct.unpack_from(header.order + "QQQ", sub, _RANGE_64)
    else:
        first, end = struct.unpack_from(header.order + "QQ", sub, _RANGE)
        (frames,) = struct.unpack(header.order + "I", read(440, 4))
    return first, end, frames


def missing_pages(parts: Sequence[SplitPart]) -> str | None:
    """Which frames' pages are in none of a dump's files, told; None where all are there."""
    at, frames = 0, parts[0].frames
    for part in sorted(parts, key=lambda one: (one.first, one.end)):
        if part.first > at:
            return f"{at:#x} to {part.first - 1:#x}"
        at = max(at, part.end)
    return f"{at:#x} to {frames - 1:#x}" if at < frames else None


def join(paths: Sequence[str], to: IO[bytes], most: int) -> None:
    """Write one dump made of all files of a split one, ``most`` bytes; DumpError where one is damaged."""
    parts = [part for path in paths if (part := split_part(path)) is not None]
    parts.sort(key=lambda one: (one.first, one.end))
    if len(parts) != len(paths) or missing_pages(parts):
        raise DumpError(f"{shown(paths[0])}: parts of its dump are missing")
    opened_parts = [_Part(part) for part in parts]
    try:
        _write(opened_parts, to, most)
    finally:
        for file in opened_parts:
            file.close()


class _Part:
    """A file of a split dump, opened: its descriptors, and where its pages begin."""

    def __init__(self, part: SplitPart) -> None:
        self.path = part.path
        self._file = Path(part.path).open("rb")  # noqa: SIM115 - closed by close()
        self.read = reader(self._file)
        self.size = os.fstat(self._file.fileno()).st_size
        self.header = header = kdump_header(self.read, part.path)
        half = header.bitmap_blocks * header.block_size // 2
        self.bitmap_at = (1 + header.sub_blocks) * header.block_size
        self.table_at = self.bitmap_at + 2 * half
        bits = int.from_bytes(self.read(self.bitmap_at + half, half), "little")
        self.all = bits.bit_count()
        # a damaged range may reach far beyond the bitmap
        first, end = (min(frame, 8 * half) for frame in (part.first, part.end))
        self.count = ((bits >> first) & ((1 << max(end - first, 0)) - 1)).bit_count()
        self.pages_at = self.table_at + _DESCRIPTOR * self.count

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def descriptors(self, moved: int) -> Iterator[bytes]:
        """The descriptors of its pages, for pages that lie ``moved`` bytes further on."""
        for start in range(0, self.count, _CHUNK):
            size = _DESCRIPTOR * min(_CHUNK, self.count - start)
            words = array("Q", self.read(self.table_at + _DESCRIPTOR * start, size).ljust(size, b"\0"))
            foreign = (self.header.order == "<") != (sys.byteorder == "little")
            if foreign:
                words.byteswap()
            places = words[::3]
            first = 0 if self.header.order == "<" else 32  # size and flags are 32 bits each
            ends = (
                place + (word >> first & 0xFFFFFFFF) for place, word in zip(places, words[1::3], strict=True)
            )
            if min(places) < self.pages_at or max(ends) > self.size:
                raise DumpError(f"{shown(self.path)}: truncated or damaged: a page lies outside of the file")
            words[::3] = array("Q", [place + moved for place in places])
            if foreign:
                words.byteswap()
            yield words.tobytes()

    def pages(self) -> Iterator[bytes]:
        """The bytes behind its descriptors."""
        for at in range(self.pages_at, self.size, _PIECE):
            yield self.read(at, _PIECE)


def _write(parts: Sequence[_Part], to: IO[bytes], most: int) -> None:
    one = parts[0]
    if sum(part.count for part in parts) != one.all or any(p.table_at != one.table_at for p in parts):
        raise DumpError(f"{shown(one.path)}: its files don't fit together: one is damaged")
    at = one.table_at + _DESCRIPTOR * one.all
    if at + sum(part.size - part.pages_at for part in parts) > most:
        raise DumpError(f"{shown(one.path)}: no space to put its files together")
    to.write(_head(one))
    for part in parts:
        for piece in part.descriptors(at - part.pages_at):
            to.write(piece)
        at += part.size - part.pages_at
    for part in parts:
        for piece in part.pages():
            to.write(piece)
    to.flush()


def _head(part: _Part) -> bytes:
    """Headers and bitmaps, no longer those of one of several files."""
    head = bytearray(part.read(0, part.table_at))
    if len(head) != part.table_at:
        raise DumpError(f"{shown(part.path)}: truncated in its bitmaps")
    sub = part.header.block_size
    struct.pack_into(part.header.order + "iQQ", head, sub + _SPLIT, 0, 0, 0)
    if part.header.version >= 6:
        struct.pack_into(part.header.order + "QQ", head, sub + _RANGE_64, 0, 0)
    return bytes(head)
