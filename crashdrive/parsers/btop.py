"""``btop``: the page number of an address.

Source in crash: ``cmd_btop()`` (memory.c).

As crash prints it::

    crash> btop 512a000 1000
    512a000: 512a
    1000: 1
"""

from __future__ import annotations

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.pairs import Pair, check_pairs, pairs
from crashdrive.records import Address, Record


class PageNumber(Record, frozen=True):
    """A physical address, and the number of its page."""

    address: Address
    page: int


def _check(source: Source, found: list[Pair]) -> list[PageNumber]:
    return [PageNumber(address, page) for address, page in check_pairs(source, found, pages_first=False)]


SHAPES = (Shape(name="pages", record=PageNumber, grammar=pairs, finish=_check, options="btop ADDRESS..."),)

EXAMPLES = ("btop 512a000", "btop 512a000 1000", "btop 512a000 zz", "btop zz")
