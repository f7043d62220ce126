"""``kmem -c``, ``-C``, ``-l``, ``-L``: lists of pages, and how many there are.

Source in crash: ``dump_page_hash_table()``, ``dump_page_lists()`` (memory.c).
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.records import Address, Record


class PageList(Record, frozen=True):
    """A list of pages (``active_list``), or a bucket (``page_hash_table[7]``): the addresses of its struct
    pages.
    """

    name: str
    pages: tuple[Address, ...]


class PageCount(Record, frozen=True):
    """A count of pages, and how many pages crash found (None: it didn't count them)."""

    name: str
    pages: int
    found: int | None = None


def lists() -> g.ParserElement:
    """Lists and counts in any order; a list or a count may be missing where one page was looked for::

    active_list:
    fffff197400a4100
    nr_active_pages: 1  (verified)
    page_hash_table[0]
    (empty)
    """
    page = one_page()
    name = g.Row(
        r"(page_hash_table\[\d{1,9}+\]|(?:active|inactive|inactive_dirty)_list:"
        r'|(?:NODE \d{1,6}+ )?"\S{1,64}" \w{1,64}?_list:)',
        lambda row: row[1].rstrip(":"),
        "the name of a list of pages",
    )
    run = g.Rows(page, between=g.noise(blank=False), until=g.Anything(), least=0)
    listed = g.made(name + (g.Titles("(empty)") | run), _list)
    count = g.Row(
        r'((?:NODE \d{1,6}+ )?(?:"\S{1,64}" )?(?:nr_\w{1,64}?_pages|inactive_clean_pages|page_cache_size'
        r"|page cache size)): (-?\d{1,20}+)(?: \((?:(verified)|found (-?\d{1,20}+))\))?",
        _count,
        "a count of pages: NAME: PAGES",
    )
    return g.Many((listed | count | _alone(page)).set_name("a list of pages"), least=0)


def check_lists(source: Source, found: list[PageList | PageCount]) -> list[PageList | PageCount]:
    """The lists and counts, at least one."""
    return demand_records(source, found, "no list of pages")


def one_page() -> Any:
    """A line with the address of a page."""
    return g.Row(r"([0-9a-f]{8,16}+)", lambda row: int(row[1], 16), "a page")


def _alone(page: g.ParserElement) -> g.ParserElement:
    return g.made(page + g.Anything(), lambda _text, _place, values: PageList(name="", pages=tuple(values)))


def _list(_text: g.Text, _place: int, values: list[Any]) -> PageList:
    return PageList(name=values[0], pages=tuple(values[1:]))


def _count(row: re.Match[str]) -> PageCount:
    pages = int(row[2])
    found = pages if row[3] else int(row[4]) if row[4] else None
    return PageCount(name=row[1], pages=pages, found=found)
