"""Buffers of block devices: their locks are bits, which the end of a read or write clears (fs/buffer.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crashdrive.linux.block.devices import device_name
from crashdrive.linux.locks.objects import Belonging, read_guesses
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.survey import Survey

TYPE = "buffer"
OF = "bit"
# how all wait who wait for a buffer, and some others; __wait_on_buffer() itself leaves no frame
FUNCTIONS = re.compile(r"bit_wait_io")
_BUFFER = "struct buffer_head"
_FIELDS = {
    "block": ("b_blocknr",),
    "disk": ("b_bdev->bd_disk->disk_name",),
    # in the low byte of __bd_flags since 6.10 (1116b9fa15c0)
    "partition": ("b_bdev->bd_partno", "b_bdev->__bd_flags.counter"),
}
_DISK = re.compile(r"[A-Za-z][\w!-]*", re.ASCII)


def belonging(survey: Survey, addresses: Sequence[int]) -> Iterator[Belonging]:
    """The buffers, which begin with their flags: ``block 17 of sda1``."""
    fields = Fields(survey.kernel, _BUFFER, _FIELDS, ("block", "disk"))
    rows, lacking = read_guesses(survey, fields, addresses)
    for address, row in zip(addresses, rows, strict=True):
        if row["block"] is not None and _DISK.fullmatch(row["disk"] or ""):
            if (number := row["partition"]) is None:
                name = f"{row['disk']}?"
            else:
                lacking.pop(address, None)
                name = device_name(row["disk"], number & 0xFF)
            yield Belonging(address, f"block {row['block']} of {name}")
    if lacking:
        survey.miss(lacking.values())
