"""VMCOREINFO of ppc64 by the kernel's own pointer to it, for dumps whose writer didn't ask the kernel.

The machine has no fw_cfg, so that dumps of QEMU and virsh lack the note. The kernel's image lies at physical
address 0, and in it is ``vmcoreinfo_note`` (kernel/crash_core.c): a pointer into the linear map, to the ELF
note that the kernel made, in pages of its own. All pointers to pages are tried.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from crashdrive.dump.elf import PT_LOAD, Read, Segment, notes_in, physical_bytes

MACHINE: Final = 21
LINEAR: Final = 0xC << 60
"""Where a kernel of ppc64 has all memory, from physical address 0 on."""
_IMAGE = 128 << 20  # bytes: images of distributions have 45 MB
_BLOCK = 4 << 20
# of a pointer to a page in the linear map, whatever the size of pages: what it begins and ends with
_PLAIN = 0xFFFF << 48 | 0xFFF
_WORD = 8
_MOST_POINTERS = 1 << 16
_MOST = 16 << 10
_NAME = b"VMCOREINFO"
_BEFORE_NAME = 12


def vmcoreinfo_by_pointer(read: Read, segments: Sequence[Segment]) -> tuple[bytes, str]:
    """The note's text and the kernel's byte order.

    Both empty where the image has no pointer to a note, or doesn't lie at address 0.
    """
    parts = sorted((one for one in segments if one.type == PT_LOAD and one.file_size), key=_start)
    tried: set[tuple[int, str]] = set()
    for pointer in _pointers(read, parts):
        if pointer in tried:
            continue
        if len(tried) >= _MOST_POINTERS:
            break
        tried.add(pointer)
        place, order = pointer
        if _bytes(read, parts, place + _BEFORE_NAME, len(_NAME)) == _NAME:
            note = next(iter(notes_in(_bytes(read, parts, place, _MOST), order)), None)
            if note is not None and note.name == _NAME and note.description:
                return note.description, order
    return b"", ""


def _pointers(read: Read, parts: Sequence[Segment]) -> Iterator[tuple[int, str]]:
    """Where words of the image would lead, in one byte order or the other."""
    orders = "<>" if sys.byteorder == "little" else "><"
    for start in range(0, _IMAGE, _BLOCK):
        block = _bytes(read, parts, start, _BLOCK)
        words = array("Q", block[: len(block) // _WORD * _WORD])
        for order in orders:
            yield from ((word - LINEAR, order) for word in words if word & _PLAIN == LINEAR)
            words.byteswap()
        if len(block) < _BLOCK:
            return


def _bytes(read: Read, parts: Sequence[Segment], place: int, size: int) -> bytes:
    """As `physical_bytes`, without a look at each of the sorted parts: a damaged dump may have a million."""
    at = bisect_right(parts, place, key=_start)
    return physical_bytes(read, parts[at - 1 : at], place, size) if at else b""


def _start(part: Segment) -> int:
    return part.physical
