"""VMCOREINFO in the memory of a machine, for formats that have no notes: QEMU's own files, raw images.

The kernel keeps the text for whoever writes a dump of it (kernel/crash_core.c): in a page of its own, and in
an ELF note that it makes of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from crashdrive.dump.elf import Read
from crashdrive.dump.vmcoreinfo import parse_vmcoreinfo

_BEGIN: Final = b"OSRELEASE="
_TEXT = re.compile(
    rb"OSRELEASE=[\x21-\x7e]{1,64}\n(?:BUILD-ID=[0-9a-f]{8,128}\n)?PAGESIZE=\d+\n[\x20-\x7e\n]*\n"
)
_MOST = 16 << 10  # bytes of such a text
_PIECE = 8 << 20
# what tells one kernel from another, and where it lies
_TELLING = ("OSRELEASE", "BUILD-ID", "KERNELOFFSET", "NUMBER(phys_base)")


def vmcoreinfo_in_memory(read: Read) -> tuple[bytes, ...]:
    """The text of the kernel whose memory this is; none, or the first two where several have left one.

    All of it is read: half a second for 1 GB that is in the page cache.
    """
    found: dict[tuple[str | None, ...], bytes] = {}
    for text in _texts(read):
        info = parse_vmcoreinfo(text)
        if "KERNELOFFSET" in info:
            found.setdefault(tuple(info.get(name) for name in _TELLING), text)
        if len(found) > 1:
            break
    return tuple(found.values())


def _texts(read: Read) -> Iterator[bytes]:
    offset = 0
    while piece := read(offset, _PIECE + _MOST):
        at = piece.find(_BEGIN)
        while 0 <= at < _PIECE:
            if match := _TEXT.match(piece, at, at + _MOST):
                yield match[0]
            at = piece.find(_BEGIN, at + 1)
        offset += _PIECE


def start_options(info: Mapping[str, str]) -> tuple[str, ...]:
    """The options by which crash finds an x86-64 kernel in memory without notes; none for what isn't told."""
    try:
        offset, base = int(info["KERNELOFFSET"], 16), int(info["NUMBER(phys_base)"])
    except (KeyError, ValueError):
        return ()
    return (f"--kaslr={offset:#x}", "-m", f"phys_base={base % (1 << 64):#x}")
