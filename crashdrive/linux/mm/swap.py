"""Swap areas, as /proc/swaps has them (mm/swapfile.c)."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from crashdrive.linux.fs.file_facts import file_facts
from crashdrive.linux.mm.nodes import scaled, words
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_KIND = "struct swap_info_struct"
_FIELDS = {
    "flags": ("flags",),
    "priority": ("prio",),
    "pages": ("pages",),
    # atomic since 6.14, with a bit that says that the area is full
    "used": ("inuse_pages.counter", "inuse_pages"),
    "file": ("swap_file",),
    "mode": ("swap_file->f_inode->i_mode", "swap_file->f_mapping->host->i_mode"),
}
# SWP_USED and SWP_WRITEOK of include/linux/swap.h
_USED, _WRITABLE = 1, 2
# MAX_SWAPFILES is 32 less some kinds of entries that aren't swap
_MOST = 32


class SwapArea(Record, frozen=True):
    """A swap area; ``swap_kind``: ``partition`` or ``file``. ``writable``: False while swapoff empties it.

    ``size``: in bytes, without its header. ``swap_priority``: areas of the highest are filled first.
    """

    path: str | None
    swap_kind: str | None
    size: int | None
    used_bytes: int | None
    used_percent: float | None
    swap_priority: int | None
    writable: bool
    address: Address


def swap_areas(survey: Survey) -> Iterator[SwapArea]:
    """The areas that are in use, in the order of their numbers."""
    kernel = survey.kernel
    if not kernel.symbols.has("swap_info"):
        return
    columns = kernel.read_many("unsigned int", [kernel.symbols.address("nr_swapfiles")], [""])
    count = survey.gaps(columns, "nr_swapfiles")[""][0] or 0
    pointers = words(kernel, kernel.symbols.address("swap_info"), min(count, _MOST))
    fields = Fields(kernel, _KIND, _FIELDS, ("flags", "pages", "used", "file"))
    rows = survey.addressed(fields, [pointer for pointer in pointers if pointer], "swap areas")
    used = [(address, row) for address, row in rows if row["flags"] is None or row["flags"] & _USED]
    facts = file_facts(survey, [row["file"] for _, row in used if row["file"]])
    mask = (1 << (8 * kernel.pointer_size - 2)) - 1
    for address, row in used:
        size = scaled(row["pages"], kernel.page_size)
        taken = None if row["used"] is None else (row["used"] & mask) * kernel.page_size
        own = facts.get(row["file"] or 0)
        mode = row["mode"]
        yield SwapArea(
            path=own.path if own else None,
            swap_kind=None if mode is None else "partition" if stat.S_ISBLK(mode) else "file",
            size=size,
            used_bytes=taken,
            used_percent=round(100 * taken / size, 1) if size and taken is not None else None,
            swap_priority=row["priority"],
            writable=bool((row["flags"] or 0) & _WRITABLE),
            address=address,
        )
