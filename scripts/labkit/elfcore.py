"""QEMU's ELF cores, put so that makedumpfile can read them."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EHDR_SIZE = 64
PHDR_SIZE = 56


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
