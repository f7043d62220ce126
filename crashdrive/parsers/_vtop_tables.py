"""``vtop``: the entry at each level of the page tables, and the page that they lead to.

Source in crash: ``uvtop`` and ``kvtop`` of each architecture (x86_64.c, arm64.c, ...).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from crashdrive.parsers import grammar as g
from crashdrive.records import Address, Bits, Record


class Step(Record, frozen=True):
    """The entry at a level of the page tables: its address and its value.

    ``value`` is None where crash doesn't show it (an entry that a Xen guest keeps for itself). ``flags``: the
    entry's flag bits as crash decodes them (s390x: ``FC=0; P=0; ...``), None elsewhere. ``machine``: the
    entry holds Xen's machine addresses, not the guest's.
    """

    level: str
    address: Address
    value: Bits | None
    flags: str | None = None
    machine: bool = False


class Part(NamedTuple):
    """The values of a line of a translation, and its offset in the text."""

    place: int
    says: dict[str, Any]


def says(make: Callable[[re.Match[str]], dict[str, Any]]) -> Callable[[re.Match[str]], Part]:
    """A function that makes a `Part` of a line."""
    return lambda row: Part(row.start(), make(row))


def levels() -> tuple[g.Row, ...]:
    """Lines of a level: s390 has its flags in the next line, sparc64 the table and the entry's index::

    PGD DIRECTORY: ffffffff9fe22000
    PAGE DIRECTORY: 16427067
       PTE: 16dc6000 => 80000000177cb025
          flags in binary : P=0; TF=00; I=0; TT=11; TL=11
    pgd fetch(0xfff8000100100000) fetch of pte @index[0x0011]=0x0000000000120000
    """
    level = g.Row(
        r" *+(HUGE PD|(?!PAGE:)[A-Z][A-Z0-9]{1,4}+): *+([0-9a-f]{1,16}+)(?: => *+([0-9a-f]{1,16}+))?"
        r"(?: \(flags = [0-9a-f]{1,16}+\))?( \[machine\])?",
        says(_level),
        "a level of the page tables: LEVEL: ADDRESS => VALUE",
    )
    directory = g.Row(
        r" *+(?:PAGE DIRECTORY|(PGD DIRECTORY)|SEGMENT TABLE|REGION TABLE): ([0-9a-f]{1,16}+)",
        says(lambda row: {"root" if row[1] else "directory": int(row[2], 16)}),
        "a page directory: PAGE DIRECTORY: ADDRESS",
    )
    flags = g.Row(
        r" *+flags in binary : ([A-Z]{1,3}=[01]{1,4}(?:[;,] [A-Z]{1,3}=[01]{1,4}){0,15}+)",
        says(lambda row: {"flags": row[1]}),
        "the flags of a level",
    )
    fetched = g.Row(
        r"(p[gum4]d|pte) fetch\(0x([0-9a-f]{16})\) fetch of pte"
        r" @index\[0x([0-9a-f]{4})\]=0x([0-9a-f]{16})",
        says(_fetched),
        "a level of the page tables: LEVEL fetch(TABLE)",
    )
    return level, directory, flags, fetched


def _level(row: re.Match[str]) -> dict[str, Any]:
    value = int(row[3], 16) if row[3] else None
    return {"level": Step(row[1], int(row[2], 16), value, machine=row[4] is not None)}


def _fetched(row: re.Match[str]) -> dict[str, Any]:
    return {"level": Step(row[1].upper(), int(row[2], 16) + 8 * int(row[3], 16), int(row[4], 16))}


INVALID = "invalid(?: for [0-9a-f]{1,16}+ address)?"
"""crash's words for an entry that leads nowhere, on MIPS, LoongArch and RISC-V."""


def pages() -> tuple[g.Row, ...]:
    """Lines of the page: with Xen the machine address first; on RISC-V and SPARC the reason why there is
    none::

    PAGE: 16400000  (2MB)
       PTE         PAGE: 0000000000000000 not present
    """
    page = g.Row(
        r" *+(?:(HUGE) )?PAGE: ([0-9a-f]{1,16}+) *+(?:\(([^()\n]*+)\))? *+"
        r"(?:(\[machine\])|\[[A-Z ]++\])?",
        says(_page),
        "the page: PAGE: ADDRESS",
    )
    absent = g.Row(
        r" *+(?:PTE ++)?PAGE: (?:[0-9a-f]{1,16}+ (not present)|page (not available))",
        says(lambda row: {"reason": row[1] or row[2]}),
        "that the page is not present",
    )
    huge = g.Row(
        r"Huge Page/THP pmd=0x[0-9a-f]{16} paddr=0x[0-9a-f]{16}",
        says(lambda _: {"page_size": "HUGE"}),
        "a huge page",
    )
    invalid = g.Row(INVALID, says(lambda _: {"reason": "invalid"}), "that an entry is invalid")
    return page, absent, huge, invalid


def _page(row: re.Match[str]) -> dict[str, Any]:
    size = row[3] or (None if row[4] else row[1])
    page = {"machine_page" if row[4] else "page": int(row[2], 16)}
    return {**page, "page_size": size} if size else page


def add_level(tables: list[Step], level: Step) -> str | None:
    """Add a level to those above it; give the reason where it is refused, as its value is missing.

    The value may be missing in an entry of Xen's machine addresses, and in the guest's entry of the same
    level below it.
    """
    above = tables[-1] if tables else None
    twin = above is not None and above.machine and above.level == level.level
    if level.value is None and not level.machine and not twin:
        return "a level of the page tables without its value"
    tables.append(level)
    return None
