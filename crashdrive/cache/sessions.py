"""What sessions on a dump gave, kept for the next one: how crash came up, commands' output, pages, reports.

All of it is kept under the dump's and the vmlinux's contents, the crash binaries, and crashdrive's own code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import zstandard

from crashdrive.cache.answers import question_key
from crashdrive.cache.code import code_digest
from crashdrive.cache.files import Files
from crashdrive.cache.store import Store
from crashdrive.dump.contents import current_mark
from crashdrive.records import Record

HEALTHS: Final = "starts-of-dumps"
COMMANDS: Final = "commands"
PAGES: Final = "pages"
REPORTS: Final = "reports"
_VERSION = 1
# below this many bytes compressing gains nothing
_PLAIN = 256


class KeptFailure(Record, frozen=True):
    """How a kept command failed."""

    kind: str
    message: str


class KeptCommand(Record, frozen=True):
    """What a command printed; ``packed``: zstd, with ``size`` bytes in it."""

    output: bytes
    size: int
    packed: bool
    failure: KeptFailure | None = None

    @classmethod
    def of(cls, raw: bytes, failure: KeptFailure | None) -> KeptCommand:
        """Of a command's output."""
        packed = len(raw) > _PLAIN
        return cls(output=pack(raw) if packed else raw, size=len(raw), packed=packed, failure=failure)

    def raw(self) -> bytes | None:
        """The output; None where it is damaged."""
        return unpack(self.output, self.size) if self.packed else self.output


class Reads(NamedTuple):
    """Command lines that read memory of one address space, what they brought, and what they printed."""

    commands: Sequence[str]
    data: bytes
    text: bytes


class _Part(Record, frozen=True):
    commands: tuple[str, ...]
    data: int
    text: int


class KeptPages(Record, frozen=True):
    """Memory that was read; ``packed`` (zstd) holds data and text of each part, one behind the other."""

    parts: tuple[_Part, ...]
    packed: bytes

    @classmethod
    def of(cls, reads: Iterable[Reads]) -> KeptPages:
        """Of all that was read."""
        parts, held = [], list[bytes]()
        for commands, data, text in reads:
            parts.append(_Part(commands=tuple(commands), data=len(data), text=len(text)))
            held += [data, text]
        return cls(parts=tuple(parts), packed=pack(b"".join(held)))

    def each(self) -> Iterator[Reads]:
        """All of it again; nothing where it is damaged."""
        held = unpack(self.packed, sum(one.data + one.text for one in self.parts))
        if held is None:
            return
        at = 0
        for one in self.parts:
            middle = at + one.data
            yield Reads(one.commands, held[at:middle], held[middle : middle + one.text])
            at = middle + one.text


def pack(data: bytes) -> bytes:
    """Bytes compressed."""
    return zstandard.ZstdCompressor(level=3).compress(data)


def unpack(data: bytes, size: int) -> bytes | None:
    """The bytes again; None unless there are so many of them."""
    try:
        found = zstandard.ZstdDecompressor().decompress(data, max_output_size=max(size, 1))
    except zstandard.ZstdError:
        return None
    return found if len(found) == size else None


class KeptSessions:
    """What is kept of the sessions on one dump, with one vmlinux and one choice of crash binaries.

    ``files``: path and mark of the dump and of the vmlinux. ``refresh``: nothing is looked up.
    """

    def __init__(self, store: Store, key: str, files: Sequence[tuple[str, str]], *, refresh: bool) -> None:
        self._store = store
        self._key = key
        self._files = files
        self._refresh = refresh

    @classmethod
    def of(
        cls,
        store: Store,
        files: Sequence[tuple[str, str]],
        binaries: Sequence[tuple[str, str | None, str | None]],
        *,
        refresh: bool = False,
    ) -> KeptSessions | None:
        """``binaries``: path, version and gdb's version of each. None where nothing may be kept of them."""
        known = Files(store)
        parts: list[Any] = []
        for path, mark in files:
            identity = known.identity(path, mark)
            if identity is None:
                return None
            parts.append(identity)
        for path, version, gdb in binaries:
            parts.append((path, current_mark(path), version, gdb))
        key = question_key((parts, code_digest()))
        return cls(store, key, files, refresh=refresh)

    @property
    def paths(self) -> list[str]:
        """Those of the dump and of the vmlinux."""
        return [path for path, _ in self._files]

    def holds(self) -> bool:
        """Whether dump and vmlinux still are what they were."""
        return all(current_mark(path) == mark for path, mark in self._files)

    def get(self, kind: str, name: str, type_: Any, *, under: str = "") -> Any:
        """One entry; None where there is none."""
        return self.get_many(kind, [name], type_, under=under).get(name)

    def get_many(self, kind: str, names: Iterable[str], type_: Any, *, under: str = "") -> dict[str, Any]:
        """Those of several entries that there are."""
        if self._refresh:
            return {}
        return self._store.get_many(kind, self._key + under, names, type_, version=_VERSION)

    def put_many(self, kind: str, values: dict[str, Any], *, under: str = "") -> None:
        """Keep entries, as long as dump and vmlinux are what they were."""
        if values and self.holds():
            self._store.put_many(kind, self._key + under, values, version=_VERSION)


def digest_of(*parts: Any) -> str:
    """A short name for something that is kept."""
    return question_key(parts)
