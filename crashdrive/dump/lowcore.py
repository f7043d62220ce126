"""VMCOREINFO of s390x by the lowcore, for dumps whose writer didn't ask the kernel: QEMU, virsh.

At absolute address 0xe0c the kernel leaves the address of the ELF note that it made (``vmcore_info`` of
``struct lowcore``, arch/s390/kernel/setup.c), which crash and makedumpfile look for, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.dump.elf import PT_LOAD, Read, Segment, notes_in

MACHINE = 22
_PLACE = 0xE0C
_POINTER = 8
_MOST = 16 << 10
_NAME = b"VMCOREINFO"


def vmcoreinfo_of_lowcore(read: Read, segments: Sequence[Segment]) -> bytes:
    """The note's text; empty where the lowcore doesn't lead to one."""
    raw = _memory(read, segments, _PLACE, _POINTER)
    if len(raw) < _POINTER:
        return b""
    note = _memory(read, segments, int.from_bytes(raw, "big"), _MOST)
    found = next(iter(notes_in(note, ">")), None)
    return found.description if found is not None and found.name == _NAME else b""


def _memory(read: Read, segments: Sequence[Segment], place: int, size: int) -> bytes:
    """Bytes at a physical address; fewer where their part of memory ends before."""
    for part in segments:
        inside = place - part.physical
        if part.type == PT_LOAD and 0 <= inside < part.file_size:
            return read(part.offset + inside, min(size, part.file_size - inside))
    return b""
