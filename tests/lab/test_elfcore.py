"""QEMU's ELF cores of a little-endian ppc64 guest, whose headers are big-endian."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from labkit import elfcore

from crashdrive.dump.elf import PT_LOAD, PT_NOTE, opened_elf

MEMORY = bytes(range(64))


def big_endian(notes: bytes) -> bytes:
    """A core as QEMU 7.2 writes it: a section header between the ELF header and those of segments."""
    at = 64 + 64
    where = at + 2 * 56
    header = b"\x7fELF\x02\x02\x01".ljust(16, b"\0")
    header += struct.pack(">HHIQQQIHHHHHH", 4, 21, 1, 0, at, 64, 0, 64, 56, 2, 64, 1, 0)
    segments = struct.pack(">IIQQQQQQ", PT_NOTE, 0, where, 0, 0, len(notes), len(notes), 0)
    segments += struct.pack(">IIQQQQQQ", PT_LOAD, 0, where + len(notes), 0, 0, 64, 64, 0)
    return header + bytes(64) + segments + notes + MEMORY


def note(kind: int, description: bytes, order: str) -> bytes:
    return struct.pack(order + "III", 5, len(description), kind) + b"CORE\0\0\0\0" + description


def test_headers_and_notes_are_turned_and_memory_is_not(tmp_path: Path) -> None:
    registers = (1, 0xC00000000FC474B0, 1 << 63)
    vector = bytes(range(16))
    path = tmp_path / "vmcore"
    path.write_bytes(
        big_endian(
            note(1, struct.pack(">3Q", *registers), ">")
            + note(0x100, vector, ">")
            + note(0x101, struct.pack(">3I", 1, 2, 3), ">")
        )
    )
    assert elfcore.little_endian(path)
    with path.open("rb") as file:
        elf = opened_elf(file.fileno())
        assert (elf.order, elf.machine, elf.type, elf.sections()) == ("<", 21, 4, [])
        first, second, third = elf.notes_of_segments()
        memory = next(one for one in elf.segments() if one.type == PT_LOAD)
        assert elf.exactly(memory.offset, memory.file_size) == MEMORY
    assert struct.unpack("<3Q", first.description) == registers
    assert second.description == vector[::-1]
    assert struct.unpack("<3I", third.description) == (1, 2, 3)
    whole = path.read_bytes()
    assert not elfcore.little_endian(path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("size", [0, 7, 20])
def test_notes_that_end_early_are_no_fault(size: int) -> None:
    data = note(1, bytes(64), ">")[:size]
    assert len(elfcore.turned_notes(data)) == size
