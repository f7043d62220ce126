"""Which code makes the answers: a digest that changes with any file of the package and with its libraries."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

_PACKAGE = Path(__file__).resolve().parents[1]
_COMPILED = "__pycache__"
_HALF = 16  # digits


@functools.cache
def code_digest() -> str:
    """Two digests of 16 digits: of the package's files (names, sizes, times), and of Python's version and the
    installed distributions' ones.

    A few milliseconds: no file is read.
    """
    return _digest(_files(_PACKAGE)) + _digest((sys.version, *sorted(_distributions())))


def difference(one: str, other: str) -> str | None:
    """Where two digests of `code_digest` differ, in words; None where they don't."""
    if one == other:
        return None
    return "crashdrive's own files" if one[:_HALF] != other[:_HALF] else "Python or its packages"


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:_HALF]


def _files(folder: str | os.PathLike[str]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.is_dir(follow_symlinks=False):
                if entry.name != _COMPILED:
                    yield from _files(entry.path)
            else:
                status = _status(entry)
                yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"


def _status(entry: os.DirEntry[str]) -> os.stat_result:
    """Of the file that a link leads to; of the link where it leads nowhere, as an editor's lock does."""
    try:
        return entry.stat()
    except OSError:
        return entry.stat(follow_symlinks=False)


def _distributions() -> Iterator[str]:
    """What is installed beside msgspec: the folders' names hold versions."""
    place = Path(msgspec.__file__).resolve().parents[1]
    with os.scandir(place) as entries:
        yield from (entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info")))


def folder_digest(folder: Path | None) -> str:
    """The same of the user's own folder of plugins: "" where there is none."""
    if folder is None or not folder.is_dir():
        return ""
    return hashlib.sha256("\n".join(_files(folder)).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def own_files() -> list[object]:
    """What the user has written for reports: plugins, the file of owners; it changes when these do."""
    from crashdrive.plugins import plugin_folder

    return [folder_digest(plugin_folder()), _mark_of(os.environ.get("CRASHDRIVE_OWNERS"))]


def _mark_of(path: str | None) -> list[int] | None:
    try:
        found = os.stat(path) if path else None  # noqa: PTH116 - without pathlib's start
    except OSError:
        return None
    return [found.st_ino, found.st_size, found.st_mtime_ns] if found else None
