"""``ptov``: the kernel's virtual address of a physical one, or of a per-cpu offset on each CPU.

Source in crash: ``cmd_ptov()`` (memory.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Address, Record

OPTSTRING = ""
EXAMPLES = ("ptov 56e000", "ptov 56e000 1000", "ptov b0c0:a", "ptov b0c0:0", "ptov zz")


class VirtualAddress(Record, frozen=True):
    """A physical address and where the kernel maps it; ``virtual`` is None where it doesn't."""

    virtual: Address | None
    physical: Address


class PerCpuVirtual(Record, frozen=True):
    """A per-cpu ``offset`` and where it is on a CPU; ``offline``: that CPU is offline."""

    offset: int
    cpu: int
    virtual: Address
    offline: bool = False


_HEADER = re.compile(r"VIRTUAL +PHYSICAL *")
_ROW = re.compile(r"([0-9a-f]{1,16}|unknown) +([0-9a-f]{1,16}) *")
_OFFSET = re.compile(r"PER-CPU OFFSET: ([0-9a-f]{1,16}) *")
_CPU_HEADER = re.compile(r" +CPU +VIRTUAL *")
_CPU_ROW = re.compile(r" +\[(\d{1,5})\] +([0-9a-f]{1,16})( \[OFFLINE\])? *")


def _parse(source: Source) -> Sequence[VirtualAddress | PerCpuVirtual]:
    records: list[VirtualAddress | PerCpuVirtual] = []
    state = ""
    base = 0
    for offset, line in source.lines():
        if not line.strip():
            state = ""
        elif _HEADER.fullmatch(line) and not state:
            state = "address"
        elif (match := _OFFSET.fullmatch(line)) and not state:
            state, base = "offset", int(match[1], 16)
        elif _CPU_HEADER.fullmatch(line) and state == "offset":
            state = "cpus"
        elif (match := _ROW.fullmatch(line)) and state == "address":
            virtual = None if match[1] == "unknown" else int(match[1], 16)
            records.append(VirtualAddress(virtual, int(match[2], 16)))
        elif (match := _CPU_ROW.fullmatch(line)) and state == "cpus":
            records.append(PerCpuVirtual(base, int(match[1]), int(match[2], 16), bool(match[3])))
        else:
            source.reject(offset, "no address")
    if not records:
        source.fail(0, "no address")
    return records


SHAPES = (
    Shape(
        name="addresses",
        record=VirtualAddress | PerCpuVirtual,
        parse=_parse,
        options="ptov ADDRESS...; ptov OFFSET:CPUS",
    ),
)
