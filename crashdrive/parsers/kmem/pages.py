"""``kmem -p``, ``-m``: pages, or chosen members of their ``struct page``.

Source in crash: ``dump_mem_map()``, ``fill_mem_map_cache()``, ``show_page_member_data()`` (memory.c).
"""

from __future__ import annotations

import re

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records, rows_or_hole
from crashdrive.parsers.grammar.pages import Page, page_table
from crashdrive.records import Address, Record


class PageMembers(Record, frozen=True):
    """Members of a ``struct page`` as crash prints them (``kmem -m``), by name; a list has several values."""

    page: Address
    members: dict[str, tuple[str, ...]]


def pages() -> g.ParserElement:
    """Tables of pages, see `page_table`; the header may stand again."""
    return g.Many(page_table("pages", least=0, again=True), least=0)


def check_pages(source: Source, found: list[Page]) -> list[Page]:
    """The pages; an empty output is an error."""
    if not source.text.strip():
        source.fail(0, "no table of pages")
    return rows_or_hole(source, found)


def members() -> g.ParserElement:
    """A row for each page; through a pipe the header may be missing::

          PAGE        flags          lru
    fffff197400a4100  fffffc0000000  dead000000000100,dead000000000122
    """
    titles = g.Terminal(
        r" *+PAGE((?: {2,256}+[A-Za-z_][\w.]{0,127}+)++)[ ]*+(?:\n|\Z)", "the header PAGE MEMBER...", _titles
    )
    page = g.Row(
        r"([0-9a-f]{8,16}+)((?: {1,256}+[-0-9a-z_,]{1,400}+){1,64}+)", _members, "a page: PAGE MEMBER..."
    )
    run = g.Suppress(titles) | g.Rows(page, until=titles, bare=True)
    return g.Many(run.set_name("a page: PAGE MEMBER..."), least=0)


def check_members(source: Source, found: list[PageMembers]) -> list[PageMembers]:
    """At least one."""
    return demand_records(source, found, "no page")


def _titles(head: re.Match[str]) -> tuple[str, ...]:
    """The members' names, kept for the rows of this text."""
    names = tuple(head[1].split())
    g.Text.of(head.string).kept[members] = names
    return names


def _members(row: re.Match[str]) -> PageMembers | None:
    text = g.Text.of(row.string)
    asked = text.source.command.options.get("m", "").split(",")
    names = text.kept.get(members) or [name.rpartition(".")[2] for name in asked]
    values = row[2].split()
    if len(values) != len(names):
        return None
    pairs = zip(names, values, strict=True)
    return PageMembers(page=int(row[1], 16), members={name: tuple(value.split(",")) for name, value in pairs})
