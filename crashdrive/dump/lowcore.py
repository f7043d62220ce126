"""VMCOREINFO of s390x by the lowcore, for dumps whose writer didn't ask the kernel: QEMU, virsh.

At absolute address 0xe0c the kernel leaves the address of the ELF note that it made (``vmcore_info`` of
``struct lowcore``, arch/s390/kernel/setup.c), which crash and makedumpfile look for, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.dump.elf import Read, Segment, notes_in, physical_bytes

MACHINE = 22
_PLACE = 0xE0C
_POINTER = 8
_MOST = 16 << 10
_NAME = b"VMCOREINFO"


def vmcoreinfo_of_lowcore(read: Read, segments: Sequence[Segment]) -> bytes:
    """The note's text; empty where the lowcore doesn't lead to one."""
    raw = physical_bytes(read, segments, _PLACE, _POINTER)
    if len(raw) < _POINTER:
        return b""
    note = physical_bytes(read, segments, int.from_bytes(raw, "big"), _MOST)
    found = next(iter(notes_in(note, ">")), None)
    return found.description if found is not None and found.name == _NAME else b""
