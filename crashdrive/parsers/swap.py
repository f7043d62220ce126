"""``swap``: the swap devices. Source in crash: ``dump_swap_info()`` (memory.c).

As crash prints it::

    crash> swap
    SWAP_INFO_STRUCT    TYPE       SIZE       USED     PCT  PRI  FILENAME
    ffff8c3b1f847000  PARTITION   16380k      1024k     6%   -2  /dev/zram0
"""

from __future__ import annotations

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import mark_unknown
from crashdrive.parsers.grammar.columns import HEX, SIGNED, TEXT, Cell, Column, kilobytes
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


def _devices() -> g.ParserElement:
    """One row for each device or file::

    SWAP_INFO_STRUCT    TYPE       SIZE       USED    PCT  PRI  FILENAME
    ffff8904411f1800  PARTITION 1048572k       0k      0%   -2  /dev/vda2
    """
    amount = Cell(r"-?+\d{1,20}+k", kilobytes)
    return g.table(
        SwapDevice,
        Column("SWAP_INFO_STRUCT", "swap_info_struct", HEX),
        Column("TYPE", "type", Cell("PARTITION|FILE")),
        Column("SIZE", "size", amount),
        Column("USED", "used", amount),
        Column("PCT", "percent", Cell(r"-?\d{1,9}%", lambda text: int(text[:-1]))),
        Column("PRI", "priority", SIGNED),
        Column("PRIORITY", "priority", SIGNED),
        Column("FILENAME", "filename", TEXT, joined="mark"),
        what="swap",
        between=g.noise(blank=False),
        until=g.Blank(),
        least=0,
    )


def _check(source: Source, devices: list[SwapDevice]) -> list[SwapDevice]:
    mark_unknown(source, (device.filename for device in devices))
    return devices


SHAPES = (Shape(name="devices", record=SwapDevice, grammar=_devices, finish=_check, options="(none)"),)
EXAMPLES = ("swap", "swap -x")
