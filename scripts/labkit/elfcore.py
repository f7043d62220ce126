"""QEMU's ELF cores, put so that makedumpfile and crash can read them."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EHDR_SIZE = 64
PHDR_SIZE = 56
_NOTES = 4  # PT_NOTE
_MOST_NOTES = 16 << 20
# bytes of what a note's registers are made of, by its type: those of AltiVec and SPE, and 8 of all others
_UNITS = {0x100: 16, 0x101: 4}


def plain_header(start: bytes) -> bytes:
    """The start of an ELF64 core with the program headers right after the ELF header.

    From 7.2 on QEMU puts section headers between the two, and makedumpfile (1.7.2) looks for program
    headers behind the ELF header wherever e_phoff says that they are.
    """
    header = bytearray(start)
    (phoff,) = struct.unpack_from("<Q", start, 32)
    (phnum,) = struct.unpack_from("<H", start, 56)
    header[EHDR_SIZE : EHDR_SIZE + phnum * PHDR_SIZE] = start[phoff : phoff + phnum * PHDR_SIZE]
    struct.pack_into("<QQ", header, 32, EHDR_SIZE, 0)
    struct.pack_into("<HHHHHH", header, 52, EHDR_SIZE, PHDR_SIZE, phnum, 0, 0, 0)
    return bytes(header[: len(start)])


def header_size(start: bytes) -> int:
    """How many bytes the ELF header, section headers and program headers take."""
    (phoff,) = struct.unpack_from("<Q", start, 32)
    (phnum,) = struct.unpack_from("<H", start, 56)
    return int(phoff + phnum * PHDR_SIZE)


@contextmanager
def plain(core: Path) -> Iterator[None]:
    """Give a core the plain header for a while; it is as QEMU wrote it again afterwards."""
    core.chmod(0o644)
    with core.open("r+b", buffering=0) as handle:
        head = handle.read(EHDR_SIZE)
        handle.seek(0)
        start = handle.read(header_size(head))
        handle.seek(0)
        handle.write(plain_header(start))
        try:
            yield
        finally:
            handle.seek(0)
            handle.write(start)


def little_endian(core: Path) -> bool:
    """Put the headers and notes of a ppc64 core into the byte order of the kernel; False where they are.

    QEMU (7.2) takes the order of the hypervisor's mode, which is big-endian, and a pseries guest has none:
    crash refuses such a core of a little-endian kernel. Section headers are left out.
    """
    core.chmod(0o644)
    with core.open("r+b", buffering=0) as handle:
        head = handle.read(EHDR_SIZE)
        if head[5] == 1:
            return False
        fields = struct.unpack_from(">HHIQQQIHHHHHH", head, 16)
        at, count = fields[4], fields[9]
        handle.seek(at)
        rows = list(struct.iter_unpack(">IIQQQQQQ", handle.read(count * PHDR_SIZE)))
        kept = (*fields[:5], 0, *fields[6:10], 0, 0, 0)
        handle.seek(0)
        handle.write(head[:5] + b"\1" + head[6:16] + struct.pack("<HHIQQQIHHHHHH", *kept))
        handle.seek(at)
        handle.write(b"".join(struct.pack("<IIQQQQQQ", *row) for row in rows))
        for kind, _, offset, _, _, size, *_ in rows:
            if kind == _NOTES:
                handle.seek(offset)
                turned = turned_notes(handle.read(min(size, _MOST_NOTES)))
                handle.seek(offset)
                handle.write(turned)
    return True


def turned_notes(data: bytes) -> bytes:
    """Big-endian notes of CPUs as little-endian ones."""
    found, at = bytearray(data), 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from(">III", data, at)
        struct.pack_into("<III", found, at, name_size, size, kind)
        start, unit = at + 12 + (name_size + 3 & ~3), _UNITS.get(kind, 8)
        for place in range(start, start + size - unit + 1, unit):
            found[place : place + unit] = data[place : place + unit][::-1]
        at = start + (size + 3 & ~3)
    return bytes(found)
