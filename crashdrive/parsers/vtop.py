"""``vtop``: the physical address of a virtual one, and how the page tables lead to it.

Source in crash: ``do_vtop()`` (memory.c); ``uvtop`` and ``kvtop`` of each architecture (x86_64.c, arm64.c,
...).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.ptes import HEADER as PTE_HEADER
from crashdrive.parsers.grammar.ptes import PageTableEntry, entry, swap_offset
from crashdrive.records import Address, Bits, Record

OPTSTRING = "ukc:"
EXAMPLES = (
    "vtop {init_task}",
    "vtop {text}",
    "vtop {task} {init_task}",
    "vtop -k {task}",
    "vtop -c {pid} 400000",
    "vtop -u 400000",
    "vtop ffffc90000000000",
    "vtop zz",
)


class Step(Record, frozen=True):
    """A level of the page tables: where the entry is and what it holds.

    ``value`` is None where crash doesn't show it (an entry that a Xen guest keeps for itself). ``flags``: its
    flag bits as crash takes them apart (s390x: ``FC=0; P=0; ...``), None elsewhere. ``machine``: an entry of
    Xen's machine addresses, not of the guest's.
    """

    level: str
    address: Address
    value: Bits | None
    flags: str | None = None
    machine: bool = False


class MappedArea(Record, frozen=True):
    """The memory area around a user address; ``flags`` as hexadecimal number, ``file`` None for anonymous
    memory.
    """

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

    ``directory``: the page table's root; ``tables``: the levels on the way; ``page``: physical address of a
    page, its ``page_size`` (``2MB``, ``1GB``, ``HUGE``) where it is a large one; ``machine_page``: the
    address that Xen gave it; ``swap`` and ``file``: where a page
    that isn't in memory is, each with ``offset`` (of swap in pages, of a file in bytes). ``segment``: the
    part of the address space, on architectures that have them (MIPS, LoongArch, and ia64's ``UNCACHED
    MEMORY`` and ``MAPPED IN TRANSLATION REGISTER``).
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


_START = re.compile(r"VIRTUAL +PHYSICAL *")
_ADDRESS = re.compile(r"([0-9a-f]{1,16}) +(?:([0-9a-f]{1,16})|\(([a-z ]+)\)) *")
_DIRECTORY = re.compile(r" *(?:PAGE DIRECTORY|PGD DIRECTORY|SEGMENT TABLE|REGION TABLE): ([0-9a-f]{1,16}) *")
_STEP = re.compile(
    r" *(?P<level>HUGE PD|[A-Z][A-Z0-9]{1,4}): *(?P<address>[0-9a-f]{1,16})"
    r"(?: => *(?P<value>[0-9a-f]{1,16}))?(?: \(flags = [0-9a-f]{1,16}\))?(?P<machine> \[machine\])? *"
)
_STEP_FLAGS = re.compile(r" *flags in binary : ([A-Z]{1,3}=[01]{1,4}(?:[;,] [A-Z]{1,3}=[01]{1,4}){0,15}) *")
_SEGMENT = re.compile(r"SEGMENT: (\w{1,32}) *|\[([A-Z ]{1,40})\] *")
# sparc64: the table, the entry's number in it, the entry.
_FETCH = re.compile(
    r"(p[gum4]d|pte) fetch\(0x([0-9a-f]{16})\) fetch of pte @index\[0x([0-9a-f]{4})\]=0x([0-9a-f]{16}) *"
)
_HUGE = re.compile(r"Huge Page/THP pmd=0x[0-9a-f]{16} paddr=0x[0-9a-f]{16} *")
# RISC-V and SPARC; below the levels that crash has shown already, in front of it the header's first word.
_NOT_PRESENT = re.compile(r" *(?:PTE +)?PAGE: (?:[0-9a-f]{1,16} not present|page not available) *")
_PAGE = re.compile(
    r" *(?:(HUGE) )?PAGE: ([0-9a-f]{1,16}) *(?:\(([^()\n]*)\))? *(?:(\[machine\])|\[[A-Z ]+\])? *"
)
_AREA_HEADER = re.compile(r" *VMA +START +END +FLAGS +FILE *")
_AREA = re.compile(r"([0-9a-f]{1,16}) +([0-9a-f]{1,16}) +([0-9a-f]{1,16}) +([0-9a-f]{1,16})(?: +(\S.*?))? *")
_STRUCT_HEADER = re.compile(r" *PAGE +PHYSICAL +(?:MAPPING +INDEX|INODE +OFFSET) +CNT +FLAGS *")
_STRUCT = re.compile(
    r"([0-9a-f]{1,16}) +([0-9a-f]{1,16}) +(-+|[0-9a-f]{1,16}) +(-+|[0-9a-f]{1,16}) +(-?\d{1,10}) *(.*?) *"
)
_ELSEWHERE = re.compile(r" *(SWAP|FILE): (.+?) +OFFSET: (\d{1,20}|[0-9a-f]{1,16}) *")
_IGNORED = re.compile(
    r" *(?:NOTE|WARNING): .*|.*: (?:seek|read) error: .*|.*page excluded: .*"
    # Breaks into the header of a page table entry that crash takes for a swapped page's.
    r"| *(?:PTE +)?vtop: cannot determine swap location *"
)


# MIPS, LoongArch and RISC-V say it of an entry that leads nowhere, RISC-V even in front of the addresses.
_INVALID = re.compile(r"invalid(?: for [0-9a-f]{1,16} address)? *")


def _step(line: str) -> Step | None:
    """A level of the page tables; None for any other line."""
    if found := _STEP.fullmatch(line):
        value = int(found["value"], 16) if found["value"] else None
        machine = found["machine"] is not None
        return Step(found["level"], int(found["address"], 16), value, machine=machine)
    if fetched := _FETCH.fullmatch(line):
        address = int(fetched[2], 16) + 8 * int(fetched[3], 16)
        return Step(fetched[1].upper(), address, int(fetched[4], 16))
    return None


def _shown_by_xen(step: Step, above: Step | None) -> bool:
    """Whether an entry without its value may be the guest's twin of the machine's entry above it."""
    return above is not None and above.machine and above.level == step.level


class _Reader:
    """Line by line; ``expecting`` reads the row below a header."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[dict[str, Any]] = []
        self.expecting: Callable[[str], bool] | None = None

    def read(self) -> list[Translation]:
        """All translations."""
        for offset, line in self.source.lines():
            if not line.strip():
                continue
            if not self.line(line) and not self.aside(offset, line):
                self.source.reject(offset, "no part of an address translation")
        if self.expecting is not None:
            # From crash 9.0.1 on a page of the tables that the dump lacks ends the command without a word.
            self.source.note("partial", "crash broke off below a header", incomplete=True)
        elif not self.found:
            self.source.fail(0, "no address translation")
        return [Translation(**{**fields, "tables": tuple(fields["tables"])}) for fields in self.found]

    def line(self, line: str) -> bool:
        """Take a line; whether it was one of those that are known here."""
        if self.expecting is not None and not _INVALID.fullmatch(line):
            row, self.expecting = self.expecting, None
            return row(line)
        if _START.fullmatch(line):
            self.expecting = self.address
            return True
        if _INVALID.fullmatch(line) and (self.found or self.expecting):
            if self.expecting is None:
                self.found[-1]["reason"] = "invalid"
            return True
        return bool(self.found) and (self.table(line) or self.header(line) or self.page_struct(line))

    def aside(self, offset: int, line: str) -> bool:
        """What crash says in between."""
        if not _IGNORED.fullmatch(line) or not self.found:
            return False
        self.source.note(
            "error", line.strip(), line=self.source.position(offset)[0], text=line, incomplete=True
        )
        return True

    def address(self, line: str) -> bool:
        match = _ADDRESS.fullmatch(line)
        if not match:
            return False
        physical = int(match[2], 16) if match[2] else None
        self.found.append(
            {"virtual": int(match[1], 16), "physical": physical, "reason": match[3], "tables": []}
        )
        return True

    def table(self, line: str) -> bool:
        last = self.found[-1]
        if _PAGE.fullmatch(line) or _NOT_PRESENT.fullmatch(line) or _HUGE.fullmatch(line):
            return self._page(last, line)
        if step := _step(line):
            above = last["tables"][-1] if last["tables"] else None
            if step.value is None and not step.machine and not _shown_by_xen(step, above):
                return False
            last["tables"].append(step)
        elif match := _DIRECTORY.fullmatch(line):
            self._directory(last, int(match[1], 16), root=line.strip().startswith("PGD "))
        elif last["tables"] and (match := _STEP_FLAGS.fullmatch(line)):
            last["tables"][-1] = structs.replace(last["tables"][-1], flags=match[1])
        elif match := _SEGMENT.fullmatch(line):
            last["segment"] = match[1] or match[2]
        elif match := _ELSEWHERE.fullmatch(line):
            last[match[1].lower()] = match[2]
            last["offset"] = swap_offset(match[3]) if match[1] == "SWAP" else int(match[3], 16)
        else:
            return False
        return True

    def _page(self, last: dict[str, Any], line: str) -> bool:
        """The page, or why there is none; with Xen its machine address first."""
        match = _PAGE.fullmatch(line)
        if match and match[4]:
            last["machine_page"], last["page_size"] = int(match[2], 16), match[3]
        elif match and last.get("page") is None:
            last["page"], last["page_size"] = int(match[2], 16), match[3] or match[1] or last.get("page_size")
        elif match:
            return False
        elif _HUGE.fullmatch(line):
            last["page_size"] = "HUGE"
        else:
            last["reason"] = "not available" if "available" in line else "not present"
        return True

    def _directory(self, last: dict[str, Any], address: int, *, root: bool) -> None:
        """x86-64 shows the root and below it, as ``PAGE DIRECTORY``, what the root's entry holds."""
        if root or "directory" not in last:
            last["directory"] = address
        else:
            last["tables"].append(Step("PGD", 0, address))

    def header(self, line: str) -> bool:
        if match := PTE_HEADER.fullmatch(line):
            kind = match[1]
            self.expecting = lambda row: self.pte(kind, row)
        elif _AREA_HEADER.fullmatch(line):
            self.expecting = self.area
        elif _STRUCT_HEADER.fullmatch(line):
            self.expecting = self.page_struct
        else:
            return False
        return True

    def pte(self, kind: str, line: str) -> bool:
        self.found[-1]["pte"] = entry(kind, line)
        return self.found[-1]["pte"] is not None

    def area(self, line: str) -> bool:
        match = _AREA.fullmatch(line)
        if match:
            vma, start, end, flags = (int(match[part], 16) for part in (1, 2, 3, 4))
            self.found[-1]["area"] = MappedArea(vma, start, end, flags, match[5])
        return match is not None

    def page_struct(self, line: str) -> bool:
        """Crash prints the header once; the rows of further addresses stand alone."""
        match = _STRUCT.fullmatch(line)
        if match and "page_struct" not in self.found[-1]:
            numbers = [0 if "-" in match[part] else int(match[part], 16) for part in (1, 2, 3, 4)]
            self.found[-1]["page_struct"] = PageStruct(
                page=numbers[0],
                physical=numbers[1],
                mapping=numbers[2],
                index=numbers[3],
                count=int(match[5]),
                flags=match[6],
            )
            return True
        return False


def _parse(source: Source) -> Sequence[Translation]:
    return _Reader(source).read()


SHAPES = (
    Shape(
        name="translations",
        record=Translation,
        parse=_parse,
        options="vtop [-c PID|TASK] [-u|-k] ADDRESS...",
    ),
)
