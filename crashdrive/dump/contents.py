"""Whether a file still is what it was, and what a vmlinux's types and symbols are made of.

A build id says which kernel a vmlinux belongs to, not that the file is undamaged; a path, a size and a time
don't say that a dump is the one of yesterday. What is kept between runs is kept under what this module tells.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from crashdrive.dump.elf import ET_REL, SHT_NOBITS, BadElfError, Section, opened_elf

# relocations are for a linker: where a file is linked nobody applies them
_RELOCATIONS = frozenset({4, 9})
# lines, places of variables, unwinding: many bytes, no types and no symbols
_UNUSED = (
    ".debug_line",
    ".debug_loc",
    ".zdebug_line",
    ".zdebug_loc",
    ".debug_frame",
    ".eh_frame",
    ".orc_unwind",
)
_USED_ALL_THE_SAME = ".debug_line_str"  # names of types may be there
# a part of the debug data is in another file
_ELSEWHERE = ".gnu_debugaltlink"
_PIECE = 1 << 20
_ENDS = 64 << 10
_SAMPLES, _SAMPLE = 32, 4096


def file_mark(status: os.stat_result) -> str:
    """Device, inode, size and times: all that tells a file's change without reading it."""
    fields = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return ":".join(map(str, fields))


def is_same(mark: str | None, other: str) -> bool:
    """Whether two marks are those of a file that wasn't written to; its rights and links may have changed."""
    return mark is not None and mark.split(":")[:-1] == other.split(":")[:-1]


def current_mark(path: str | Path) -> str | None:
    """The mark of the file that has this path now; None where there is none."""
    try:
        return file_mark(Path(path).stat())
    except (OSError, ValueError):
        return None


def content_sample(path: str | Path) -> str:
    """A digest of a file's size, its two ends and pages from all over it: a millisecond, whatever its size.

    Dumps differ in their headers and notes already. OSError where the file can't be read.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.lseek(file, 0, os.SEEK_END)
        digest = hashlib.sha256(struct.pack("<Q", size))
        for offset, length in sampled(size):
            digest.update(os.pread(file, length, offset))
    finally:
        os.close(file)
    return digest.hexdigest()[:32]


def sampled(size: int) -> list[tuple[int, int]]:
    """What `content_sample` reads of a file of a size: offset and length of each piece."""
    ends = [(0, _ENDS), (max(size - _ENDS, 0), _ENDS)]
    return [*ends, *((size * number // _SAMPLES, _SAMPLE) for number in range(_SAMPLES))]


def dump_id(path: str | Path) -> str | None:
    """What rows and ledgers call a dump, whatever its name: by its contents; None if it is unreadable."""
    try:
        return content_sample(path)[:16]
    except OSError:
        return None


def sections_digest(path: str | Path) -> str | None:
    """A digest of all that a vmlinux's types and symbols are made of; None where that can't be told.

    OSError and BadElfError where it can't be read. A fifth of a second for 300 MB.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end, elf = os.fstat(file).st_size, opened_elf(file)
        sections = elf.sections()
        used = list(_used(sections, linked=elf.type != ET_REL))
        # sections that lie in each other, as no linker makes them, could be read for ever
        if any(section.name == _ELSEWHERE for section in sections) or sum(part.size for part in used) > end:
            return None
        digest = hashlib.sha256(elf.exactly(0, 64 if elf.wide else 52))
        for section in sections:
            digest.update(repr(section).encode())
        for section in used:
            for piece in _pieces(file, section):
                digest.update(piece)
    finally:
        os.close(file)
    return digest.hexdigest()[:32]


def _used(sections: list[Section], *, linked: bool) -> Iterator[Section]:
    for section in sections:
        unused = section.name.startswith(_UNUSED) and section.name != _USED_ALL_THE_SAME
        if section.type != SHT_NOBITS and not unused and not (linked and section.type in _RELOCATIONS):
            yield section


def _pieces(file: int, section: Section) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(min(_PIECE, section.size)))
    done = 0
    while done < section.size:
        count = os.preadv(file, [buffer[: section.size - done]], section.offset + done)
        if not count:
            raise BadElfError(f"ends inside section {section.name}")
        yield buffer[:count]
        done += count
