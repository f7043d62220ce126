"""Flattened dumps: the stream that makedumpfile -F writes, for its -R to put together."""

from __future__ import annotations

import struct
from pathlib import Path

from crashdrive.dump.elf import Read
from crashdrive.dump.files import shown
from crashdrive.errors import DumpError

_HEADER = 4096
_KEPT = 64 << 20  # bytes of a flattened dump's start that are looked at


def unflatten(read: Read, size: int, path: str | Path) -> tuple[Read, bool]:
    """A reader of the start of a flattened dump's contents, and whether its end mark is there.

    The stream is a header of 4,096 bytes, then (offset, length, bytes) in the order of writing, big-endian.
    """
    extents: list[tuple[int, int, int]] = []
    at, ended = _HEADER, False
    while at + 16 <= size and not ended:
        offset, length = struct.unpack(">qq", read(at, 16))
        ended = (offset, length) == (-1, -1)
        if not ended and (offset < 0 or length <= 0):
            raise DumpError(f"{shown(path)}: damaged flattened dump at offset {at}")
        if not ended and offset < _KEPT:
            extents.append((offset, length, at + 16))
        at += 16 + length
    return _extent_reader(read, extents), ended


def _extent_reader(read: Read, extents: list[tuple[int, int, int]]) -> Read:
    def read_flat(offset: int, size: int) -> bytes:
        data = bytearray(size)
        reached = 0
        for start, length, at in extents:  # a later write wins
            low, high = max(start, offset), min(start + length, offset + size)
            if low < high:
                piece = read(at + low - start, high - low)
                data[low - offset : low - offset + len(piece)] = piece
                reached = max(reached, low - offset + len(piece))
        return bytes(data[:reached])

    return read_flat
