"""``mach``: the machine that the dump was taken of.

Source in crash: ``x86_64_display_machine_stats()``, ``x86_64_display_memmap()``,
``x86_64_display_cpu_data()`` and their like of each architecture, ``opalmsg`` (ppc64.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import note_error
from crashdrive.parsers.grammar.rows import demand_records, lines_of, parse_rows, skip_or_reject, words_of
from crashdrive.parsers.grammar.structures import Structure, read_structures
from crashdrive.parsers.sys import size_of
from crashdrive.records import Address, Bits, Record

V = TypeVar("V")


class CpuStack(Record, frozen=True, kw_only=True):
    """A CPU's stack; ``available`` False: crash found that it isn't mapped; ``offline``: the CPU is."""

    cpu: int
    address: Address
    available: bool = True
    offline: bool = False


class StackSet(Record, frozen=True, kw_only=True):
    """The stacks of one kind (``IRQ``, ``NMI``, ``HARD IRQ``), one for each CPU that has one.

    ``size`` in bytes; None where crash doesn't tell it (ppc64's ``EMERGENCY`` stacks).
    """

    name: str
    size: int | None = None
    stacks: tuple[CpuStack, ...] = ()


class Machine(Record, frozen=True, kw_only=True):
    """The machine. ``memory``: bytes, as exact as crash's rounded figure; ``page_size``: bytes.

    ``bases`` maps crash's names in lower case (``kernel_vmalloc_base``) to addresses; a name that stands
    twice (ia64's regions of user stacks and of user data are both ``USER DATA/STACK REGION``, in this order)
    has ``_2`` at its second address. ``platform``: 32-bit ppc's. Of 32-bit MIPS crash tells only clock, page
    size and ``page_flags``, the bits of a page table entry by name; type, memory and CPUs are None there.
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


class MemoryRange(Record, frozen=True, kw_only=True):
    """A range of physical memory, ``end`` behind its last byte, and what firmware said it is.

    ``type`` is the resource's name on sparc64. Only ia64 has ``attributes`` (``WB``, ``RUNTIME``),
    ``available`` (whether it is memory that the kernel uses) and ``region`` (``R6``, ``R7``: where the
    firmware wants it mapped).
    """

    start: Address
    end: Address
    type: str
    attributes: tuple[str, ...] | None = None
    available: bool | None = None
    region: str | None = None


class CpuData(Record, frozen=True, kw_only=True):
    """A CPU's structures (``cpuinfo_x86``); ``cpu`` None: crash's BOOT CPU, or Alpha's HWRPB.

    ``boot``: crash knows only the structure of the CPU that booted (ia64).
    """

    cpu: int | None
    offline: bool = False
    boot: bool = False
    structures: tuple[Structure, ...] = ()


class FirmwareMessage(Record, frozen=True, kw_only=True):
    """A line of the OPAL firmware's console; ``timestamp`` in seconds."""

    timestamp: float
    level: int
    text: str


OPTSTRING = "cmxdo"
EXAMPLES = ("mach", "mach -m", "mach -c", "mach -cx", "mach -o")

_LABEL = re.compile(r" *+([A-Z(][A-Za-z0-9()/ ]{1,40}?): ?([^\n]*?)[ ]*")
_CPU = re.compile(r" *+CPU (\d{1,6}): ([0-9a-f]{1,16})( \[unavailable\])?( \[OFFLINE\])?[ ]*")
_PAGE_FLAG = re.compile(r" *+(_PAGE_[A-Z_]{1,20}): ([0-9a-f]{8})[ ]*")
_STACK_SIZE = re.compile(r"(.{1,30}) STACK SIZE")
_STACKS = re.compile(r"(.{1,30}) STACKS")
_EMERGENCY = re.compile(r"((?:(?:NMI|MC) )?EMERGENCY) STACK")
_BASE = re.compile(r"(?:KERNEL|USER) .{1,30} (?:BASE|MAP|REGION)|KERNEL (?:START MAP|MAP BASE)")
_NEEDED = ("MACHINE TYPE", "MEMORY SIZE", "CPUS", "HZ", "PAGE SIZE")
_MIPS_NEEDED = ("HZ", "PAGE SIZE")
_OTHERS = ("HYPERVISOR", "PROCESSOR SPEED", "MMU", "PLATFORM", "L1 CACHE SIZE")
# Both are ia64's: crash gives its regions of user stacks and of user data one name.
_TWICE = "user_data_stack_region"
_UNSUPPORTED = re.compile(r"[A-Z0-9]{3,9}: '-[a-z]' option is not supported[ ]*")


class _Reader:
    """The main block, line by line."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._values: dict[str, str] = {}
        self._bases: dict[str, int] = {}
        self._sizes: dict[str, int | None] = {}
        self._stacks: dict[str, list[CpuStack]] = {}
        self._flags: dict[str, int] = {}
        self._into: list[CpuStack] | None = None

    def feed(self, offset: int, line: str) -> None:
        """One line."""
        if (cpu := _CPU.fullmatch(line)) and self._into is not None:
            self._add_stack(offset, cpu, self._into)
        elif flag := _PAGE_FLAG.fullmatch(line):
            self._put(offset, self._flags, flag[1], int(flag[2], 16))
        elif _UNSUPPORTED.fullmatch(line):
            note_error(self._source, offset, line)
        else:
            found = _LABEL.fullmatch(line)
            if found is None or not self._take(offset, found[1], found[2]):
                skip_or_reject(self._source, offset, line, "nothing that crash says of a machine")

    def _add_stack(self, offset: int, cpu: re.Match[str], into: list[CpuStack]) -> None:
        if into and into[-1].cpu >= int(cpu[1]):
            self._source.fail(offset, f"the stack of CPU {into[-1].cpu} is followed by CPU {cpu[1]}")
        into.append(
            CpuStack(
                cpu=int(cpu[1]), address=int(cpu[2], 16), available=not cpu[3], offline=cpu[4] is not None
            )
        )

    def _put(self, offset: int, into: dict[str, V], name: str, value: V) -> None:
        if name in into:
            self._source.fail(offset, f"{name} stands twice")
        into[name] = value

    def _take(self, offset: int, label: str, text: str) -> bool:
        self._into = None
        if (stacks := _STACKS.fullmatch(label)) and not text:
            self._into = []
            self._put(offset, self._stacks, stacks[1], self._into)
        elif emergency := _EMERGENCY.fullmatch(label):
            self._into = None if text else []
            self._put(offset, self._stacks, emergency[1], [] if self._into is None else self._into)
            self._put(offset, self._sizes, emergency[1], None)
            return text in {"", "(unused)"}
        elif (size := _STACK_SIZE.fullmatch(label)) and text.isdecimal():
            self._put(offset, self._sizes, size[1], int(text))
        elif _BASE.fullmatch(label) and re.fullmatch(r"[0-9a-f]{1,16}", text):
            name = label.lower().replace(" ", "_").replace("/", "_")
            twice = name == _TWICE and name in self._bases
            self._put(offset, self._bases, f"{name}_2" if twice else name, int(text, 16))
        elif label in {*_NEEDED, *_OTHERS}:
            self._put(offset, self._values, label, text)
        else:
            return False
        return True

    def machine(self) -> Machine:
        """The whole block."""
        for label in _MIPS_NEEDED if self._flags else _NEEDED:
            if label not in self._values:
                self._source.fail(0, f"no {label} line")
        cpus = re.fullmatch(r"(\d{1,6})(?: \[OFFLINE: (\d{1,6})\])?", self._values.get("CPUS", "0"))
        if cpus is None:
            self._source.fail(0, "no number of CPUs")
        kernel_stack = self._sizes.pop("KERNEL", None)
        names = dict.fromkeys([*self._sizes, *self._stacks])
        return Machine(
            type=self._values.get("MACHINE TYPE"),
            platform=self._values.get("PLATFORM"),
            memory=self._memory(),
            cpus=int(cpus[1]) if "CPUS" in self._values else None,
            offline_cpus=int(cpus[2] or 0),
            hypervisor=self._values.get("HYPERVISOR"),
            processor_mhz=self._speed(),
            hz=self._number("HZ"),
            mmu=self._values.get("MMU"),
            page_size=self._number("PAGE SIZE"),
            l1_cache_size=self._number("L1 CACHE SIZE") if "L1 CACHE SIZE" in self._values else None,
            kernel_stack_size=kernel_stack,
            bases=self._bases,
            page_flags=self._flags or None,
            stacks=tuple(self._stack_set(name) for name in names),
        )

    def _memory(self) -> int | None:
        text = self._values.get("MEMORY SIZE")
        memory = None if text is None else size_of(text)
        if text is not None and memory is None:
            self._source.fail(0, "MEMORY SIZE is no size")
        return memory

    def _speed(self) -> int | None:
        """In MHz; None where crash couldn't tell it (arm64 has no line then)."""
        speed = re.fullmatch(r"(\d{1,9}) Mhz|\(unknown\)", self._values.get("PROCESSOR SPEED", "(unknown)"))
        if speed is None:
            self._source.fail(0, "PROCESSOR SPEED is no speed")
        return int(speed[1]) if speed[1] else None

    def _number(self, label: str) -> int:
        text = self._values[label]
        return int(text) if text.isdecimal() else self._source.fail(0, f"{label} is no number")

    def _stack_set(self, name: str) -> StackSet:
        missing = [
            what for what, known in (("size", self._sizes), ("addresses", self._stacks)) if name not in known
        ]
        if missing:
            self._source.note("partial", f"no {missing[0]} of the {name} stacks", incomplete=True)
        return StackSet(name=name, size=self._sizes.get(name), stacks=tuple(self._stacks.get(name, ())))


def _parse_machine(source: Source) -> list[Machine]:
    reader = _Reader(source)
    for offset, line in source.lines():
        reader.feed(offset, line)
    return [reader.machine()]


# x86: E820 types; ia64: EFI types, attributes, what crash says of the access; sparc64: a resource's name.
_RANGE = re.compile(
    r"^(?P<start>[0-9a-f]{8,16}) - (?P<end>[0-9a-f]{8,17})  "
    r"(?P<type>E820_[A-Z0-9_]{1,30}|type -?\d{1,10}|\(invalid type\))[ ]*$",
    re.MULTILINE,
)
_EFI_RANGE = re.compile(
    r"^(?P<start>[0-9a-f]{16}) - (?P<end>[0-9a-f]{16})  (?P<type>[A-Z_]{1,30}|\(unknown type\)) "
    r"(?P<attributes>[A-Z|]{0,40}) (?P<available>\[available\])?(?:\[(?P<region>R[67])\])?[ ]*$",
    re.MULTILINE,
)
_RESOURCE = re.compile(
    r"^(?P<start>[0-9a-f]{16}) - (?P<end>[0-9a-f]{16})  (?=[^\n]{32}$)(?P<type>\S[^\n]{0,31}?)[ ]*$",
    re.MULTILINE,
)
_RANGE_HEADERS: dict[str, tuple[re.Pattern[str], ...]] = {
    "PHYSICAL ADDRESS RANGE TYPE": (_RANGE, _RESOURCE),
    "PHYSICAL ADDRESS RANGE TYPE / ATTRIBUTE / [ACCESS]": (_EFI_RANGE,),
}


def _parse_ranges(source: Source) -> list[MemoryRange]:
    heads = [(offset, text) for offset, line in source.lines() if (text := _words(line)) in _RANGE_HEADERS]
    if len(heads) != 1:
        source.fail(heads[1][0] if heads else 0, "not one table of memory ranges")
    patterns = _RANGE_HEADERS[heads[0][1]]
    pattern = next((p for p in patterns if p.search(source.text)), patterns[0])
    found = parse_rows(
        source,
        pattern,
        lambda row: _range(row, resource=pattern is _RESOURCE),
        other=lambda offset, _line: offset == heads[0][0],
    )
    return demand_records(source, found)


def _words(line: str) -> str:
    return " ".join(words_of(line))


def _range(row: re.Match[str], *, resource: bool) -> MemoryRange:
    """``resource``: sparc64 shows the kernel's resources, which end at their last byte."""
    more = row.groupdict()
    attributes = more.get("attributes")
    efi = attributes is not None
    return MemoryRange(
        start=int(row["start"], 16),
        end=int(row["end"], 16) + resource,
        type=row["type"],
        attributes=tuple((attributes or "").split("|")) if attributes else () if efi else None,
        available=more["available"] is not None if efi else None,
        region=more.get("region"),
    )


_CPU_LINE = re.compile(r"(?:CPU (\d{1,6})|BOOT CPU|HWRPB):(?: (\[OFFLINE\]|\(boot\)))?[ ]*")


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
        offline = head[2] == "[OFFLINE]"
        if not structures and not offline:
            source.fail(offset, "a CPU without its structure")
        cpu = int(head[1]) if head[1] else None
        if any(known.cpu == cpu for known in found):
            source.fail(offset, "a CPU that stands twice")
        found.append(
            CpuData(cpu=cpu, offline=offline, boot=head[2] == "(boot)", structures=tuple(structures))
        )
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
    """Some architectures lack the option: crash says so and prints the machine (ppc64, arm)."""
    return lambda source: (
        source.command.has(letter) and not _UNSUPPORTED.fullmatch(source.text.partition("\n")[0])
    )


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
