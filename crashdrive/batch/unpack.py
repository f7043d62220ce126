"""Packed dumps: what they are by their first megabytes, and unpacked into a folder while they are used."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crashdrive.errors import DumpError
from crashdrive.text import printable

_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_PIECE = 1 << 20
_HEAD = 64 << 20  # bytes that have a dump's headers and notes in them
_LEFT = 1 << 30  # bytes of the disk that stay free
_BROKEN = (OSError, EOFError, lzma.LZMAError)


def is_packed(path: str) -> bool:
    """Whether a file is packed with gzip, bzip2 or xz; other packers are none of ours."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - names of any bytes
            begin = file.read(8)
    except OSError:
        return False
    return _opener(begin) is not None


def _opener(begin: bytes) -> Any:
    return next((opener for magic, opener in _OPENERS.items() if begin.startswith(magic)), None)


@contextmanager
def head_of(path: str) -> Iterator[str]:
    """A file with the first bytes of what is packed; DumpError where it can't be unpacked."""
    with tempfile.NamedTemporaryFile(prefix="crashdrive-head-") as head:
        _copy(path, head, _HEAD)
        yield head.name


@contextmanager
def unpacked_file(path: str) -> Iterator[str]:
    """The whole dump, in a folder for temporary files; DumpError where it is broken or the disk is full."""
    with tempfile.TemporaryDirectory(prefix="crashdrive-unpacked-") as folder:
        place = Path(folder) / "vmcore"
        with place.open("wb") as file:
            _copy(path, file, shutil.disk_usage(folder).free - _LEFT, whole=True)
        yield str(place)


def _copy(path: str, to: IO[bytes], most: int, *, whole: bool = False) -> None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - names of any bytes
            opener = _opener(file.read(8))
            file.seek(0)
            with opener(file) as source:
                while most > 0 and (piece := source.read(min(_PIECE, most))):
                    to.write(piece)
                    most -= len(piece)
    except _BROKEN as error:
        raise DumpError(f"{printable(path)}: can't be unpacked: {error}") from error
    if whole and most <= 0:
        raise DumpError(
            f"{printable(path)}: no space in {tempfile.gettempdir()} to unpack it (TMPDIR names another)"
        )
    to.flush()
