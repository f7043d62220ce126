"""``swap``: the swap devices. Source in crash: ``dump_swap_info()`` (memory.c)."""

from __future__ import annotations

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.cursor import mark_unknown, only_table
from crashdrive.parsers.grammar.table import HEX, SIGNED, TEXT, Cell, Column, Table, kilobytes
from crashdrive.records import Address, Record


class SwapDevice(Record, frozen=True, kw_only=True):
    """A swap device or file: address of its structure, bytes in all and in use, priority.

    ``percent``: how full, cut to an integer by crash. ``type``: ``PARTITION`` or ``FILE``.
    ``swap_info_struct`` is None with crash 6 and older, which don't show it.
    """

    swap_info_struct: Address | None = None
    type: str
    size: int
    used: int
    percent: int
    priority: int
    filename: str


OPTSTRING = ""
EXAMPLES = ("swap", "swap -x")

_AMOUNT = Cell(r"-?+\d{1,20}+k", kilobytes)
_TABLE = Table(
    SwapDevice,
    Column("SWAP_INFO_STRUCT", "swap_info_struct", HEX),
    Column("TYPE", "type", Cell("PARTITION|FILE")),
    Column("SIZE", "size", _AMOUNT),
    Column("USED", "used", _AMOUNT),
    Column("PCT", "percent", Cell(r"-?\d{1,9}%", lambda text: int(text[:-1]))),
    Column("PRI", "priority", SIGNED),
    Column("PRIORITY", "priority", SIGNED),
    Column("FILENAME", "filename", TEXT),
)


def _parse(source: Source) -> list[SwapDevice]:
    devices = only_table(source, _TABLE)
    mark_unknown(source, (device.filename for device in devices))
    return devices


SHAPES = (Shape(name="devices", record=SwapDevice, parse=_parse, options="(none)"),)
