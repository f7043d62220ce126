"""Packed dumps, and those in several files: made plain in a folder while they are used."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

import lz4.frame
import zstandard

from crashdrive.dump.split import join
from crashdrive.errors import DumpError
from crashdrive.text import printable


class _Zstd:
    """A file packed with zstd, one frame or several; EOFError where the last one has no end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame: Any = None  # of the one that is begun
        self._rest = b""

    def read(self, _most: int) -> bytes:
        """Some bytes, none at the end."""
        while True:
            packed = self._rest or self._file.read(_SMALL)
            if not packed:
                if self._frame is not None:
                    raise EOFError("it ends before its end-of-stream marker")
                return b""
            self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            plain, self._rest = self._frame.decompress(packed), b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
            if plain:
                return bytes(plain)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


_SMALL = 1024  # bytes become 32 MiB at most
_OPENERS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x28\xb5\x2f\xfd": _Zstd,
    b"\x04\x22\x4d\x18": lz4.frame.open,
}
_PIECE = 1 << 20
HEAD = 64 << 20  # bytes that have a dump's headers and notes in them
_LEFT = 1 << 30  # bytes of the disk that stay free
# lz4 has no error of its own
_BROKEN = (OSError, EOFError, RuntimeError, lzma.LZMAError, zlib.error, zstandard.ZstdError)


def is_packed(path: str) -> bool:
    """Whether a file is packed with gzip, bzip2, xz, zstd or lz4; other packers are none of ours."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - names of any bytes
            begin = file.read(8)
    except OSError:
        return False
    return _opener(begin) is not None


def begin_of(path: str, size: int) -> bytes:
    """The first bytes of what is packed, fewer where it is short or broken."""
    begin = io.BytesIO()
    with suppress(DumpError):
        _copy(path, begin, size)
    return begin.getvalue()


def _opener(begin: bytes) -> Any:
    return next((opener for magic, opener in _OPENERS.items() if begin.startswith(magic)), None)


@contextmanager
def head_of(path: str, size: int | None = None) -> Iterator[str]:
    """A file with the first bytes of what is packed, `HEAD` of them or so many; DumpError where it can't be
    unpacked.
    """
    with tempfile.NamedTemporaryFile(prefix="crashdrive-head-") as head:
        _copy(path, head, HEAD if size is None else size)
        yield head.name


@contextmanager
def unpacked_file(path: str) -> Iterator[str]:
    """The whole dump, in a folder for temporary files; DumpError where it is broken or the disk is full."""
    with tempfile.TemporaryDirectory(prefix="crashdrive-unpacked-") as folder:
        place = Path(folder) / "vmcore"
        with place.open("wb") as file:
            _copy(path, file, shutil.disk_usage(folder).free - _LEFT, whole=True)
        yield str(place)


@contextmanager
def joined_file(parts: Sequence[str]) -> Iterator[str]:
    """A dump in several files as one, in a folder for temporary files; DumpError as `unpacked_file`."""
    with tempfile.TemporaryDirectory(prefix="crashdrive-joined-") as folder:
        place = Path(folder) / "vmcore"
        try:
            with place.open("wb") as file:
                join(parts, file, shutil.disk_usage(folder).free - _LEFT)
        except OSError as error:
            raise DumpError(f"{printable(parts[0])}: its files can't be put together: {error}") from error
        yield str(place)


def _copy(path: str, to: IO[bytes], most: int, *, whole: bool = False) -> None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - names of any bytes
            opener = _opener(file.read(8))
            file.seek(0)
            with opener(file) as source:
                while most > 0 and (piece := source.read(min(_PIECE, most))):
                    to.write(piece[:most])
                    most -= len(piece)
    except _BROKEN as error:
        raise DumpError(f"{printable(path)}: can't be unpacked: {error}") from error
    if whole and most <= 0:
        raise DumpError(
            f"{printable(path)}: no space in {tempfile.gettempdir()} to unpack it (TMPDIR names another)"
        )
    to.flush()
