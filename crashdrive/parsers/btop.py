"""``btop``: the page number of an address.

Source in crash: ``cmd_btop()`` (memory.c).
"""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.pairs import read_pairs
from crashdrive.records import Address, Record

OPTSTRING = ""
EXAMPLES = ("btop 512a000", "btop 512a000 1000", "btop 512a000 zz", "btop zz")


class PageNumber(Record, frozen=True):
    """An address and the number of the page that it is in."""

    address: Address
    page: int


def _parse(source: Source) -> Sequence[PageNumber]:
    return [PageNumber(address, page) for address, page in read_pairs(source, pages_first=False)]


SHAPES = (Shape(name="pages", record=PageNumber, parse=_parse, options="btop ADDRESS..."),)
