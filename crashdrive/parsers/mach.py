"""``mach``: the machine that the dump was taken of.

Source in crash: ``x86_64_display_machine_stats()``, ``x86_64_display_memmap()``,
``x86_64_display_cpu_data()`` and their like of each architecture, ``opalmsg`` (ppc64.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.rows import demand_records, lines_of, parse_rows, skip_or_reject, words_of
from crashdrive.parsers.grammar.structures import Structure, read_structures
from crashdrive.parsers.sys import size_of
from crashdrive.records import Record


class CpuStack(Record, frozen=True, kw_only=True):
    """A CPU's stack; ``available`` False: crash found that it isn't mapped."""

    cpu: int
    address: int
    available: bool = True


class StackSet(Record, frozen=True, kw_only=True):
    """The stacks of one kind (``IRQ``, ``NMI``, ``HARD IRQ``): their size in bytes, one for each CPU."""

    name: str
    size: int
    stacks: tuple[CpuStack, ...] = ()


class Machine(Record, frozen=True, kw_only=True):
    """The machine. ``memory``: bytes, as exact as crash's rounded figure; ``page_size``: bytes.

    ``bases`` maps crash's names in lower case (``kernel_vmalloc_base``) to addresses.
    """

    type: str
    memory: int
    cpus: int
    offline_cpus: int = 0
    hypervisor: str | None = None
    processor_mhz: int | None = None
    hz: int
    mmu: str | None = None
    page_size: int
    kernel_stack_size: int | None = None
    bases: dict[str, int]
    stacks: tuple[StackSet, ...] = ()


class MemoryRange(Record, frozen=True, kw_only=True):
    """A range of physical memory, ``end`` behind its last byte, and what firmware said it is."""

    start: int
    end: int
    type: str


class CpuData(Record, frozen=True, kw_only=True):
    """A CPU's structures (``cpuinfo_x86``); ``cpu`` None: crash's BOOT CPU."""

    cpu: int | None
    offline: bool = False
    structures: tuple[Structure, ...] = ()


class FirmwareMessage(Record, frozen=True, kw_only=True):
    """A line of the OPAL firmware's console; ``timestamp`` in seconds."""

    timestamp: float
    level: int
    text: str


OPTSTRING = "cmxdo"
EXAMPLES = ("mach", "mach -m", "mach -c", "mach -cx", "mach -o")

_LABEL = re.compile(r" *+([A-Z(][A-Za-z0-9()/ ]{1,40}?): ?([^\n]*?)[ ]*")
_CPU = re.compile(r" *+CPU (\d{1,6}): ([0-9a-f]{1,16})( \[unavailable\])?[ ]*")
_STACK_SIZE = re.compile(r"(.{1,30}) STACK SIZE")
_STACKS = re.compile(r"(.{1,30}) STACKS")
_BASE = re.compile(r"(?:KERNEL|USER) .{1,30} (?:BASE|MAP|REGION)|KERNEL (?:START MAP|MAP BASE)")
_NEEDED = ("MACHINE TYPE", "MEMORY SIZE", "CPUS", "HZ", "PAGE SIZE")


class _Reader:
    """The main block, line by line."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._values: dict[str, str] = {}
        self._bases: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._stacks: dict[str, list[CpuStack]] = {}
        self._into: list[CpuStack] | None = None

    def feed(self, offset: int, line: str) -> None:
        """One line."""
        if (cpu := _CPU.fullmatch(line)) and self._into is not None:
            self._into.append(CpuStack(cpu=int(cpu[1]), address=int(cpu[2], 16), available=not cpu[3]))
            return
        found = _LABEL.fullmatch(line)
        if found is None or not self._take(offset, found[1], found[2]):
            skip_or_reject(self._source, offset, line, "nothing that crash says of a machine")

    def _take(self, offset: int, label: str, text: str) -> bool:
        if label in self._values:
            self._source.fail(offset, f"{label} stands twice")
        self._into = None
        if (stacks := _STACKS.fullmatch(label)) and not text:
            self._into = self._stacks.setdefault(stacks[1], [])
        elif (size := _STACK_SIZE.fullmatch(label)) and text.isdecimal():
            self._sizes[size[1]] = int(text)
        elif _BASE.fullmatch(label) and re.fullmatch(r"[0-9a-f]{1,16}", text):
            self._bases[label.lower().replace(" ", "_").replace("/", "_")] = int(text, 16)
        elif label in {*_NEEDED, "HYPERVISOR", "PROCESSOR SPEED", "MMU"}:
            self._values[label] = text
        else:
            return False
        return True

    def machine(self) -> Machine:
        """The whole block."""
        for label in _NEEDED:
            if label not in self._values:
                self._source.fail(0, f"no {label} line")
        speed = re.fullmatch(r"(\d{1,9}) Mhz|\(unknown\)", self._values.get("PROCESSOR SPEED", "(unknown)"))
        memory = size_of(self._values["MEMORY SIZE"])
        cpus = re.fullmatch(r"(\d{1,6})(?: \[OFFLINE: (\d{1,6})\])?", self._values["CPUS"])
        if speed is None or memory is None or cpus is None:
            self._source.fail(0, "no processor speed, memory size or number of CPUs")
        kernel_stack = self._sizes.pop("KERNEL", None)
        names = dict.fromkeys([*self._sizes, *self._stacks])
        return Machine(
            type=self._values["MACHINE TYPE"],
            memory=memory,
            cpus=int(cpus[1]),
            offline_cpus=int(cpus[2] or 0),
            hypervisor=self._values.get("HYPERVISOR"),
            processor_mhz=int(speed[1]) if speed[1] else None,
            hz=self._number("HZ"),
            mmu=self._values.get("MMU"),
            page_size=self._number("PAGE SIZE"),
            kernel_stack_size=kernel_stack,
            bases=self._bases,
            stacks=tuple(self._stack_set(name) for name in names),
        )

    def _number(self, label: str) -> int:
        text = self._values[label]
        return int(text) if text.isdecimal() else self._source.fail(0, f"{label} is no number")

    def _stack_set(self, name: str) -> StackSet:
        if name not in self._sizes:
            self._source.note("partial", f"no size of the {name} stacks", incomplete=True)
        return StackSet(name=name, size=self._sizes.get(name, 0), stacks=tuple(self._stacks.get(name, ())))


def _parse_machine(source: Source) -> list[Machine]:
    reader = _Reader(source)
    for offset, line in source.lines():
        reader.feed(offset, line)
    return [reader.machine()]


_RANGE = re.compile(
    r"^(?P<start>[0-9a-f]{8,16}) - (?P<end>[0-9a-f]{8,17})  "
    r"(?P<type>[A-Z][A-Z0-9_]{1,30}|type -?\d{1,10})[ ]*$",
    re.MULTILINE,
)


def _parse_ranges(source: Source) -> list[MemoryRange]:
    headers = 0

    def header(_offset: int, line: str) -> bool:
        nonlocal headers
        headers += words_of(line) == ["PHYSICAL", "ADDRESS", "RANGE", "TYPE"]
        return words_of(line) == ["PHYSICAL", "ADDRESS", "RANGE", "TYPE"]

    found = parse_rows(source, _RANGE, _range, other=header)
    if headers != 1:
        source.fail(0, "no table of memory ranges")
    return demand_records(source, found)


def _range(row: re.Match[str]) -> MemoryRange:
    return MemoryRange(start=int(row["start"], 16), end=int(row["end"], 16), type=row["type"])


_CPU_LINE = re.compile(r"(?:CPU (\d{1,6})|BOOT CPU):( \[OFFLINE\])?[ ]*")


def _parse_cpus(source: Source) -> list[CpuData]:
    heads = [(o, head) for o, line in source.lines() if (head := _CPU_LINE.fullmatch(line))]
    if not heads:
        source.fail(0, "no CPU")
    for offset, line in lines_of(source.text, 0, heads[0][0]):
        skip_or_reject(source, offset, line, "no CPU")
    found: list[CpuData] = []
    for (offset, head), end in zip(heads, [*(o for o, _ in heads[1:]), len(source.text)], strict=True):
        structures, stop = read_structures(source, offset + head.end(), end)
        for place, line in lines_of(source.text, stop, end):
            skip_or_reject(source, place, line, "no structure of a CPU")
        if not structures and not head[2]:
            source.fail(offset, "a CPU without its structure")
        cpu = int(head[1]) if head[1] else None
        found.append(CpuData(cpu=cpu, offline=head[2] is not None, structures=tuple(structures)))
    return found


_MESSAGE = re.compile(r"\[ *(\d{1,12}\.\d{1,9}),(\d{1,2})\] (.*)")


def _parse_messages(source: Source) -> list[FirmwareMessage]:
    found: list[FirmwareMessage] = []
    for offset, line in source.lines():
        message = _MESSAGE.fullmatch(line)
        if message:
            entry = FirmwareMessage(timestamp=float(message[1]), level=int(message[2]), text=message[3])
            found.append(entry)
        else:
            skip_or_reject(source, offset, line, "no message of the firmware")
    return demand_records(source, found)


def _given(letter: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letter)


_EVERY: tuple[tuple[str, Any, Callable[[Source], Any], str], ...] = (
    ("memory", MemoryRange, _parse_ranges, "m"),
    ("cpus", CpuData, _parse_cpus, "c"),
    ("firmware", FirmwareMessage, _parse_messages, "o"),
)

SHAPES = (
    *(
        Shape(name=name, record=record, parse=parse, options=f"-{letter}", when=_given(letter))
        for name, record, parse, letter in _EVERY
    ),
    Shape(name="machine", record=Machine, parse=_parse_machine, options="(none)"),
)
