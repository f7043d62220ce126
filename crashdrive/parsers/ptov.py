"""``ptov``: the kernel's virtual address of a physical one, or of a per-cpu offset on each CPU.

Source in crash: ``cmd_ptov()`` (memory.c).

As crash prints it::

    crash> ptov 56e000
    VIRTUAL           PHYSICAL
    ffff8c3b0056e000  56e000
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape
from crashdrive.parsers.grammar.columns import HEX, Column, or_none
from crashdrive.records import Address, Record


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


def _addresses() -> g.ParserElement:
    """A table for each argument, set apart by blank lines::

    VIRTUAL           PHYSICAL
    ffff88800056e000  56e000

    PER-CPU OFFSET: b0c0
      CPU    VIRTUAL
      [0]  ffff88803fc0b0c0
      [1]  ffff88803fd0b0c0 [OFFLINE]
    """
    address = g.table(
        VirtualAddress,
        Column("VIRTUAL", "virtual", or_none(HEX, "unknown")),
        Column("PHYSICAL", "physical", HEX),
        what="addresses",
        between=g.noise(blank=False),
        until=g.Blank(),
    )
    base = g.Row(r"PER-CPU OFFSET: ([0-9a-f]{1,16}+)", lambda row: int(row[1], 16), "PER-CPU OFFSET: OFFSET")
    cpu = g.Row(
        r" ++\[(\d{1,5}+)\] ++([0-9a-f]{1,16}+)( \[OFFLINE\])?",
        lambda row: PerCpuVirtual(0, int(row[1]), int(row[2], 16), bool(row[3])),
        "a CPU's address: [CPU] ADDRESS",
    )
    cpus = g.Rows(cpu, between=g.noise(blank=False), until=g.Blank())
    offset = g.made(base + g.Titles("CPU", "VIRTUAL") + cpus, _with_offset)
    return g.Many((address | offset).set_name("an address, or a per-cpu offset"))


def _with_offset(_text: g.Text, _place: int, values: list[Any]) -> list[PerCpuVirtual]:
    offset, *cpus = values
    return [replace(cpu, offset=offset) for cpu in cpus]


SHAPES = (
    Shape(
        name="addresses",
        record=VirtualAddress | PerCpuVirtual,
        grammar=_addresses,
        options="ptov ADDRESS...; ptov OFFSET:CPUS",
    ),
)

EXAMPLES = ("ptov 56e000", "ptov 56e000 1000", "ptov b0c0:a", "ptov b0c0:0", "ptov zz")
