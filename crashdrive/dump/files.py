"""Dumps and vmlinux as files: opened, read in parts, and errors that name them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from crashdrive.dump.elf import BadElfError, Read
from crashdrive.errors import CrashdriveError
from crashdrive.text import printable

_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
}


def reader(file: BinaryIO) -> Read:
    """A function that reads ``size`` bytes at an offset of a file, fewer at its end.

    The file's own position stays. `BadElfError` for an offset that no file has; OSError as the system has it.
    """
    descriptor = file.fileno()

    def read(offset: int, size: int) -> bytes:
        if offset < 0 or offset >= 1 << 63:
            raise BadElfError(f"points to offset {offset}")
        parts = []
        while size > 0 and (part := os.pread(descriptor, min(size, 1 << 26), offset)):
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return b"".join(parts)

    return read


@contextmanager
def opened(
    path: str | Path, error: Callable[[str], CrashdriveError], what: str
) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """A file to read, with what stat says of it.

    ``error`` makes the error of a message, for what can't be opened or read, also while it is in use, and for
    what is neither a file nor a block device. ``what`` names in it what the file should be ("dump").
    """
    try:
        status = Path(path).stat()  # before open(), which would wait for the writer of a FIFO
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISBLK(status.st_mode):
            raise error(f"{shown(path)}: no regular file, so not a {what}")
        with Path(path).open("rb") as file:
            yield file, os.fstat(file.fileno())
    except OSError as problem:
        raise error(f"{shown(path)}: can't be read as a {what}: {problem.strerror}") from problem
    except ValueError as problem:
        raise error(f"{shown(path)}: no path of a {what}") from problem


@contextmanager
def clear_elf_errors(path: str | Path, error: Callable[[str], CrashdriveError]) -> Iterator[None]:
    """Makes of a `BadElfError` the error that ``error`` makes of a message, which names the file."""
    try:
        yield
    except BadElfError as problem:
        raise error(f"{shown(path)}: {problem}; truncated or not what it should be") from problem


def refuse_packed(magic: bytes, path: str | Path, error: Callable[[str], CrashdriveError]) -> None:
    """Raises what ``error`` makes of a message where a file's first bytes are those of a packed one."""
    for start, name in _PACKED.items():
        if magic.startswith(start):
            raise error(f"{shown(path)}: packed with {name}; unpack it first")


def shown(path: str | Path) -> str:
    """A path as messages show it: one line that a terminal may be given."""
    return printable(os.fspath(path))
