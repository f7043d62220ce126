"""Files on another host: what they are, parts of them, and copies here of the parts that are read again.

A copy of a dump is a file of the dump's size with holes: it holds the headers, and what tells dumps apart. A
copy of a vmlinux holds its symbols and types; the sections that it lacks are marked as having no bytes. So
what reads either here reads what it would read there, or is told that there is nothing.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from crashdrive.dump.elf import SHT_NOBITS, SHT_NOTE, BadElfError, ElfFile
from crashdrive.dump.identity import FileFacts
from crashdrive.errors import DumpError, HostError
from crashdrive.session.remote.channel import Channel, lines_of
from crashdrive.text import printable

_BLOCK: Final = 4 << 10
# what is read where something is missing: what follows is wanted next, as a rule
_AHEAD: Final = 64 << 10
# bytes of headers of one dump; the bitmap of a machine with 1 TB has 32 MB
_MOST: Final = 96 << 20
_HEAD = 1024
_STATUS = re.compile(r"(\d+):(\d+):(\d+):([0-9a-f]+):(\d+):([^:]*:[^:]*:[^:]*):.*")
_NANOSECONDS = re.compile(r"\.(\d{9})\b")
_REGULAR = 0o100000
_TYPE_OF_FILE = 0o170000
_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
# sections of a vmlinux that are read here, beside notes
_WANTED = re.compile(r"\.symtab|\.strtab|\.shstrtab|\.BTF|\.orc_\w+|\.debug_frame")


class Seen(NamedTuple):
    """A file there: what stat says, and its first bytes; ``readable`` False where it may not be read."""

    path: str
    mark: str
    size: int
    mtime_ns: int
    regular: bool
    readable: bool
    head: bytes

    @property
    def facts(self) -> FileFacts:
        """The same, for who reads headers."""
        return FileFacts(self.path, self.size, self.mtime_ns, self.mark)


def look(channel: Channel, paths: Sequence[str]) -> list[Seen | None]:
    """What files are, in one round trip; None where there is none."""
    lines = os.fsdecode(channel.ask("look", *lines_of(paths))).splitlines()
    if len(lines) != 2 * len(paths):
        raise HostError(f"{channel.host}: what it says of files can't be read")
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return [_seen(path, status, head) for path, (status, head) in zip(paths, pairs, strict=True)]


def _seen(path: str, status: str, head: str) -> Seen | None:
    found = _STATUS.fullmatch(status)
    if found is None:
        return None
    fraction = _NANOSECONDS.search(found[6])
    return Seen(
        path=path,
        mark=status,
        size=int(found[3]),
        mtime_ns=int(found[5]) * 10**9 + int(fraction[1] if fraction else 0),
        regular=int(found[4], 16) & _TYPE_OF_FILE == _REGULAR,
        readable=head != "-",
        head=b"" if head == "-" else bytes.fromhex(head),
    )


class RemoteFile:
    """A file there, read in blocks that are kept: `read` is a `crashdrive.dump.elf.Read`."""

    def __init__(self, channel: Channel, seen: Seen) -> None:
        self.seen = seen
        self._channel = channel
        self._blocks: dict[int, bytes] = {}
        self._size = 0

    def fetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Have these parts (offset, length) at hand, in one round trip at most."""
        wanted = {
            number
            for offset, length in ranges
            for number in range(max(offset, 0) // _BLOCK, -(-min(offset + length, self.seen.size) // _BLOCK))
        }
        runs = _runs(sorted(wanted - self._blocks.keys()))
        parts = [
            (first * _BLOCK, min(count * _BLOCK, self.seen.size - first * _BLOCK)) for first, count in runs
        ]
        self._size += sum(length for _, length in parts)
        if self._size > _MOST:
            raise DumpError(
                f"{printable(self.seen.path)}: more than {_MOST >> 20} MiB of headers: "
                "it has to be opened where it is"
            )
        if not parts:
            return
        asked = [f"{offset + 1} {length}" for offset, length in parts]
        data = self._channel.ask("fetch", *lines_of([self.seen.path])[:1], *asked, "")
        if len(data) != sum(length for _, length in parts):
            raise HostError(
                f"{self._channel.host}: {printable(self.seen.path)} can't be read, or was changed"
            )
        at = 0
        for offset, length in parts:
            for start in range(0, length, _BLOCK):
                self._blocks[(offset + start) // _BLOCK] = data[at + start : at + min(start + _BLOCK, length)]
            at += length

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes at an offset, fewer at the file's end."""
        if offset < 0 or offset >= 1 << 63:
            raise BadElfError(f"points to offset {offset}")
        size = max(min(size, self.seen.size - offset), 0)
        if not size:
            return b""
        first, end = offset // _BLOCK, -(-(offset + size) // _BLOCK)
        if any(number not in self._blocks for number in range(first, end)):
            self.fetch([(offset, max(size, _AHEAD))])
        data = b"".join(self._blocks[n] for n in range(first, end))
        return data[offset - first * _BLOCK :][:size]

    def copy(self, path: Path, patches: Iterable[tuple[int, bytes]] = ()) -> None:
        """Write a file of this one's size that holds what was fetched; ``patches`` over that.

        It appears when it is whole. OSError where there is no room.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".new-{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(fresh, _NEW, 0o600), "wb") as file:
                file.truncate(self.seen.size)
                for number, block in self._blocks.items():
                    file.seek(number * _BLOCK)
                    file.write(block)
                for offset, data in patches:
                    file.seek(offset)
                    file.write(data)
            os.utime(fresh, ns=(time.time_ns(), self.seen.mtime_ns))
            fresh.rename(path)
        finally:
            fresh.unlink(missing_ok=True)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbours as one: first and count."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs


def fetch_vmlinux(file: RemoteFile) -> list[tuple[int, bytes]]:
    """Fetch what is read here of a vmlinux, in one round trip, and give the patches of its copy.

    They mark each section that is left behind as one without bytes.
    """
    elf = ElfFile(file.read)
    sections, patches = elf.sections(), list[tuple[int, bytes]]()
    wanted: list[tuple[int, int]] = []
    for place, part in zip(elf.section_headers(), sections, strict=True):
        if part.type == SHT_NOTE or _WANTED.fullmatch(part.name):
            wanted.append((part.offset, part.size))
        elif part.size and part.type not in {0, SHT_NOBITS}:
            patches.append((place + 4, SHT_NOBITS.to_bytes(4, "little" if elf.order == "<" else "big")))
    file.fetch(wanted)
    return patches
