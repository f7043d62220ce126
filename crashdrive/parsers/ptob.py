"""``ptob``: the address of a page.

Source in crash: ``cmd_ptob()`` (memory.c).

As crash prints it::

    crash> ptob 512a 1
    512a: 512a000
    1: 1000
"""

from __future__ import annotations

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.pairs import Pair, check_pairs, pairs
from crashdrive.records import Address, Record


class PageAddress(Record, frozen=True):
    """A page's number and its first address."""

    page: int
    address: Address


def _check(source: Source, found: list[Pair]) -> list[PageAddress]:
    return [PageAddress(page, address) for page, address in check_pairs(source, found, pages_first=True)]


SHAPES = (
    Shape(name="addresses", record=PageAddress, grammar=pairs, finish=_check, options="ptob PAGE_NUMBER..."),
)

EXAMPLES = ("ptob 512a", "ptob 512a 1", "ptob zz", "ptob ffffffffffffffff 1")
