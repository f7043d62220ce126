"""``dev -V -v``: dumps that devices made of themselves. Source in crash: diskdump.c.

``dump_registered_devices()``, ``devdump_extract()``.
"""

from __future__ import annotations

import re

from crashdrive.errors import ParseError
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import DECIMAL, TEXT, Cell, Column, is_elided
from crashdrive.parsers.grammar.hexdump import Words, hex_words, mark_gaps
from crashdrive.records import Record


class DeviceDump(Record, frozen=True, kw_only=True):
    """A device's own dump inside of the dump file: where, and how many bytes."""

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
    """The dumps of devices inside of the dump file, or that there are none::

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


_DEVICE_LINE = re.compile(r"DEVICE: ([^\n]{1,300})\n")
_COPIED = re.compile(r"(\d{1,20}) bytes copied from 0x([0-9a-f]{1,16}) to ([^\n]{1,4096})\s*")


def parse_dump(source: Source) -> list[DeviceDumpCopy | DeviceDumpData]:
    head = _DEVICE_LINE.match(source.text)
    if head is None:
        source.fail(0, "no device")
    copied = _COPIED.fullmatch(source.text, head.end())
    if copied:
        size, offset, file = int(copied[1]), int(copied[2], 16), copied[3]
        return [DeviceDumpCopy(device=head[1], size=size, offset=offset, file=file)]
    text = source.text[head.end() :].rstrip(" \n")
    if text.endswith("\n...") and is_elided(source, len(source.text) - 1, "..."):
        text = text[:-4]
    rest = Source(source.command, text, lenient=source.lenient)
    try:
        rows = mark_gaps(rest, g.read(hex_words, rest))
    except ParseError as error:
        raise ParseError(error.command, error.line + 1, error.column, error.text, error.reason) from error
    source.warnings += rest.warnings
    source.complete = source.complete and rest.complete
    return [DeviceDumpData(device=head[1], rows=tuple(rows))]
