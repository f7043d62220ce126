"""``kmem -p``, ``-m``, ``-v``, ``-c``, ``-C``, ``-l``, ``-L``: pages, vmalloc areas, lists of pages.

Source in crash: ``dump_mem_map()``, ``dump_vmlist()``, ``dump_page_hash_table()``, ``dump_page_lists()``
(memory.c).
"""

from __future__ import annotations

import re

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import GAP, HEX, SIGNED, Cell, Column, Layout, Table, or_none
from crashdrive.parsers.grammar.cursor import Cursor, only_table, say_empty
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.records import Address, Bits, Record


class Page(Record, frozen=True):
    """A page: addresses of its ``struct page`` and in physical memory, mapping, index, count, flags.

    ``inode`` and ``offset`` stand for mapping and index in kernels 2.2. ``flags`` is None where crash prints
    names alone. What crash can't read is None.
    """

    page: Address
    physical: Address
    mapping: Address | None = None
    index: Bits | None = None
    inode: Address | None = None
    offset: int | None = None
    cnt: int | None = None
    flags: Bits | None = None
    flag_names: tuple[str, ...] = ()


class PageMembers(Record, frozen=True):
    """Members of a ``struct page`` as crash prints them (``kmem -m``); a list has its parts one by one."""

    page: Address
    members: dict[str, tuple[str, ...]]


class VmapArea(Record, frozen=True):
    """An area of the kernel's mapped memory, from ``start`` to before ``end``, ``size`` in bytes."""

    vm_struct: Address
    start: Address
    end: Address
    size: int
    vmap_area: Address | None = None


class PageList(Record, frozen=True):
    """The pages of a list (``active_list``) or of a bucket (``page_hash_table[7]``): their struct pages."""

    name: str
    pages: tuple[Address, ...]


class PageCount(Record, frozen=True):
    """A count of pages that crash compared with the pages it found (None: it didn't look)."""

    name: str
    pages: int
    found: int | None = None


class _PageRow(Record, frozen=True):
    page: Address
    physical: Address
    cnt: int
    mapping: Address | None = None
    index: Bits | None = None
    inode: Address | None = None
    offset: int | None = None
    flags: tuple[Bits | None, tuple[str, ...]] = (None, ())


def _flags(text: str) -> tuple[int | None, tuple[str, ...]]:
    """``82c referenced,uptodate``, ``800`` or, before 2.4.10, names alone."""
    number, _, names = text.partition(" ")
    if re.fullmatch(r"[0-9a-f]+", number):
        return int(number, 16), tuple(names.strip().split(",")) if names.strip() else ()
    return None, tuple(text.split(","))


_DASHES = r"-{5,7}"
PAGES = Table(
    _PageRow,
    Column("PAGE", "page", HEX),
    Column("PHYSICAL", "physical", HEX),
    Column("MAPPING", "mapping", or_none(HEX, _DASHES)),
    Column("INDEX", "index", or_none(HEX, _DASHES)),
    Column("INODE", "inode", HEX),
    Column("OFFSET", "offset", HEX),
    Column("CNT", "cnt", SIGNED),
    Column("FLAGS", "flags", Cell(r"[0-9A-Za-z_\[][0-9A-Za-z_,\[\] ]{0,600}?", _flags), blank=True),
)
# A page whose struct page itself isn't mapped: no more than its addresses is known.
_UNMAPPED = re.compile(rf"([0-9a-f]{{8,16}}){GAP}([0-9a-f]{{1,16}}) *+(\S.{{0,600}})?")


def page_of(row: _PageRow) -> Page:
    """The record of a row."""
    return Page(
        page=row.page,
        physical=row.physical,
        mapping=row.mapping,
        index=row.index,
        inode=row.inode,
        offset=row.offset,
        cnt=row.cnt,
        flags=row.flags[0],
        flag_names=row.flags[1],
    )


def parse_pages(source: Source) -> list[Page]:
    """``kmem -p``: a table of pages."""
    cursor = Cursor(source)
    pages: list[Page] = []
    layout: Layout[_PageRow] | None = None
    while cursor.skip_blank():
        line = cursor.line or ""
        page = read_page(line, layout) if layout else None
        if page:
            pages.append(page)
            cursor.advance()
        elif PAGES.heads(line):
            layout = PAGES.header(source, *cursor.take())
        else:
            cursor.skip_or_reject("no row of the table of pages")
    if layout is None and not source.lenient:
        source.fail(0, "no table of pages")
    return pages


def read_page(line: str, layout: Layout[_PageRow]) -> Page | None:
    """The page of a row; None when the line is none."""
    row = layout.match(line)
    if row:
        return page_of(row)
    found = _UNMAPPED.fullmatch(line) if len(line) < 1024 else None
    if found is None or (found[3] and not re.fullmatch(r"[a-z_]+(?:,[a-z_]+)*", found[3])):
        return None
    flags, names = _flags(found[3]) if found[3] else (None, ())
    return Page(page=int(found[1], 16), physical=int(found[2], 16), flags=flags, flag_names=names)


_MEMBER_TITLES = re.compile(r" *+PAGE((?: {2,256}+[A-Za-z_][\w.]{0,127}+)++) *+")
_MEMBERS = re.compile(r"([0-9a-f]{8,16}+)((?: {1,256}+[-0-9a-z_,]{1,400}+)++) *+")


def parse_members(source: Source) -> list[PageMembers]:
    """``kmem -m``: chosen members of struct page. Through a pipe the header may be missing."""
    cursor = Cursor(source)
    names = tuple(name.rpartition(".")[2] for name in source.command.options.get("m", "").split(","))
    rows: list[PageMembers] = []
    while cursor.skip_blank():
        if titles := cursor.match(_MEMBER_TITLES):
            names = tuple(titles[1].split())
        elif row := _members(cursor, names):
            rows.append(row)
            cursor.advance()
        else:
            cursor.skip_or_reject(f"no page with the members {', '.join(names)}")
    return demand_records(source, rows, "no page")


def _members(cursor: Cursor, names: tuple[str, ...]) -> PageMembers | None:
    line = cursor.line or ""
    found = _MEMBERS.fullmatch(line) if len(line) < 8192 else None
    values = found[2].split() if found else []
    if found is None or len(values) != len(names):
        return None
    members = {name: tuple(value.split(",")) for name, value in zip(names, values, strict=True)}
    return PageMembers(page=int(found[1], 16), members=members)


class _AreaRow(Record, frozen=True):
    vm_struct: Address
    range: tuple[Address, Address]
    size: int
    vmap_area: Address | None = None


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low, 16), int(high, 16)


AREAS = Table(
    _AreaRow,
    Column("VMAP_AREA", "vmap_area", HEX),
    Column("VM_STRUCT", "vm_struct", HEX),
    Column("ADDRESS RANGE", "range", Cell(r"[0-9a-f]{1,16} {0,16}- {0,16}[0-9a-f]{1,16}", _range)),
    Column("SIZE", "size", SIGNED),
)


def area_of(row: _AreaRow) -> VmapArea:
    """The record of a row."""
    start, end = row.range
    return VmapArea(vmap_area=row.vmap_area, vm_struct=row.vm_struct, start=start, end=end, size=row.size)


def parse_areas(source: Source) -> list[VmapArea]:
    """``kmem -v``: the table of mapped areas; nothing at all for an address in none of them."""
    if not source.text.strip() and source.command.arguments:
        say_empty(source, "no such area")
        return []
    areas = [area_of(row) for row in only_table(source, AREAS)]
    wrong = [area for area in areas if area.end - area.start != area.size]
    if wrong:
        message = f"the area at {wrong[0].start:x} isn't as long as crash says"
        source.note("doubtful", message, incomplete=True)
    return areas


_LIST = re.compile(
    r'(page_hash_table\[\d{1,9}\]|(?:active|inactive|inactive_dirty)_list:|(?:NODE \d+ )?"\S+" \w+_list:)'
)
_PAGE = re.compile(r"([0-9a-f]{8,16}) *")
_COUNT = re.compile(
    r'((?:NODE \d+ )?(?:"\S+" )?(?:nr_\w+_pages|inactive_clean_pages|page_cache_size|page cache size)): '
    r"(-?\d{1,20})(?: \((?:(verified)|found (-?\d{1,20}))\))? *"
)


def parse_lists(source: Source) -> list[PageList | PageCount]:
    """``kmem -c``, ``-C``, ``-l``, ``-L``: lists of pages, and how many there are."""
    cursor = Cursor(source)
    records: list[PageList | PageCount] = []
    while cursor.skip_blank():
        if found := cursor.match(_LIST):
            records.append(PageList(name=found[1].rstrip(":"), pages=tuple(_pages(cursor))))
        elif found := cursor.match(_COUNT):
            records.append(_count(found))
        elif found := cursor.match(_PAGE):
            records.append(PageList(name="", pages=(int(found[1], 16),)))
        else:
            cursor.skip_or_reject("no list of pages")
    return demand_records(source, records, "no list of pages")


def _count(found: re.Match[str]) -> PageCount:
    pages = int(found[2])
    return PageCount(
        name=found[1], pages=pages, found=pages if found[3] else int(found[4]) if found[4] else None
    )


def _pages(cursor: Cursor) -> list[int]:
    pages: list[int] = []
    if cursor.line == "(empty)":
        cursor.advance()
        return pages
    while cursor.line is not None:
        if found := cursor.match(_PAGE):
            pages.append(int(found[1], 16))
        elif not cursor.skip_noise():
            break
    return pages
