"""``mach``: the machine that the dump was taken of.

Source in crash: ``x86_64_display_machine_stats()`` and its like of each architecture; `_mach_options` has
what its options print.

As crash prints it::

    crash> mach
              MACHINE TYPE: x86_64
               MEMORY SIZE: 511.5 MB
                      CPUS: 2 [OFFLINE: 1]
           PROCESSOR SPEED: 2594 Mhz
                        HZ: 250
                 PAGE SIZE: 4096
    ...
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from crashdrive.parsers import _mach_options as own
from crashdrive.parsers import grammar as g
from crashdrive.parsers._mach_options import CpuData, FirmwareMessage, MemoryRange
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import DECIMAL, Cell, Column, or_none
from crashdrive.parsers.sys import size_of
from crashdrive.records import Address, Bits, Record

__all__ = [
    "EXAMPLES",
    "SHAPES",
    "CpuData",
    "CpuStack",
    "FirmwareMessage",
    "Machine",
    "MemoryRange",
    "StackSet",
]

V = TypeVar("V")


class CpuStack(Record, frozen=True, kw_only=True):
    """A CPU's stack. ``available`` is False where it isn't mapped; ``offline``: the CPU is offline."""

    cpu: int
    address: Address
    available: bool = True
    offline: bool = False


class StackSet(Record, frozen=True, kw_only=True):
    """The stacks of one kind (``IRQ``, ``NMI``, ``HARD IRQ``), one for each CPU that has one.

    ``size`` in bytes; None where crash doesn't print it (ppc64's ``EMERGENCY`` stacks). Several that crash
    has no name for are ``(unknown)``, ``(unknown)_2``, ....
    """

    name: str
    size: int | None = None
    stacks: tuple[CpuStack, ...] = ()


class Machine(Record, frozen=True, kw_only=True):
    """The machine. ``memory``: bytes, as exact as crash's rounded figure; ``page_size``: bytes.

    ``bases`` maps crash's names in lower case (``kernel_vmalloc_base``) to addresses. On ia64 ``USER
    DATA/STACK REGION`` stands twice, for user stacks and then for user data: the second name ends in ``_2``.
    ``platform``: of 32-bit ppc alone. Of 32-bit MIPS crash prints only clock, page size and ``page_flags``,
    the bits of a page table entry by name; type, memory and CPUs are None there.
    """

    type: str | None = None
    platform: str | None = None
    memory: int | None = None
    cpus: int | None = None
    offline_cpus: int = 0
    hypervisor: str | None = None
    processor_mhz: int | None = None
    hz: int
    mmu: str | None = None
    page_size: int
    l1_cache_size: int | None = None
    kernel_stack_size: int | None = None
    bases: dict[str, Address]
    page_flags: dict[str, Bits] | None = None
    stacks: tuple[StackSet, ...] = ()


class _Line(Record, frozen=True):
    """A line of the block: its offset in the text, its kind, its name and value, the stacks below it."""

    place: int
    kind: str
    name: str
    value: Any
    stacks: tuple[CpuStack, ...] = ()


def _cpu_counts(text: str) -> tuple[int, int]:
    """``2 [OFFLINE: 1]``: all, offline."""
    numbers = [int(number) for number in re.findall(r"\d{1,6}", text)]
    return numbers[0], numbers[1] if len(numbers) > 1 else 0


# No value holds a colon: that would be another line, whose newline was lost.
_WORDS = Cell(r"(?:[^ :\n]++(?: [^ :\n]++)*+)?+")
_COLUMNS = (
    Column("MACHINE TYPE", "type", _WORDS),
    Column("PLATFORM", "platform", _WORDS),
    Column(
        "MEMORY SIZE", "memory", Cell(r"[\d.]{1,20}+ [A-Z]{1,10}+(?: [\d.]{1,20}+ [A-Z]{1,10}+)*+", size_of)
    ),
    Column("CPUS", "cpus", Cell(r"\d{1,6}+(?: \[OFFLINE: \d{1,6}\])?+", _cpu_counts)),
    Column("HYPERVISOR", "hypervisor", _WORDS),
    Column(
        "PROCESSOR SPEED",
        "processor_mhz",
        or_none(Cell(r"\d{1,9} Mhz", lambda text: int(text[:-4])), r"\(unknown\)"),
    ),
    Column("HZ", "hz", DECIMAL),
    Column("MMU", "mmu", _WORDS),
    Column("PAGE SIZE", "page_size", DECIMAL),
    Column("L1 CACHE SIZE", "l1_cache_size", DECIMAL),
)
_CELLS = {column.field: column.cell for column in _COLUMNS}
_NEEDED = ("type", "memory", "cpus", "hz", "page_size")
_MIPS_NEEDED = ("hz", "page_size")
_UNNAMED = "(unknown)"
# On ia64 crash gives the regions of user stacks and of user data one name.
_TWICE = "user_data_stack_region"
_AS_NAME = str.maketrans(" /", "__")
_UNSUPPORTED = r"[A-Z0-9]{3,9}: '-[a-z]' option is not supported"


def _machine() -> g.ParserElement:
    """Lines of values, base addresses, sizes and addresses of stacks, and page flags (32-bit MIPS); each
    architecture has its own order::

              MACHINE TYPE: x86_64                     EMERGENCY STACK:
                      CPUS: 2 [OFFLINE: 1]                       CPU 0: c0000007fffa0000
       KERNEL VIRTUAL BASE: ffff890440000000       NMI EMERGENCY STACK: (unused)
            IRQ STACK SIZE: 16384
                IRQ STACKS:                              _PAGE_PRESENT: 00000001
                     CPU 0: ffffcdfe80000000
                     CPU 1: ffffcdfe800cd000 [unavailable]
    """
    name = r"(?!CPU \d)[A-Z(][A-Za-z0-9()/ ]{0,29}"
    kinds = (
        *(f"{column.title}: ?(?P<{column.field}>{column.cell.pattern})" for column in _COLUMNS),
        r"(?P<base>(?:KERNEL|USER) [A-Za-z0-9()/ ]{1,30} (?:BASE|MAP|REGION)): ?(?P<address>[0-9a-f]{1,16})",
        r"(?P<flag>_PAGE_[A-Z_]{1,20}): (?P<bits>[0-9a-f]{8})",
        rf"(?P<sized>{name}) STACK SIZE: ?(?P<size>\d{{1,20}})",
        rf"(?P<stacks>{name}) STACKS: ?",
        r"(?P<emergency>(?:(?:NMI|MC) )?EMERGENCY) STACK: ?(?P<unused>\(unused\))?",
    )
    line = g.Row(rf" *+(?:{'|'.join(kinds)})", _line, "a line of the machine: LABEL: VALUE")
    stack = g.Row(
        r" *+CPU (?P<cpu>\d{1,6}): (?P<at>[0-9a-f]{1,16})(?P<gone> \[unavailable\])?(?P<off> \[OFFLINE\])?",
        lambda row: CpuStack(
            cpu=int(row["cpu"]),
            address=int(row["at"], 16),
            available=not row["gone"],
            offline=bool(row["off"]),
        ),
        "a CPU's stack: CPU ADDRESS",
    )
    return g.Blocks(line, stack, make=_with_stacks, between=g.noise(g.Remark(_UNSUPPORTED, "error")))


def _line(found: re.Match[str]) -> _Line | None:
    place = found.start()
    kind = found.lastgroup or ""
    text = found[kind]
    if cell := _CELLS.get(kind):
        convert = cell.convert
        value = convert(text) if convert else text
        # a value that crash doesn't know is None; a line of memory without a size is refused
        return None if kind == "memory" and value is None else _Line(place, "value", kind, value)
    if kind == "size":
        return _Line(place, kind, found["sized"], int(text))
    if kind == "address":
        return _Line(place, "base", found["base"].lower().translate(_AS_NAME), int(text, 16))
    if kind == "bits":
        return _Line(place, "flag", found["flag"], int(text, 16))
    return _Line(place, kind, found["emergency"] or text, None)


def _with_stacks(text: g.Text, place: int, line: _Line, stacks: list[CpuStack]) -> _Line:
    if not stacks:
        return line
    if line.kind not in {"stacks", "emergency"}:
        text.misfit(text.next_line(place), "stacks of no kind")
    for before, after in itertools.pairwise(stacks):
        if before.cpu >= after.cpu:
            text.misfit(place, f"the stack of CPU {before.cpu} is followed by CPU {after.cpu}")
    return replace(line, stacks=tuple(stacks))


def _check_machine(source: Source, lines: list[_Line]) -> list[Machine]:
    """One machine, made of all lines. A line that stands twice, and a missing line that every architecture
    has, are errors.
    """
    values: dict[str, Any] = {}
    bases: dict[str, int] = {}
    flags: dict[str, int] = {}
    sizes: dict[str, int | None] = {}
    stacks: dict[str, tuple[CpuStack, ...]] = {}
    into: dict[str, dict[str, Any]] = {"value": values, "base": bases, "flag": flags, "size": sizes}
    for each in lines:
        line = _numbered(each, stacks if each.kind == "stacks" else sizes)
        if line.kind in {"stacks", "emergency", "unused"}:
            _put(source, line, stacks, line.stacks)
            if line.kind != "stacks":
                _put(source, line, sizes, None)
        elif line.name == _TWICE and line.name in bases:
            _put(source, replace(line, name=f"{_TWICE}_2"), bases, line.value)
        else:
            _put(source, line, into[line.kind], line.value)
    for column in _COLUMNS:
        if column.field in (_MIPS_NEEDED if flags else _NEEDED) and column.field not in values:
            source.fail(0, f"no {column.title} line")
    kernel_stack = sizes.pop("KERNEL", None)
    values["cpus"], values["offline_cpus"] = values.get("cpus", (None, 0))
    sets = tuple(_stack_set(source, name, sizes, stacks) for name in dict.fromkeys([*sizes, *stacks]))
    return [
        Machine(**values, kernel_stack_size=kernel_stack, bases=bases, page_flags=flags or None, stacks=sets)
    ]


def _numbered(line: _Line, among: Mapping[str, Any]) -> _Line:
    """A line of stacks that crash has no name for, as of x86-64's on 5.10, apart from the ones before it."""
    count = sum(name.startswith(_UNNAMED) for name in among) if line.name == _UNNAMED else 0
    return replace(line, name=f"{_UNNAMED}_{count + 1}") if count else line


def _put(source: Source, line: _Line, into: dict[str, V], value: V) -> None:
    if line.name in into:
        source.fail(line.place, f"{line.name} stands twice")
    into[line.name] = value


def _stack_set(
    source: Source, name: str, sizes: dict[str, int | None], stacks: dict[str, tuple[CpuStack, ...]]
) -> StackSet:
    missing = [what for what, known in (("size", sizes), ("addresses", stacks)) if name not in known]
    if missing:
        source.note("partial", f"no {missing[0]} of the {name} stacks", incomplete=True)
    return StackSet(name=name, size=sizes.get(name), stacks=stacks.get(name, ()))


def _given(letter: str) -> Callable[[Source], bool]:
    """Whether the output is that of the option. Architectures that lack it (ppc64, arm) say so and print the
    machine.
    """
    unsupported = re.compile(rf"{_UNSUPPORTED} *+(?:\n|\Z)", re.ASCII)
    return lambda source: source.command.has(letter) and not unsupported.match(source.text)


SHAPES = (
    Shape(
        name="memory",
        record=MemoryRange,
        grammar=own.ranges,
        finish=demand_records,
        options="-m",
        when=_given("m"),
    ),
    Shape(
        name="cpus", record=CpuData, grammar=own.cpus, finish=own.check_cpus, options="-c", when=_given("c")
    ),
    Shape(
        name="firmware",
        record=FirmwareMessage,
        grammar=own.messages,
        finish=demand_records,
        options="-o",
        when=_given("o"),
    ),
    Shape(name="machine", record=Machine, grammar=_machine, finish=_check_machine, options="(none)"),
)

EXAMPLES = (
    "mach",
    "mach -m",
    "mach -c",
    "mach -cx",
    "mach -o",
    *("mach -cd",),
)
