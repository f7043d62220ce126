# ruff: noqa: SLF001 - it stands in for what these do at each time
"""Recorded sessions, symbols and types that are read once in a process, however often they are opened.

A recording takes a second to be taken apart, and says the same each time: what comes of the same file or of
the same bytes is kept here. Tests and hunts open the recordings of golden_outputs many hundred times.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import msgspec

from crashdrive.kernel.symbols import lookup
from crashdrive.kernel.types import layouts
from crashdrive.kernel.types.btf import Btf
from crashdrive.kernel.types.declarations import LINUX_64, Abi
from crashdrive.kernel.types.model import Type
from crashdrive.kernel.types.ptype import SizeOf, parse_ptype
from crashdrive.linux.modules import types
from crashdrive.session import replay
from crashdrive.session.compact import joined
from crashdrive.session.reads import RecordedMemory
from crashdrive.session.replay import Entry, Head, ReplayTransport
from crashdrive.session.terminal import Sink

GOLDEN = Path(__file__).resolve().parents[1] / "golden_outputs"

_LONG = 1 << 10  # characters of a text that other recordings may hold, too
_init, _answer = ReplayTransport.__init__, ReplayTransport._from_memory
_unpacked_pieces, _read_table = replay._unpacked_pieces, lookup.read_table


class _Read(NamedTuple):
    """A file: its head, and each command's answers; ``memory`` is what one of its replays has taken apart."""

    head: Head
    entries: dict[tuple[str, str], tuple[Entry, ...]]
    memory: list[RecordedMemory]


_FILES: dict[tuple[Path, int, int], _Read] = {}
_TEXTS: dict[str, str] = {}
_UNPACKED: dict[tuple[str, int], tuple[bytes, ...]] = {}
_PAGES: dict[bytes, bytes] = {}
_TABLES: dict[bytes, Any] = {}
# The same bytes are the same types. A dump has those of each of its modules: a bound would let go of the
# kernel's, which they are parts of, before the next dump.
_BTF = functools.cache(Btf)


@contextlib.contextmanager
def read_once() -> Iterator[None]:
    """Recordings that don't change, and what they hold, are read once; other files as always.

    What is made of a text alone, a type, is made once of each text.
    """
    with (
        mock.patch.object(ReplayTransport, "__init__", _opened),
        mock.patch.object(ReplayTransport, "_from_memory", _from_memory),
        mock.patch.object(replay, "_unpacked_pieces", _unpacked),
        mock.patch.object(lookup, "read_table", _table),
        mock.patch.object(types, "Btf", _BTF),
        mock.patch.object(layouts, "parse_ptype", _laid_out),
    ):
        yield


@functools.cache
def place() -> Path:
    """A folder of this process for recordings that are put together; what is written there stays as it is."""
    folder = tempfile.TemporaryDirectory(prefix="replay-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def join(base: Path, part: Path, target: Path) -> None:
    """Put a recording together in `place`; it is known then, and needn't be read again."""
    joined(base, part, target)
    if target.is_relative_to(place()):
        above = ReplayTransport(part)
        answers = [*ReplayTransport(base).entries(), *above.entries()]
        entries: dict[tuple[str, str], tuple[Entry, ...]] = {}
        for every in answers:
            entries[every[0].op, every[0].command] = tuple(every)
        _FILES[_key(target)] = _Read(above.head, entries, [])


def page(data: bytes | None) -> bytes | None:
    """These bytes, as a recording has them where one does."""
    return None if data is None else _PAGES.get(data, data)


def _opened(transport: ReplayTransport, path: Path) -> None:
    """A transport over a file; each has its own place among the answers."""
    if not (path.is_relative_to(GOLDEN) or path.is_relative_to(place())):
        _init(transport, path)
        return
    read = _FILES.get(_key(path))
    if read is None:
        _init(transport, path)
        entries = {asked: tuple(map(_shared, answers)) for asked, answers in transport._entries.items()}
        read = _FILES[_key(path)] = _Read(transport.head, entries, [])
    transport._path, transport.head, transport._closed = path, read.head, False
    transport.scratch, transport.fifo = None, Path(replay.FIFO_NAME)
    transport._memory = read.memory[0] if read.memory else None
    transport._entries = defaultdict(list, {asked: list(every) for asked, every in read.entries.items()})


def _key(path: Path) -> tuple[Path, int, int]:
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size


def _from_memory(transport: ReplayTransport, commands: Sequence[str], sink: Sink) -> bytes:
    is_first = transport._memory is None
    try:
        return _answer(transport, commands, sink)
    finally:
        path = transport._path
        if is_first and transport._memory and path.exists() and (read := _FILES.get(_key(path))):
            pages = transport._memory._pages
            pages.update({where: _PAGES.setdefault(data, data) for where, data in pages.items()})
            read.memory[:] = [transport._memory]


def _shared(entry: Entry) -> Entry:
    """An answer; most of it stands in others, too."""
    texts = {name: getattr(entry, name) for name in ("text", "packed", "data")}
    long = {name: _TEXTS.setdefault(text, text) for name, text in texts.items() if text and len(text) > _LONG}
    return msgspec.structs.replace(entry, **long) if long else entry


def _unpacked(packed: str, most: int) -> Iterator[bytes]:
    if packed not in _TEXTS:
        yield from _unpacked_pieces(packed, most)
        return
    if (packed, most) not in _UNPACKED:
        _UNPACKED[packed, most] = tuple(_unpacked_pieces(packed, most))
    yield from _UNPACKED[packed, most]


def _laid_out(
    command: str, text: str, *, abi: Abi = LINUX_64, sizes: SizeOf | None = None, pointers: int = 2
) -> Type:
    """The type of a text; dumps of one kernel have the same texts."""
    if sizes:
        return parse_ptype(command, text, abi=abi, sizes=sizes, pointers=pointers)
    return _type(command, text, abi, pointers)


@functools.cache
def _type(command: str, text: str, abi: Abi, pointers: int) -> Type:
    return parse_ptype(command, text, abi=abi, pointers=pointers)


def _table(text: bytes) -> Any:
    """The symbols of one dump; names are those of all dumps of its kernel."""
    key = hashlib.sha256(text).digest()
    if key not in _TABLES:
        _TABLES[key] = table = _read_table(text)
        table.names = list(map(sys.intern, table.names))
    return _TABLES[key]
