"""``vm``: the address spaces of tasks.

Source in crash: ``vm_area_dump()``, ``vm_area_page_dump()``, ``do_vm_flags()`` (memory.c).
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.asked import asked_blocks
from crashdrive.parsers.grammar.columns import GAP, HEX, KILOBYTES, SHORTEST_ROW, TEXT, Column, Layout, Table
from crashdrive.parsers.grammar.cursor import Cursor, goes_on, say_empty
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.parsers.grammar.structures import Structure, read_structures
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Address, Bits, Record


class VmPage(Record, frozen=True):
    """A page of an area: where it is in physical memory, on a swap device or in a file (offset in bytes).

    ``swap_offset`` is in pages; of kernels 2.4 crash prints it in hexadecimal, which shows only where one has
    a letter: an answer's offsets are then all read so. All is None for a page that isn't mapped.
    """

    virtual: Address
    physical: Address | None = None
    swap: str | None = None
    swap_offset: int | None = None
    file: str | None = None
    offset: int | None = None


class VmArea(Record, frozen=True):
    """An area of an address space, from ``start`` to before ``end``; its vm_flags, its file.

    ``pages`` is None where they weren't asked for.
    """

    vma: Address
    start: Address
    end: Address
    flags: Bits
    file: str | None = None
    pages: tuple[VmPage, ...] | None = None


class TaskMemory(Record, frozen=True):
    """A task and its address space: mm_struct, page directory, resident and total size in bytes, areas.

    ``mm``, ``pgd``, ``rss`` and ``total_vm`` are None where crash doesn't print them (``vm -P``); a kernel
    thread has an ``mm`` of 0.
    """

    pid: int | None
    task: Address
    cpu: int | None
    comm: str | None
    mm: Address | None
    pgd: Address | None
    rss: int | None
    total_vm: int | None
    areas: tuple[VmArea, ...]


class TaskStructures(Record, frozen=True):
    """A task with its mm_struct (``vm -m``) or all of its vm_area_structs (``vm -v``)."""

    pid: int | None
    task: Address
    cpu: int | None
    comm: str | None
    structures: tuple[Structure, ...]


class VmFlags(Record, frozen=True):
    """The names of the bits of a vm_flags value (``vm -f``)."""

    flags: Bits
    names: tuple[str, ...]


class _MmRow(Record, frozen=True):
    mm: Address
    pgd: Address
    rss: int
    total_vm: int


class _AreaRow(Record, frozen=True):
    vma: Address
    start: Address
    end: Address
    flags: Bits
    file: str | None = None


OPTSTRING = "f:pmvR:P:M:xd"
EXAMPLES = (
    "vm",
    "vm {pid}",
    "vm 0",
    "vm -p {pid}",
    "vm -P {vma} {pid}",
    "vm -P 0 {pid}",
    "vm -M {mm} {pid}",
    "vm -m {pid}",
    "vm -x -m {pid}",
    "vm -v {pid}",
    "vm -R {vma} {pid}",
    "vm -R no_such_file {pid}",
    "vm -f 3875",
    "vm -f 0",
    "vm 999999",
    "vm -Z",
    *("vm -d -v {pid}",),
)

_MM = Table(
    _MmRow,
    Column("MM", "mm", HEX),
    Column("PGD", "pgd", HEX),
    Column("RSS", "rss", KILOBYTES),
    Column("TOTAL_VM", "total_vm", KILOBYTES),
)
_AREAS = Table(
    _AreaRow,
    Column("VMA", "vma", HEX),
    Column("START", "start", HEX),
    Column("END", "end", HEX),
    Column("FLAGS", "flags", HEX),
    Column("FILE", "file", TEXT, blank=True),
)
_PAGE_TITLES = re.compile(r" *VIRTUAL +PHYSICAL *")
_PAGE = re.compile(
    rf" *([0-9a-f]{{1,16}}){GAP}(?:([0-9a-f]{{1,16}})|SWAP: (.{{0,4096}})  OFFSET: ([0-9a-f]{{1,16}})"
    r"|FILE: (.{0,8192})  OFFSET: ([0-9a-f]{1,16})|\(not mapped\)) *"
)
# Offsets on a swap device are decimal, with kernels 2.4 hexadecimal.
_HEX_SWAP = re.compile(
    r"^ *[0-9a-f]{1,16} {1,256}SWAP: .{0,4096}  OFFSET: \d{0,15}[a-f][0-9a-f]{0,15} *$", re.MULTILINE
)
_SECOND = re.compile(r"[0-9a-f]{8,16}+(?: {1,256}+[0-9a-f]{1,16}+){3}(?![^ ])")
_FLAGS = re.compile(r"([0-9a-f]{1,16}): \(([A-Z_|]*)\) *")


def _parse_memory(source: Source) -> list[TaskMemory]:
    base = 16 if "SWAP: " in source.text and _HEX_SWAP.search(source.text) else 10
    tasks = [
        _Memory(Cursor(source, start, stop), base).read(task) for task, start, stop in asked_blocks(source)
    ]
    if base == 10 and any(_maybe_2_4(area) for task in tasks for area in task.areas):
        source.note("doubtful", "offsets on swap are read as decimal; of a kernel 2.4 they are hexadecimal")
    if not source.text.strip() and source.command.has("R"):
        say_empty(source, "no such reference")
        return tasks
    return demand_records(source, tasks, "no task's header line")


def _maybe_2_4(area: VmArea) -> bool:
    """Whether an area has pages on swap and addresses of 32 bits, as nearly all kernels 2.4 had."""
    return area.vma < 1 << 32 and any(page.swap is not None for page in area.pages or ())


class _Memory:
    """Reads what stands under a task's header."""

    def __init__(self, cursor: Cursor, swap_base: int) -> None:
        self.cursor = cursor
        self.swap_base = swap_base
        self.mm: _MmRow | None = None
        self.areas: list[VmArea] = []
        self.area: _AreaRow | None = None
        self.pages: list[VmPage] | None = None
        self.layout: Layout[_AreaRow] | None = None
        self.none_found = False

    def read(self, task: TaskHeader) -> TaskMemory:
        while self.cursor.skip_blank():
            if not self.cursor.skip_noise() and self.cursor.attempt(self._part) is False:
                self.cursor.skip_or_reject("no line about a task's address space")
        self._close()
        mm = self.mm
        self._compare(task)
        return TaskMemory(
            pid=task.pid,
            task=task.task,
            cpu=task.cpu,
            comm=task.comm,
            mm=mm.mm if mm else None,
            pgd=mm.pgd if mm else None,
            rss=mm.rss if mm else None,
            total_vm=mm.total_vm if mm else None,
            areas=tuple(self.areas),
        )

    def _compare(self, task: TaskHeader) -> None:
        """Mark an answer without areas, but that of a kernel thread or of an area that isn't there."""
        threads = self.mm is not None and self.mm.mm == 0
        if not (self.areas or threads or self.none_found):
            message = f"crash said nothing of the areas of task {task.task:x}"
            self.cursor.source.note("partial", message, incomplete=True)

    def _part(self) -> bool:
        cursor = self.cursor
        line = cursor.line or ""
        if self.pages is not None and (page := cursor.match(_PAGE, 16384)):
            self.pages.append(_page(page, self.swap_base))
        elif self.layout and (row := self.layout.match(line)):
            self._close()
            self._mark_joined(row)
            self.area = row
            cursor.advance()
        elif cursor.match(_PAGE_TITLES):
            self._pages()
        elif _AREAS.heads(line):
            self._close()
            self.layout = _AREAS.header(cursor.source, *cursor.take())
        elif _MM.heads(line) and self.mm is None:
            self._mm()
        else:
            return self._not_found() or self._file_goes_on()
        return True

    def _mark_joined(self, row: _AreaRow) -> None:
        """Mark an area in whose file's name another one begins: a newline was lost, or a path is odd."""
        if row.file is not None and len(row.file) > SHORTEST_ROW and _SECOND.search(row.file):
            cursor = self.cursor
            number = cursor.source.position(cursor.offset)[0]
            message = "a line holds what looks like another row"
            cursor.source.note("joined", message, line=number, text=cursor.line, incomplete=True)

    def _file_goes_on(self) -> bool:
        """A line behind an area whose file's name may hold a newline."""
        if self.area is None or self.area.file is None or self.pages is not None:
            return False
        file = goes_on(self.cursor, self.area.file)
        if file is not None:
            self.area = replace(self.area, file=file)
        return True

    def _close(self) -> None:
        if self.area is not None:
            row = self.area
            pages = None if self.pages is None else tuple(self.pages)
            self.areas.append(
                VmArea(
                    vma=row.vma,
                    start=row.start,
                    end=row.end,
                    flags=row.flags,
                    file=row.file,
                    pages=pages,
                )
            )
        self.area = None
        self.pages = None

    def _pages(self) -> None:
        if self.area is None:
            self.cursor.source.fail(self.cursor.offset, "pages of no area")
        self.pages = self.pages or []

    def _mm(self) -> None:
        cursor = self.cursor
        layout = _MM.header(cursor.source, *cursor.take())
        offset, line = cursor.take()
        self.mm = layout.match(line) or cursor.source.fail(offset, layout.reason)

    def _not_found(self) -> bool:
        if (self.cursor.line or "").strip(" ") != "(not found)":
            return False
        self.none_found = True
        number = self.cursor.source.position(self.cursor.offset)[0]
        self.cursor.source.note("empty", "crash found no such area", line=number)
        self.cursor.advance()
        return True


def _page(found: re.Match[str], swap_base: int) -> VmPage:
    return VmPage(
        virtual=int(found[1], 16),
        physical=int(found[2], 16) if found[2] else None,
        swap=found[3],
        swap_offset=int(found[4], swap_base) if found[4] else None,
        file=found[5],
        offset=int(found[6], 16) if found[6] else None,
    )


def _parse_structures(source: Source) -> list[TaskStructures]:
    tasks = [_structures(source, task, start, stop) for task, start, stop in asked_blocks(source)]
    return demand_records(source, tasks, "no task's header line")


def _structures(source: Source, task: TaskHeader, start: int, stop: int) -> TaskStructures:
    structures, end = read_structures(source, start, stop)
    Cursor(source, end, stop).finish()
    return TaskStructures(
        pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, structures=tuple(structures)
    )


def _parse_flags(source: Source) -> list[VmFlags]:
    cursor = Cursor(source)
    flags: list[VmFlags] = []
    while cursor.skip_blank():
        if found := cursor.match(_FLAGS):
            flags.append(
                VmFlags(flags=int(found[1], 16), names=tuple(found[2].split("|")) if found[2] else ())
            )
        else:
            cursor.skip_or_reject("no flags")
    return demand_records(source, flags, "no flags")


SHAPES = (
    Shape(
        name="flags",
        record=VmFlags,
        parse=_parse_flags,
        options="-f flags",
        when=lambda source: source.command.has("f"),
    ),
    Shape(
        name="structures",
        record=TaskStructures,
        parse=_parse_structures,
        options="-m -v",
        when=lambda source: source.command.has("mv"),
    ),
    Shape(
        name="memory", record=TaskMemory, parse=_parse_memory, options="(none) -p -P vma -M mm -R reference"
    ),
)
