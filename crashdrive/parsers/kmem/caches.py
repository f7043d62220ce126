"""``kmem -s``, ``-r``: slab caches; ``-s list``: their names.

Source in crash: ``dump_kmem_cache()`` and its kind for each allocator, ``list_slab_caches()``,
``dump_kmem_cache_info()`` (memory.c).
"""

from __future__ import annotations

from typing import Any

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import mark_unknown, rows_or_hole, say_empty
from crashdrive.parsers.grammar.columns import DECIMAL, GAP, HEX, KILOBYTES, SIGNED, TEXT, Column, or_none
from crashdrive.records import Address, Record

# a second row in a line, whose newline was lost; either is that of a cache that crash was told to leave out
_ROW_IN_A_NAME = expression(r"[0-9a-f]{8,16} +(?:\[IGNORED\] |\d+ +[\d?])")


class SlabCache(Record, frozen=True):
    """A slab cache: address, name, bytes per object, objects in use and in all, slabs, bytes per slab.

    The counts are None where crash couldn't gather them (``?``) or was told to leave the cache out
    (``ignored``, ``kmem -I``).
    """

    cache: Address
    name: str
    objsize: int | None = None
    allocated: int | None = None
    total: int | None = None
    slabs: int | None = None
    ssize: int | None = None
    ignored: bool = False


class SlabCacheName(Record, frozen=True):
    """Address and name of a slab cache (``kmem -s list``)."""

    cache: Address
    name: str


def caches() -> g.ParserElement:
    """``kmem -s``; the name is the second column before crash 7.2.4, the last one since::

    CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
    ffff8c3b011b7300     8328        145       156     52    32k  task_struct
    ffff8c3b0116fe00 [IGNORED]                                    skbuff
    """
    table = g.table(
        SlabCache, *cache_columns(), what="slab caches", also=ignored_cache(), least=0, again=True
    )
    return g.Many(table, least=0)


def cache_columns() -> tuple[Column, ...]:
    """The columns of a table of slab caches."""
    count = or_none(SIGNED, r"\?")
    return (
        Column("CACHE", "cache", HEX),
        Column("NAME", "name", TEXT, joined="error"),
        Column("OBJSIZE", "objsize", DECIMAL),
        Column("ALLOCATED", "allocated", count),
        Column("TOTAL", "total", count),
        Column("SLABS", "slabs", count),
        Column("SSIZE", "ssize", KILOBYTES),
    )


def ignored_cache() -> Any:
    """A cache that crash was told to leave out (``kmem -I``)."""
    return g.Row(
        rf"([0-9a-f]{{1,16}}+) \[IGNORED\]{GAP}([^ \n][^\n]{{0,255}}?)",
        lambda row: SlabCache(cache=int(row[1], 16), name=row[2], ignored=True),
        "an ignored slab cache: CACHE [IGNORED] NAME",
    )


def check_caches(source: Source, found: list[SlabCache]) -> list[SlabCache]:
    """The caches; none for a name without a cache. A name that holds another row is an error: a newline was
    lost.
    """
    demand_caches(source, found)
    for row in found:
        if _ROW_IN_A_NAME.search(row.name):
            source.reject(max(0, source.text.find(row.name)), "another slab cache in the name of this one")
    mark_unknown(source, (row.name for row in found))
    return found


def demand_caches(source: Source, found: list[Any]) -> None:
    """Refuse an output without a table; where the command line names a cache, mark the answer instead."""
    if found or (source.lenient and source.warnings):
        return
    if source.warnings or not source.command.arguments:
        source.fail(0, "no table of slab caches")
    if source.text.strip():
        rows_or_hole(source, found)
    else:
        say_empty(source, f"no {' '.join(source.command.arguments)}")


def names() -> g.ParserElement:
    """``kmem -s list``; names of old kernels hold blanks (``file lock cache``)::

    ffff8c3b011b7300 task_struct
    """
    # ``(T)`` behind an address: a symbol's row, no cache's. An address in a name: the next row, whose newline
    # was lost
    word = r"[^ \n]++(?:(?<![0-9a-f]{8})|(?=\n|\Z))"
    name = rf"(?!\([A-Za-z?]\) |[^\n]{{257}})({word}(?: ++{word})*+)"
    return g.Rows(
        g.Row(
            rf"([0-9a-f]{{8,16}}+) {name}",
            lambda row: SlabCacheName(cache=int(row[1], 16), name=row[2]),
            "address and name of a slab cache",
        )
    )


def check_names(source: Source, found: list[SlabCacheName]) -> list[SlabCacheName]:
    """The names; marked where crash couldn't read one."""
    mark_unknown(source, (row.name for row in found))
    return found
