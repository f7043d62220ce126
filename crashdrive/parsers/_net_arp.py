"""``net -a``: the ARP cache. Source in crash: ``dump_arp()`` (net.c)."""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import say_empty
from crashdrive.records import Address, Record


class Neighbour(Record, frozen=True):
    """An entry of the ARP cache.

    ``hw_address`` is None where the device has no hardware addresses; ``states`` are crash's words
    (``REACHABLE``, ``STALE``, ...), none for an entry that was never used.
    """

    neighbour: Address
    address: str
    hw_type: str
    hw_address: str | None
    device: str
    states: tuple[str, ...]


_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_ARP_LEFT = expression(rf"([0-9a-f]{{8,16}}) +({IPV4}) +([A-Z0-9]+) +", re.ASCII)
_ARP_RIGHT = expression(r"((?:[0-9a-f]{2}[: ]){0,64}) +(\S+)(?: +([A-Z|]+))? *", re.ASCII)


def arp() -> g.ParserElement:
    """A row for each entry; the hardware address, if any, begins at the column of its title::

    NEIGHBOUR        IP ADDRESS      HW TYPE    HW ADDRESS         DEVICE  STATE
    ffff8c3b1f846e00 10.1.0.1        ETHER      02:00:00:00:01:01  eth0    REACHABLE
    """
    header = g.Row(
        r"NEIGHBOUR +IP ADDRESS +HW TYPE +(HW ADDRESS) +DEVICE +STATE",
        _keep_column,
        "the header of the ARP cache: NEIGHBOUR IP ADDRESS HW TYPE HW ADDRESS DEVICE STATE",
    )
    row = g.Row(
        rf"[0-9a-f]{{8,16}} ++{IPV4} ++[A-Z0-9]++ [^\n]{{1,1024}}+",
        _neighbour,
        "an entry of the ARP cache: NEIGHBOUR IP ADDRESS HW TYPE HW ADDRESS DEVICE STATE",
    )
    return g.Gap() + g.Opt(g.Suppress(header) + g.Rows(row, least=0))


def _keep_column(header: re.Match[str]) -> str:
    """Keep the column at which hardware addresses begin, for the rows of this text."""
    text = g.Text.of(header.string)
    text.kept[Neighbour] = header.start(1) - header.start()
    return header[1]


def _neighbour(row: re.Match[str]) -> Neighbour | None:
    """The entry of a row. Only the column tells an absent address from a device whose name looks like one."""
    line, middle = row[0].rstrip("\n"), g.Text.of(row.string).kept[Neighbour]
    left = _ARP_LEFT.fullmatch(line[:middle])
    right = _ARP_RIGHT.fullmatch(line[middle:])
    if left is None or right is None:
        return None
    return Neighbour(
        neighbour=int(left[1], 16),
        address=left[2],
        hw_type=left[3],
        hw_address=right[1].strip() or None,
        device=right[2],
        states=tuple(right[3].split("|")) if right[3] else (),
    )


def check_arp(source: Source, found: list[Neighbour]) -> list[Neighbour]:
    """The entries. An empty output gets a notice: an empty cache has no header either."""
    if not source.text.strip():
        say_empty(source, "an empty cache has no header either")
    return found
