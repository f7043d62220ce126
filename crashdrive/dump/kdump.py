"""Headers of the kdump format that makedumpfile and QEMU write. Source: makedumpfile's diskdump_mod.h."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from crashdrive.dump.elf import MOST_NOTES, Read
from crashdrive.dump.files import shown
from crashdrive.dump.host import nodename
from crashdrive.errors import DumpError

INCOMPLETE = 8  # in a header's status: makedumpfile couldn't finish
_MOST_VMCOREINFO = 1 << 20


class KdumpHeader(NamedTuple):
    """What ``struct disk_dump_header`` says of a dump and of the file's layout.

    ``order``: ``<`` or ``>``, as `struct` has it; ``wide``: of a 64-bit machine; ``version``: the format's;
    ``release``: the kernel's; ``host``: the machine's name; ``machine``: its kind, as ``uname -m`` has it;
    ``time``: of the crash, seconds since 1970; ``status``: bits, `INCOMPLETE` is one of them;
    ``block_size``: bytes; ``sub_blocks``: of the sub-header; ``bitmap_blocks``: of both bitmaps.
    """

    order: str
    wide: bool
    version: int
    release: str
    host: str | None
    machine: str
    time: int
    status: int
    block_size: int
    sub_blocks: int
    bitmap_blocks: int


def kdump_header(read: Read, path: str | Path) -> KdumpHeader:
    """The header at the file's beginning; DumpError where it is cut or can't be one.

    The format doesn't tell its word size and byte order: those are taken in which the numbers are plausible.
    """
    data = read(0, 464)
    release = data[142:207].split(b"\0")[0].decode("ascii", "backslashreplace")
    machine = data[272:337].split(b"\0")[0].decode("ascii", "backslashreplace")
    host = nodename(data[12:142])
    if len(data) == 464:
        for order in "<>":
            (version,) = struct.unpack_from(order + "i", data, 8)
            for wide, form, at in ((True, "qqIiiI", 408), (False, "iiIiiI", 404)):
                time, _, status, block, sub, bitmap = struct.unpack_from(order + form, data, at)
                if (
                    0 < version < 100
                    and 512 <= block <= 1 << 18
                    and not block & (block - 1)
                    and 0 < sub < 1 << 20
                ):
                    names = (release, host, machine)
                    return KdumpHeader(order, wide, version, *names, time, status, block, sub, bitmap)
    raise DumpError(f"{shown(path)}: truncated or damaged kdump header")


def kdump_vmcoreinfo(read: Read, header: KdumpHeader, sub: bytes) -> bytes:
    """VMCOREINFO, which the sub-header ``sub`` points to; empty where there is none."""
    # a 32-bit off_t is aligned to 4 on x86, to 8 elsewhere
    places = [("QQ", 32)] if header.wide else [("QI", 20), ("QI", 24)]
    for form, at in places:
        offset, size = struct.unpack_from(header.order + form, sub, at)
        if 0 < size <= _MOST_VMCOREINFO and offset < 1 << 62:
            data = read(offset, size)
            if b"=" in data[:4096]:
                return data
    return b""


def kdump_notes(read: Read, header: KdumpHeader, sub: bytes) -> bytes:
    """The ELF notes that stand behind the headers; none in files of 32-bit machines, where we don't look."""
    if not header.wide or header.version < 4:
        return b""
    offset, size = struct.unpack_from(header.order + "QQ", sub, 48)
    return read(offset, size) if 0 < size <= MOST_NOTES and offset < 1 << 62 else b""


def kdump_is_cut(read: Read, header: KdumpHeader, size: int, sub: bytes) -> bool | None:
    """Whether the file ends before the last pages whose descriptors it holds; None if that can't be told.

    A descriptor (offset, size, flags: 24 bytes) exists for each bit set in the second bitmap.
    """
    (split,) = struct.unpack_from(header.order + "i", sub, 12 if header.wide else 8)
    if split and header.version >= 2:
        return None  # one of several files: its bitmap is that of all
    half = header.bitmap_blocks * header.block_size // 2
    bitmap_at = (1 + header.sub_blocks) * header.block_size
    table = bitmap_at + 2 * half
    if table > size:
        return True
    count = int.from_bytes(read(bitmap_at + half, half)).bit_count()
    if table + 24 * count > size:
        return True
    last = min(count, 4096)  # the very last may be a shared page of zeros, which lies in front
    descriptors = read(table + 24 * (count - last), 24 * last)
    ends = (
        offset + length for offset, length, _, _ in struct.iter_unpack(header.order + "QIIQ", descriptors)
    )
    return max(ends, default=0) > size
