"""``irq``: interrupts, their handlers, counts and affinities.

Source in crash: ``generic_dump_irq()``, ``generic_show_interrupts()``, ``generic_get_irq_affinity()``,
``display_bh_1()`` to ``display_bh_4()``, ``display_idt_table()`` of each architecture (kernel.c, x86_64.c).

As crash prints it::

    crash> irq
     IRQ   IRQ_DESC/_DATA      IRQACTION      NAME
      0   ffff890441159a00  ffff890441155e00  "timer"
      2   ffff890441159c00      (unused)
     21   ffff88003787f780  ffff8800379a8b40  "ehci_hcd:usb2"
                            ffff8800379cbac0  "uhci_hcd:usb5"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from crashdrive.parsers import grammar as g
from crashdrive.parsers._irq_old import LabelledValue, OldIrq, old_lines
from crashdrive.parsers._irq_soft import BottomHalves, SoftIrq, check_softirqs, softirqs
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records, rows_or_hole
from crashdrive.records import Address, Record

__all__ = [
    "EXAMPLES",
    "SHAPES",
    "Affinity",
    "BottomHalves",
    "IdtEntry",
    "Irq",
    "IrqAction",
    "IrqCounts",
    "LabelledValue",
    "OldIrq",
    "SoftIrq",
]


class IrqAction(Record, frozen=True, kw_only=True):
    """A handler of an interrupt line: address of its irqaction, name."""

    irqaction: Address
    name: str | None


class Irq(Record, frozen=True, kw_only=True):
    """An interrupt line; ``irq_desc`` is None, and ``actions`` empty, where crash says ``(unused)``."""

    irq: int
    irq_desc: Address | None
    actions: tuple[IrqAction, ...] = ()


class IdtEntry(Record, frozen=True, kw_only=True):
    """An entry of the interrupt descriptor table."""

    vector: int
    function: str


class Affinity(Record, frozen=True, kw_only=True):
    """The CPUs that may serve an interrupt, and the names of its handlers."""

    irq: int
    names: tuple[str, ...]
    cpus: tuple[int, ...]


class IrqCounts(Record, frozen=True, kw_only=True):
    """How often an interrupt came, by CPU; ``chip``: the interrupt controller, ``name``: the handlers'."""

    irq: int
    counts: dict[int, int]
    chip: str | None
    name: str | None


_HEX = r"[0-9a-f]{1,16}"


class _Numbered(NamedTuple):
    """An interrupt line, and its offset in the text."""

    place: int
    irq: Irq


def _lines() -> g.ParserElement:
    """Interrupt lines; further handlers of a line stand below it."""
    name = r"(?: ++\"(?P<name>[^\r\n\t]*)\")?"
    apart = _apart(r"\" *+(?:\d{1,6} ++)?(?:[0-9a-f]{8,16}|\(unused\))", "an interrupt's row")

    def line(found: re.Match[str]) -> re.Match[str] | None:
        return None if apart(found, "name") else found

    def action(found: re.Match[str]) -> IrqAction | None:
        return None if apart(found, "name") else _action(found)

    row = g.Row(
        rf" *+(?P<irq>\d{{1,6}}) +(?:(?P<desc>{_HEX})|\(unused\)) +(?:(?P<action>{_HEX})|\(unused\)){name}",
        line,
        "an interrupt's row: IRQ IRQ_DESC/_DATA IRQACTION NAME",
    )
    more = g.Row(rf" {{10,}}+(?P<action>{_HEX}){name}", action, "another handler of it: IRQACTION NAME")
    return (
        g.Gap()
        + g.Titles("IRQ", "IRQ_DESC/_DATA", "IRQACTION", "NAME")
        + g.Opt(g.Blocks(row, more, make=_line))
    )


def _apart(head: str, what: str) -> Callable[[re.Match[str], str | int], bool]:
    """A function that tells whether a name holds the next row; imported when a text is read."""
    from crashdrive.parsers.grammar.joined import Apart

    return Apart(head, what).holds


def _line(_text: g.Text, place: int, row: re.Match[str], more: list[IrqAction]) -> _Numbered:
    first = [_action(row)] if row["action"] else []
    desc = int(row["desc"], 16) if row["desc"] else None
    return _Numbered(place, Irq(irq=int(row["irq"]), irq_desc=desc, actions=(*first, *more)))


def _action(row: re.Match[str]) -> IrqAction:
    return IrqAction(irqaction=int(row["action"], 16), name=row["name"])


def _check_lines(source: Source, found: list[_Numbered]) -> list[Irq]:
    """The interrupt lines. Numbers must ascend, unless the command line names them; an unused line has no
    handler.
    """
    lines: list[Irq] = []
    for place, irq in found:
        if lines and lines[-1].irq >= irq.irq and not source.command.arguments:
            source.reject(place, f"interrupt {lines[-1].irq} is followed by {irq.irq}")
            continue
        lines.append(irq)
    return rows_or_hole(source, lines)


def _idt() -> g.ParserElement:
    """``[14] page_fault``: a vector and its function, one a line."""

    def entry(row: re.Match[str]) -> IdtEntry:
        return IdtEntry(vector=int(row[1]), function=row[2])

    return g.Rows(g.Row(r" *+\[(\d{1,3})\] (\S{1,300}+)", entry, "an entry of the IDT: [VECTOR] FUNCTION"))


def _check_idt(source: Source, found: list[IdtEntry]) -> list[IdtEntry]:
    vectors = [entry.vector for entry in found]
    if sorted(set(vectors)) != vectors or vectors[:1] not in ([], [0]):
        source.fail(0, "the vectors don't count up from 0")
    if vectors and vectors[-1] >= len(vectors) and source.complete:
        source.note("partial", "vectors are missing", incomplete=True)
    return demand_records(source, found)


def _affinities() -> g.ParserElement:
    """A row for each interrupt: names of handlers with commas between, and CPUs; either may be missing::

    IRQ NAME                 AFFINITY
     16 ehci_hcd:usb2,ioc0   0,6-8
     17 virtio1-req.0
    """
    cpus = r"\d{1,6}(?:-\d{1,6})?(?:,\d{1,6}(?:-\d{1,6})?){0,999}+"
    apart = _apart(rf" (?:{cpus} ++| )\d{{1,6}}", "an interrupt's affinity")

    def affinity(row: re.Match[str]) -> Affinity | None:
        return None if apart(row, "names") else _affinity(row)

    row = g.Row(
        rf" *+(?P<irq>\d{{1,6}}) (?P<names>[^\r\n\t]{{0,1500}}?)(?: +(?P<cpus>{cpus}))?",
        affinity,
        "an interrupt's affinity: IRQ NAME AFFINITY",
    )
    return g.Gap() + g.Titles("IRQ", "NAME", "AFFINITY") + g.Rows(row, least=0)


def _affinity(row: re.Match[str]) -> Affinity:
    cpus: list[int] = []
    for part in (row["cpus"] or "").split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), min(int(last or first), int(first) + 65536) + 1) if first else ()
    names = row["names"].strip()
    return Affinity(irq=int(row["irq"]), names=tuple(names.split(",")) if names else (), cpus=tuple(cpus))


class _Counted(NamedTuple):
    """A row of counts, and its offset in the text."""

    place: int
    irq: int
    counts: list[int]
    chip: str | None
    name: str | None


def _counts() -> g.ParserElement:
    """A count for each CPU of the header (``-c`` selects CPUs), the interrupt controller, the handlers::

             CPU0       CPU1
    0:         74          0  IO-APIC-edge     timer
    """
    apart = _apart(r"\d{1,6}: ++\d{1,10}", "an interrupt's counts")

    def counted(row: re.Match[str]) -> _Counted | None:
        irq, counts, chip, name = row.groups()
        if apart(row, 4):
            return None
        return _Counted(row.start(), int(irq), [int(count) for count in counts.split()], chip, name)

    def cpus(found: re.Match[str]) -> list[int]:
        return [int(cpu) for cpu in found[0].replace("CPU", "").split()]

    header = g.Row(r"(?: *+CPU\d{1,6}(?![^ \n]))++", cpus, "the header CPU0 CPU1 ...")
    name = r"[^\s](?:[^\r\n\t]{0,1500}?[^\s])??"
    row = g.Row(
        rf" *+(\d{{1,6}}):((?: ++\d{{1,10}}(?![^ \n]))++)(?: ++(\S++)(?: ++({name}))?)?",
        counted,
        "an interrupt's counts: IRQ: COUNT ... CHIP NAME",
    )
    return g.Gap() + g.block(header, g.Rows(row, least=0), lambda cpus, rows: (cpus, rows))


def _check_counts(source: Source, found: list[tuple[list[int], tuple[_Counted, ...]]]) -> list[IrqCounts]:
    made: list[IrqCounts] = []
    for cpus, rows in found:
        for place, irq, counts, chip, name in rows:
            if len(counts) != len(cpus):
                source.reject(place, f"{len(counts)} counts for {len(cpus)} CPUs")
                continue
            by_cpu = dict(zip(cpus, counts, strict=True))
            made.append(IrqCounts(irq=irq, counts=by_cpu, chip=chip, name=name))
    return rows_or_hole(source, made)


def _given(letter: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letter)


def _is_old(source: Source) -> bool:
    return re.match(r"\s*+IRQ: \d", source.text) is not None


SHAPES = (
    Shape(name="idt", record=IdtEntry, grammar=_idt, finish=_check_idt, options="-d", when=_given("d")),
    Shape(
        name="softirqs",
        record=SoftIrq | BottomHalves,
        grammar=softirqs,
        finish=check_softirqs,
        options="-b",
        when=_given("b"),
    ),
    Shape(
        name="affinities",
        record=Affinity,
        grammar=_affinities,
        finish=rows_or_hole,
        options="-a",
        when=_given("a"),
    ),
    Shape(
        name="counts",
        record=IrqCounts,
        grammar=_counts,
        finish=_check_counts,
        options="-s -c",
        when=_given("s"),
    ),
    Shape(
        name="old",
        record=OldIrq,
        grammar=old_lines,
        finish=demand_records,
        options="(none), kernels before 2.6.37",
        when=_is_old,
    ),
    Shape(name="irqs", record=Irq, grammar=_lines, finish=_check_lines, options="(none) -u"),
)

EXAMPLES = (
    "irq",
    "irq -u",
    "irq -d",
    "irq -b",
    "irq -a",
    "irq -s",
    "irq -s -c 0",
    "irq 4",
    "irq 4 5",
    "irq 999999",
)
