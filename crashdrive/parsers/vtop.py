"""``vtop``: the physical address of a virtual one, and how the page tables lead to it.

Source in crash: ``do_vtop()`` (memory.c); ``uvtop`` and ``kvtop`` of each architecture (x86_64.c, arm64.c,
...).

As crash prints it::

    crash> vtop 400000
    VIRTUAL     PHYSICAL
    400000      177cb000

       PGD: 1b90000 => 16df2067
       PTE: 16dc6000 => 80000000177cb025
      PAGE: 177cb000
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from crashdrive.commandline import shell_part
from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers._vtop_tables import INVALID, Part, Step, add_level, levels, pages, says
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.ptes import PageTableEntry, mapped_entry, swap_offset, swapped_entry
from crashdrive.records import Address, Bits, Notice, Record

__all__ = ["EXAMPLES", "SHAPES", "MappedArea", "PageStruct", "Step", "Translation"]


class MappedArea(Record, frozen=True):
    """The memory area around a user address; ``file`` is None for anonymous memory."""

    vma: Address
    start: Address
    end: Address
    flags: Bits
    file: str | None = None


class PageStruct(Record, frozen=True, kw_only=True):
    """The page's ``struct page``: ``mapping`` (``inode`` with old kernels) and ``index`` (``offset``) as
    crash shows them.
    """

    page: Address
    physical: Address
    mapping: Address
    index: Bits
    count: int
    flags: str


class Translation(Record, frozen=True, kw_only=True):
    """A virtual address: ``physical`` is None where it has none, ``reason`` says why.

    ``directory``: the root of the page tables; ``tables``: the entry at each level. ``page``: the page's
    physical address; ``page_size``: of a large page (``2MB``, ``1GB``, ``HUGE``); ``machine_page``: its
    address for Xen. ``swap``, ``file``: where a page that isn't in memory is, with ``offset`` (on swap in
    pages, in a file in bytes). ``segment``: the part of the address space, on architectures that have such
    (MIPS, LoongArch; ia64's ``UNCACHED MEMORY`` and ``MAPPED IN TRANSLATION REGISTER``).
    """

    virtual: Address
    physical: Address | None = None
    reason: str | None = None
    directory: Address | None = None
    tables: tuple[Step, ...] = ()
    page: Address | None = None
    page_size: str | None = None
    machine_page: Address | None = None
    pte: PageTableEntry | None = None
    area: MappedArea | None = None
    page_struct: PageStruct | None = None
    swap: str | None = None
    file: str | None = None
    offset: int | None = None
    segment: str | None = None


def _translations() -> g.ParserElement:
    """For each address its tables, entry, area and page, as far as crash prints them::

    VIRTUAL     PHYSICAL
    400000      177cb000

       PGD: 1b90000 => 16df2067
       PTE: 16dc6000 => 80000000177cb025
      PAGE: 177cb000

          PTE         PHYSICAL  FLAGS
    80000000177cb025  177cb000  (PRESENT|USER|ACCESSED|NX)

          VMA           START       END     FLAGS FILE
    ffff8ea55eac4000     400000     401000 8000071 /usr/bin/labguest

          PAGE       PHYSICAL      MAPPING       INDEX CNT FLAGS
    fffff7b8c05df2c0 177cb000 ffff8ea541a9d3c0        0  7 fffffde02023c referenced,uptodate
    """
    address = g.Terminal(
        # on RISC-V the line about an invalid entry stands above the address
        rf"VIRTUAL ++PHYSICAL *+(?:\n|\Z)(?:(?:{INVALID})? *+\n)*+"
        r"(?:([0-9a-f]{1,16}+) ++(?:([0-9a-f]{1,16}+)|\(([a-z ]++)\)) *+(?:\n++|\Z)"
        r"|( *+\Z|(?=vtop: (?:seek|read) error: |vtop: page excluded: )))?",
        "the header VIRTUAL PHYSICAL",
        _address,
    )
    level, directory, *more = levels()
    page, *none = pages()
    entries = (_below("pte", *mapped_entry()), _below("pte", *swapped_entry()))
    struct, alone = _page_struct()
    # the most frequent first
    parts = (level, directory, page, *entries, struct, _area(), *more, *_beside(), *none, alone)
    return g.Blocks(address, *parts, make=_translation, between=g.noise(_remark()))


def _address(row: re.Match[str]) -> dict[str, Any] | None:
    """The address; empty where the output ends, or crash's error follows; None above any other line."""
    text = g.Text.of(row.string)
    if row[1]:
        return {"virtual": int(row[1], 16), "physical": int(row[2], 16) if row[2] else None, "reason": row[3]}
    if row[4] is not None:
        _mark_end(row)
        return {}
    text.missed(row.end(), "an address: VIRTUAL PHYSICAL")
    return None


def _mark_end(found: re.Match[str]) -> str:
    """Mark an output that ends below a header: crash 9.0.1 and later stop silently at a table that the dump
    lacks.
    """
    notice = Notice(kind="partial", message="crash broke off below a header")
    g.Text.of(found.string).remark(found.end(), notice, incomplete=True)
    return _END


_END = "the end of the output"


def _below(name: str, header: g.Terminal, row: g.Terminal) -> g.Terminal:
    """A header, and the row below it or the output's end."""
    ends = g.Terminal(r"\s*+\Z", _END, _mark_end)
    return g.block(
        header,
        row | ends,
        lambda place, rows: Part(place, {} if rows[0] is _END else {name: rows[0]}),
    )


def _header(titles: str, pattern: str) -> g.Row:
    return g.Row(f" *+{pattern}", lambda row: row.start(), f"the header {titles}")


def _beside() -> tuple[g.Row, ...]:
    """``SWAP: /dev/sda8  OFFSET: 22716``, ``FILE: /lib/libc.so.6  OFFSET: 1000``; ``SEGMENT: xkseg``."""
    elsewhere = g.Row(
        r" *+(SWAP|FILE): ([^\n]{0,4096}[^ \n]) {1,16}+OFFSET: (\d{1,20}|[0-9a-f]{1,16})",
        says(_elsewhere),
        "where the page is: SWAP: DEVICE OFFSET: PAGE",
    )
    segment = g.Row(
        r"SEGMENT: (\w{1,32}+)|\[([A-Z ]{1,40}+)\]",
        says(lambda row: {"segment": row[1] or row[2]}),
        "a part of the address space: SEGMENT: NAME",
    )
    return elsewhere, segment


def _elsewhere(row: re.Match[str]) -> dict[str, Any]:
    offset = swap_offset(row[3]) if row[1] == "SWAP" else int(row[3], 16)
    return {row[1].lower(): row[2], "offset": offset}


_HEX = "([0-9a-f]{1,16}+)"
_REST = r"(?: ++([^ \n](?:[^\n]*[^ \n])?))?"


def _area() -> g.Terminal:
    row = g.Row(
        rf"{_HEX} ++{_HEX} ++{_HEX} ++{_HEX}{_REST}", _mapped_area, "an area: VMA START END FLAGS FILE"
    )
    return _below("area", _header("VMA START END FLAGS FILE", "VMA ++START ++END ++FLAGS ++FILE"), row)


def _mapped_area(row: re.Match[str]) -> MappedArea:
    vma, start, end, flags = (int(cell, 16) for cell in row.group(1, 2, 3, 4))
    return MappedArea(vma, start, end, flags, row[5])


def _page_struct() -> tuple[g.Terminal, g.Row]:
    """A page's header with its row, and a row alone: crash prints the header for the first address only."""
    number = "(-++|[0-9a-f]{1,16}+)"
    row = rf"{_HEX} ++{_HEX} ++{number} ++{number} ++(-?\d{{1,10}}+){_REST}"
    titles = "PAGE PHYSICAL MAPPING INDEX CNT FLAGS"
    header = _header(titles, "PAGE ++PHYSICAL ++(?:MAPPING ++INDEX|INODE ++OFFSET) ++CNT ++FLAGS")
    alone = g.Row(row, says(lambda row: {"page_struct": _struct(row)}), f"a page: {titles}")
    return _below("page_struct", header, g.Row(row, _struct, f"a page: {titles}")), alone


def _struct(row: re.Match[str]) -> PageStruct:
    page, physical, mapping, index = (0 if "-" in cell else int(cell, 16) for cell in row.group(1, 2, 3, 4))
    return PageStruct(
        page=page, physical=physical, mapping=mapping, index=index, count=int(row[5]), flags=row[6] or ""
    )


def _remark() -> g.Remark:
    """crash's messages between the lines, also behind the beginning of an entry's header."""
    return g.Remark(
        r" *+(?:NOTE|WARNING): [^\n]*+|[^\n]*: (?:seek|read) error: [^\n]*+|[^\n]*page excluded: [^\n]*+"
        r"| *+(?:PTE ++)?vtop: cannot determine swap location| *+PTE ++OFFSET: \d{1,20}",
        "error",
    )


def _translation(text: g.Text, _place: int, address: dict[str, Any], below: list[Part]) -> Translation | None:
    """The translation made of an address and the parts below it; None where the output ended above the
    address.
    """
    facts: dict[str, Any] = {}
    tables: list[Step] = []
    for place, said in below:
        reason = _add(facts, tables, said)
        if reason is not None:
            text.misfit(place, reason)
    return Translation(**{**address, **facts}, tables=tuple(tables)) if address else None


# Values that may stand twice: a size beside Xen's machine address and beside the page; the reason of a level
# that leads nowhere, and of the absent page.
_AGAIN = {"page_size", "reason"}


def _add(facts: dict[str, Any], tables: list[Step], said: dict[str, Any]) -> str | None:
    """Add a part to the facts; give the reason where it contradicts the facts above."""
    if "level" in said:
        return add_level(tables, said["level"])
    if "flags" in said:
        if not tables:
            return "the flags of no level"
        tables[-1] = replace(tables[-1], flags=said["flags"])
    elif "root" in said:
        if tables or "directory" in facts:
            return "the root of the page tables below one of them"
        facts["directory"] = said["root"]
    elif "directory" in said and "directory" in facts:
        # x86-64: the value of the root's entry
        tables.append(Step("PGD", 0, said["directory"]))
    elif twice := said.keys() & facts.keys() - _AGAIN:
        return f"{min(twice)} stands twice"
    else:
        facts.update(said)
    return None


_NUMBER = expression(r"(?:0x)?[0-9a-fA-F]{1,16}")


def _check(source: Source, found: list[Translation | None]) -> list[Translation]:
    """The translations. One that wasn't asked for is refused, a missing one is marked."""
    translations = [one for one in found if one is not None]
    words = source.command.arguments
    asked = {int(word, 16) for word in words if _NUMBER.fullmatch(word)}
    if asked and len(asked) == len(set(words)):
        given = {one.virtual for one in translations}
        for other in sorted(given - asked):
            source.reject(0, f"the translation of {other:x}, which wasn't asked for")
        translations = [one for one in translations if one.virtual in asked]
        if given and asked - given and source.complete and shell_part(source.command.text) is None:
            source.note("partial", f"no translation of {min(asked - given):x}", incomplete=True)
    return translations if None in found else demand_records(source, translations, "no address translation")


SHAPES = (
    Shape(
        name="translations",
        record=Translation,
        grammar=_translations,
        finish=_check,
        options="vtop [-c PID|TASK] [-u|-k] ADDRESS...",
    ),
)
EXAMPLES = (
    *("vtop {init_task}", "vtop {text}", "vtop {task} {init_task}", "vtop -k {task}", "vtop -c {pid} 400000"),
    *("vtop -u 400000", "vtop ffffc90000000000", "vtop zz"),
)
