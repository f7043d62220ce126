"""VMCOREINFO of ppc64 by the kernel's own pointer to it, for dumps whose writer didn't ask the kernel.

The machine has no fw_cfg, so that dumps of QEMU and virsh lack the note. The kernel's image lies at physical
address 0, and in it is ``vmcoreinfo_note`` (kernel/crash_core.c): a pointer into the linear map, to the ELF
note that the kernel made, in pages of its own. All pointers to pages are tried.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from crashdrive.dump.elf import Read, Segment, notes_in, physical_bytes

MACHINE: Final = 21
LINEAR: Final = 0xC << 60
"""Where a kernel of ppc64 has all memory, from physical address 0 on."""
_IMAGE = 128 << 20  # bytes: images of distributions have 45 MB
_POINTERS = {
    "<": re.compile(rb"\0[\0\x10-\xf0][^\0]?.{3}\0\xc0", re.DOTALL),
    ">": re.compile(rb"\xc0\0.{4}[\0\x10-\xf0]\0", re.DOTALL),
}
_POINTER = 8
_MOST_POINTERS = 1 << 16
_MOST = 16 << 10
_NAME = b"VMCOREINFO"
_BEFORE_NAME = 12


def vmcoreinfo_by_pointer(read: Read, segments: Sequence[Segment]) -> tuple[bytes, str]:
    """The note's text and the kernel's byte order.

    Both empty where the image has no pointer to a note, or doesn't lie at address 0.
    """
    image = physical_bytes(read, segments, 0, _IMAGE)
    found = ((_by_pointer(read, segments, image, order), order) for order in "<>")
    return next(((text, order) for text, order in found if text), (b"", ""))


def _by_pointer(read: Read, segments: Sequence[Segment], image: bytes, order: str) -> bytes:
    tried: set[int] = set()
    for match in _POINTERS[order].finditer(image):
        if match.start() % _POINTER or len(tried) >= _MOST_POINTERS:
            continue
        place = int.from_bytes(match[0], "little" if order == "<" else "big") - LINEAR
        if place in tried:
            continue
        tried.add(place)
        if physical_bytes(read, segments, place + _BEFORE_NAME, len(_NAME)) == _NAME:
            note = next(iter(notes_in(physical_bytes(read, segments, place, _MOST), order)), None)
            if note is not None and note.name == _NAME:
                return note.description
    return b""
