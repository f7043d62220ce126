"""``vm``: the address spaces of tasks.

Source in crash: ``vm_area_dump()``, ``vm_area_page_dump()``, ``do_vm_flags()`` (memory.c).

As crash prints it::

    crash> vm -p 386
    PID: 386    TASK: c11cc000  CPU: 0   COMMAND: "atd"
       MM       PGD       RSS    TOTAL_VM
    c7e30560  c10e5000    104k     1112k
      VMA      START      END     FLAGS  FILE
    c0fbe6a0   8048000   804b000  1875   /usr/sbin/atd
     VIRTUAL  PHYSICAL
     8048000  20e1000
     804f000  SWAP: /dev/sda8  OFFSET: 24225
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers._vm_structures import TaskStructures, check_structures, structures
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records, say_empty
from crashdrive.parsers.grammar.asked import check_asked
from crashdrive.parsers.grammar.columns import GAP, HEX, KILOBYTES, REST, Cell, Column, hexadecimal
from crashdrive.parsers.grammar.tasks import HEADER, TaskHeader
from crashdrive.records import Address, Bits, Notice, Record

if TYPE_CHECKING:
    from crashdrive.parsers.grammar.headed import Table

__all__ = ["EXAMPLES", "SHAPES", "TaskMemory", "TaskStructures", "VmArea", "VmFlags", "VmPage"]


class VmPage(Record, frozen=True):
    """A page of an area: its place in physical memory, on a swap device, or in a file (``offset`` in bytes).

    ``swap_offset`` is in pages. For kernels 2.4 crash prints it in hexadecimal: all offsets of an answer are
    read so where one holds a letter. A page that isn't mapped has None for all places.
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


class VmFlags(Record, frozen=True):
    """The names of the bits of a vm_flags value (``vm -f``)."""

    flags: Bits
    names: tuple[str, ...]


_AREAS = r" *+VMA ++START(?![^ \n])"
_PAGES = r" *+VIRTUAL ++PHYSICAL"
_NONE = r" *+\(not found\)"
# Lines below an area that don't continue its file's name.
_OTHER = expression(rf"{_AREAS}|(?:{_PAGES}|{_NONE}) *+\Z", re.ASCII)


def _memory() -> g.ParserElement:
    """Tasks and areas; with ``-p`` pages stand below their area, and the next area has its own header."""
    task = g.task_header()
    header = g.Terminal(_AREAS, "the header of areas")
    shown = g.Row(_PAGES, lambda row: row.start(), "the header of an area's pages")
    none = g.Row(_NONE, _not_found, "that there is no such area")
    ends = header | shown | none | task
    areas = g.table(
        VmArea,
        Column("VMA", "vma", Cell(r"[0-9a-f]{8,16}+", hexadecimal)),
        Column("START", "start", HEX),
        Column("END", "end", HEX),
        Column("FLAGS", "flags", HEX),
        Column("FILE", "file", REST, blank=True, joined="mark"),
        what="areas",
        until=ends,
        continued=_goes_on,
        least=0,
    )
    pages = g.block(shown, g.Rows(_page(), until=ends, least=0), _Pages)
    return g.Blocks(task, areas, pages, _space(), none, make=_task)


class _Pages(NamedTuple):
    """The lines below the header of an area's pages."""

    place: int
    pages: tuple[VmPage, ...]


class _Space(NamedTuple):
    mm: Address
    pgd: Address
    rss: int
    total_vm: int


def _space() -> Table:
    return g.table(
        _Space,
        Column("MM", "mm", HEX),
        Column("PGD", "pgd", HEX),
        Column("RSS", "rss", KILOBYTES),
        Column("TOTAL_VM", "total_vm", KILOBYTES),
        required=("MM", "PGD", "RSS", "TOTAL_VM"),
        what="an address space",
        until=g.Anything(),
    )


def _page() -> g.Row:
    from crashdrive.parsers.grammar.joined import Apart

    what = "a page: VIRTUAL PHYSICAL"
    joined = Apart(rf"[0-9a-f]{{1,16}}+{GAP}(?:FILE|SWAP):", what, joined="mark").holds
    where = (
        r"([0-9a-f]{1,16}+)|SWAP: ([^\n]{0,4096})  OFFSET: ([0-9a-f]{1,16}+)"
        r"|FILE: ([^\n]{0,8192})  OFFSET: ([0-9a-f]{1,16}+)|\(not mapped\)"
    )
    page = rf" *+([0-9a-f]{{1,16}}+){GAP}(?:{where})"
    return g.Row(page, lambda row: None if joined(row, 5) else _made_page(row), what)


def _made_page(row: re.Match[str]) -> VmPage:
    virtual, physical, swap, swap_offset, file, offset = row.groups()
    return VmPage(
        virtual=int(virtual, 16),
        physical=int(physical, 16) if physical else None,
        swap=swap,
        swap_offset=int(swap_offset, _swap_base(g.Text.of(row.string))) if swap_offset else None,
        file=file,
        offset=int(offset, 16) if offset else None,
    )


_HEX_SWAP = expression(
    r"^ *+[0-9a-f]{1,16}+ {1,256}+SWAP: .{0,4096}  OFFSET: \d{0,15}[a-f][0-9a-f]{0,15} *+$",
    re.MULTILINE | re.ASCII,
)


def _swap_base(text: g.Text) -> int:
    """The radix of offsets on swap: 16 where any in the text holds a letter (kernels 2.4), else 10."""
    if _HEX_SWAP not in text.kept:
        text.kept[_HEX_SWAP] = 16 if _HEX_SWAP.search(text) else 10
    base: int = text.kept[_HEX_SWAP]
    return base


def _goes_on(text: g.Text, place: int, line: str, area: VmArea) -> VmArea | None:
    """The area with this line added to its file's name."""
    from crashdrive.parsers.grammar.joined import rest_of_name

    file = None if _OTHER.match(line) else rest_of_name(text, place, line, area.file)
    return None if file is None else replace(area, file=file)


def _not_found(row: re.Match[str]) -> str:
    g.Text.of(row.string).note(row.start(), "empty", "crash found no such area")
    return _NONE


def _task(text: g.Text, place: int, task: TaskHeader, below: list[Any]) -> tuple[int, TaskMemory]:
    spaces = [one for one in below if isinstance(one, _Space)]
    if len(spaces) > 1:
        text.misfit(place, "the address space of a task stands twice")
    mm, pgd, rss, total_vm = spaces[0] if spaces else (None, None, None, None)
    areas = _with_pages(text, below)
    if not (areas or mm == 0 or _NONE in below):
        _mark_silence(text, place, task)
    return place, TaskMemory(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        mm=mm,
        pgd=pgd,
        rss=rss,
        total_vm=total_vm,
        areas=areas,
    )


def _mark_silence(text: g.Text, place: int, task: TaskHeader) -> None:
    """Mark a user task without areas, with a notice behind crash's own about the task."""
    following = HEADER.search(text, place + 1)
    notice = Notice(kind="partial", message=f"crash said nothing of the areas of task {task.task:x}")
    text.remark(following.start() if following else len(text), notice, incomplete=True, late=True)


def _with_pages(text: g.Text, below: list[Any]) -> tuple[VmArea, ...]:
    """The areas, each with the pages that stand below it."""
    areas: list[VmArea] = []
    for one in below:
        if isinstance(one, VmArea):
            areas.append(one)
        elif isinstance(one, _Pages) and areas and areas[-1].pages is None:
            areas[-1] = replace(areas[-1], pages=one.pages)
        elif isinstance(one, _Pages):
            text.misfit(one.place, "pages of no area")
    return tuple(areas)


def _check_memory(source: Source, found: list[tuple[int, TaskMemory]]) -> list[TaskMemory]:
    """The tasks, which must have been asked for."""
    tasks = check_asked(source, found)
    if any(_maybe_2_4(area) for task in tasks for area in task.areas) and not _HEX_SWAP.search(source.text):
        source.note("doubtful", "offsets on swap are read as decimal; of a kernel 2.4 they are hexadecimal")
    if not source.text.strip() and source.command.has("R"):
        say_empty(source, "no such reference")
        return tasks
    return demand_records(source, tasks, "no task's header line")


def _maybe_2_4(area: VmArea) -> bool:
    """Whether an area has pages on swap and addresses of 32 bits, as nearly all kernels 2.4 had."""
    return area.vma < 1 << 32 and any(page.swap is not None for page in area.pages or ())


def _flags() -> g.ParserElement:
    """``3875: (READ|EXEC|MAYREAD)``, ``0: ()``."""
    return g.Rows(
        g.Row(
            r"([0-9a-f]{1,16}): \(([A-Z_|]*+)\)",
            lambda row: VmFlags(flags=int(row[1], 16), names=tuple(row[2].split("|")) if row[2] else ()),
            "flags of an area: FLAGS: (NAME|NAME)",
        )
    )


SHAPES = (
    Shape(
        name="flags",
        record=VmFlags,
        grammar=_flags,
        options="-f flags",
        when=lambda source: source.command.has("f"),
    ),
    Shape(
        name="structures",
        record=TaskStructures,
        grammar=structures,
        finish=check_structures,
        options="-m -v",
        when=lambda source: source.command.has("mv"),
    ),
    Shape(
        name="memory",
        record=TaskMemory,
        grammar=_memory,
        finish=_check_memory,
        options="(none) -p -P vma -M mm -R reference",
    ),
)
EXAMPLES = (
    *("vm", "vm {pid}", "vm 0", "vm -p {pid}", "vm -P {vma} {pid}", "vm -P 0 {pid}", "vm -M {mm} {pid}"),
    *("vm -m {pid}", "vm -x -m {pid}", "vm -v {pid}", "vm -R {vma} {pid}", "vm -R no_such_file {pid}"),
    *("vm -f 3875", "vm -f 0", "vm 999999", "vm -Z", "vm -d -v {pid}"),
)
