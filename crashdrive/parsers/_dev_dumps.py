"""``dev -V -v``: dumps that devices made of themselves. Source in crash: diskdump.c.

``dump_registered_devices()``, ``devdump_extract()``.
"""

from __future__ import annotations

from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import DECIMAL, TEXT, Cell, Column
from crashdrive.parsers.grammar.hexdump import Words, hex_words, mark_gaps
from crashdrive.records import Record


class DeviceDump(Record, frozen=True, kw_only=True):
    """A device's own dump in the dump file: its offset there and its size, in bytes."""

    index: int
    offset: int
    size: int
    name: str


class DeviceDumpCopy(Record, frozen=True, kw_only=True):
    """A device's dump that was written to a file."""

    device: str
    size: int
    offset: int
    file: str


class DeviceDumpData(Record, frozen=True, kw_only=True):
    """A device's dump as words."""

    device: str
    rows: tuple[Words, ...]


def dumps() -> g.ParserElement:
    """A row for each device's dump in the dump file, or a line that says that there are none::

    INDEX  OFFSET             SIZE             NAME
      0    0x240              33558464         cxgb4_0000:02:00.4
    """
    return g.table(
        DeviceDump,
        Column("INDEX", "index", DECIMAL),
        Column("OFFSET", "offset", Cell(r"0x[0-9a-f]{1,16}+", lambda text: int(text, 16))),
        Column("SIZE", "size", DECIMAL),
        Column("NAME", "name", TEXT, last=True, joined="error"),
        what="dumps of devices",
    ) | g.Suppress(g.Row("dev: no device dumps found in this dumpfile", str, "that there are no dumps"))


def dump() -> g.ParserElement:
    """A device's dump as words, or a line that says that it was copied to a file::

    DEVICE: cxgb4_0000:02:00.4
             240:  040410000ec40000 0000000000000000   ................

    33558464 bytes copied from 0x240 to /tmp/dump.bin
    """
    device = g.Row("DEVICE: ([^\n]{1,300}+)", lambda row: row[1], "a device: DEVICE: NAME")
    copied = g.Row(
        r"(\d{1,20}+) bytes copied from 0x([0-9a-f]{1,16}+) to ([^\n]{1,4096}+)",
        lambda row: (int(row[1]), int(row[2], 16), row[3].rstrip(" ")),
        "that the dump was copied: SIZE bytes copied from OFFSET to FILE",
    )
    return g.made(device + (copied | hex_words(until=g.Blank())), _of_device)


def _of_device(_text: g.Text, _place: int, found: list[Any]) -> DeviceDumpCopy | DeviceDumpData:
    """The device with its words, or with the line about the copy."""
    name, first, *rows = found
    if isinstance(first, Words):
        return DeviceDumpData(device=name, rows=(first, *rows))
    size, offset, file = first
    return DeviceDumpCopy(device=name, size=size, offset=offset, file=file)


def check_dump(
    source: Source, found: list[DeviceDumpCopy | DeviceDumpData]
) -> list[DeviceDumpCopy | DeviceDumpData]:
    """Mark gaps between the words of a dump."""
    for one in found:
        if isinstance(one, DeviceDumpData):
            mark_gaps(source, list(one.rows))
    return found
