"""``irq``: interrupts, their handlers, counts and affinities.

Source in crash: ``generic_dump_irq()``, ``generic_show_interrupts()``, ``generic_get_irq_affinity()``,
``display_bh_1()`` to ``display_bh_4()``, ``display_idt_table()`` of each architecture (kernel.c, x86_64.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.rows import (
    demand_records,
    lines_of,
    parse_rows,
    rows_or_hole,
    skip_or_reject,
    words_of,
)
from crashdrive.records import Address, Bits, Record


class IrqAction(Record, frozen=True, kw_only=True):
    """A handler of an interrupt line: address of its irqaction, name."""

    irqaction: Address
    name: str | None


class Irq(Record, frozen=True, kw_only=True):
    """An interrupt line; ``irq_desc`` is None, and ``actions`` empty, where crash says ``(unused)``."""

    irq: int
    irq_desc: Address | None
    actions: tuple[IrqAction, ...] = ()


class LabelledValue(Record, frozen=True, kw_only=True):
    """A value, and what crash says it is: a symbol or a text."""

    value: Bits
    symbol: str | None = None
    text: str | None = None


class OldIrq(Record, frozen=True, kw_only=True):
    """An interrupt line of a kernel before 2.6.37, as crash's labels name what it has.

    ``handler`` and each of ``actions`` map crash's labels (``typename``, ``startup``, ``flags``, ...) to
    `LabelledValue`.
    """

    irq: int
    status: Bits | None = None
    status_flags: tuple[str, ...] = ()
    handler: Address | None = None
    handler_name: str | None = None
    handler_members: dict[str, LabelledValue] | None = None
    actions: tuple[dict[str, LabelledValue], ...] = ()
    depth: int | None = None


class IdtEntry(Record, frozen=True, kw_only=True):
    """An entry of the interrupt descriptor table."""

    vector: int
    function: str


class SoftIrq(Record, frozen=True, kw_only=True):
    """A softirq: number, address and name of its function, and the module that this belongs to.

    ``kind``: ``softirq``, or ``bottom-half``, which kernels before 2.6 have as well.
    """

    kind: str = "softirq"
    vector: int
    action: Address
    name: str | None
    module: str | None = None


class BottomHalves(Record, frozen=True, kw_only=True):
    """The masks of bottom halves on kernels before 2.4; with ``cpu``, those of a CPU's softirqs on 2.4."""

    cpu: int | None = None
    bh_mask: Bits
    bh_active: Bits


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


OPTSTRING = "dbuasc:"
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

_HEX = r"[0-9a-f]{1,16}"
_TITLES = ["IRQ", "IRQ_DESC/_DATA", "IRQACTION", "NAME"]
_ROW = re.compile(
    rf" *+(?P<irq>\d{{1,6}}) +(?:(?P<desc>{_HEX})|\(unused\)) +(?:(?P<action>{_HEX})|\(unused\))"
    r"(?: ++\"(?P<name>[^\n]*)\")? *+"
)
_MORE = re.compile(rf" {{10,}}(?P<action>{_HEX})(?: ++\"(?P<name>[^\n]*)\")? *+")


def _parse_irqs(source: Source) -> list[Irq]:
    header = False
    found: list[tuple[int, int | None, list[IrqAction]]] = []
    for offset, line in lines_of(source.text, 0, len(source.text)):
        row, more = _ROW.fullmatch(line), _MORE.fullmatch(line)
        if words_of(line) == _TITLES and not header:
            header = True
        elif (
            row
            and header
            and not (found and found[-1][0] >= int(row["irq"]) and not source.command.arguments)
        ):
            desc = int(row["desc"], 16) if row["desc"] else None
            found.append((int(row["irq"]), desc, [_action(row)] if row["action"] else []))
        elif more and found and found[-1][2]:
            found[-1][2].append(_action(more))
        else:
            skip_or_reject(source, offset, line, "no interrupt")
    if not header:
        source.fail(0, "no table of interrupts")
    return rows_or_hole(source, [Irq(irq=n, irq_desc=d, actions=tuple(a)) for n, d, a in found])


def _action(row: re.Match[str]) -> IrqAction:
    return IrqAction(irqaction=int(row["action"], 16), name=row["name"])


_LABEL = re.compile(r" *+([A-Za-z_]{2,20}): ?([^\n]*?)[ ]*")
_VALUE = re.compile(rf"({_HEX})(?: +(?:<([^\n]{{0,300}})>|\"([^\n]*)\"|\(([A-Z_|]{{1,200}})\)))?")
_STATUS = re.compile(rf"({_HEX}) *(?:\(([A-Z_|]{{1,300}})\))?")


class _OldReader:
    """Blocks of ``LABEL: value`` lines, one for each interrupt."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.found: list[dict[str, Any]] = []
        self._into: dict[str, LabelledValue] | None = None

    def feed(self, offset: int, line: str) -> None:
        """One line."""
        found = _LABEL.fullmatch(line)
        if found is None or not self._take(found[1], found[2]):
            skip_or_reject(self._source, offset, line, "nothing of an interrupt")

    def _take(self, label: str, text: str) -> bool:
        if label == "IRQ":
            number = re.fullmatch(r"(\d{1,6})(?: \(unused\))?", text)
            if number:
                self.found.append({"irq": int(number[1]), "actions": []})
                self._into = None
            return number is not None
        return bool(self.found) and self._member(self.found[-1], label, text)

    def _member(self, irq: dict[str, Any], label: str, text: str) -> bool:
        value = _VALUE.fullmatch(text)
        if label == "STATUS" and (status := _STATUS.fullmatch(text)):
            irq["status"] = int(status[1], 16)
            irq["status_flags"] = tuple(status[2].split("|")) if status[2] else ()
        elif label == "DEPTH" and re.fullmatch(r"-?\d{1,10}", text):
            irq["depth"] = int(text)
        elif label == "ACTION" and text == "(none)":
            self._into = None
        elif value is None:
            return False
        elif label == "HANDLER":
            self._into = irq["handler_members"] = {}
            irq |= {"handler": int(value[1], 16), "handler_name": value[2]}
        elif label == "ACTION":
            self._into = {"action": _labelled(value)}
            irq["actions"].append(self._into)
        elif self._into is not None and label.islower() and label not in self._into:
            self._into[label] = _labelled(value)
        else:
            return False
        return True


def _labelled(found: re.Match[str]) -> LabelledValue:
    return LabelledValue(value=int(found[1], 16), symbol=found[2], text=found[3] or found[4])


def _parse_old(source: Source) -> list[OldIrq]:
    reader = _OldReader(source)
    for offset, line in lines_of(source.text, 0, len(source.text)):
        reader.feed(offset, line)
    return demand_records(
        source, [OldIrq(**{**irq, "actions": tuple(irq["actions"])}) for irq in reader.found]
    )


_IDT = re.compile(r"^ *+\[(?P<vector>\d{1,3})\] (?P<function>\S{1,300})[ ]*$", re.MULTILINE)


def _parse_idt(source: Source) -> list[IdtEntry]:
    def make(row: re.Match[str]) -> IdtEntry:
        return IdtEntry(vector=int(row["vector"]), function=row["function"])

    found = demand_records(source, parse_rows(source, _IDT, make))
    vectors = [entry.vector for entry in found]
    if sorted(set(vectors)) != vectors or vectors[:1] not in ([], [0]):
        source.fail(0, "the vectors don't count up from 0")
    if vectors and vectors[-1] >= len(vectors) and source.complete:
        source.note("partial", "vectors are missing", incomplete=True)
    return found


_SOFT = re.compile(
    rf"^ *+(?:\[(?P<vector>\d{{1,3}})\]|(?P<old>\d{{1,3}})) +(?P<at>{_HEX})"
    r"(?: +<(?P<name>[^\n>]{0,300})>(?: +\[(?P<module>[^\]\s]{1,80})\])?)?[ ]*$",
    re.MULTILINE,
)
_SOFT_TITLES = (["SOFTIRQ_VEC", "ACTION"], ["VEC", "ACTION"], ["BH_BASE", "FUNCTION"])
_MASK_TITLES = (["BH_MASK", "BH_ACTIVE"], ["SOFTIRQ_MASK"], ["CPU", "MASK", "ACTIVE"])
_MASKS = re.compile(r"(?: (\d{1,3}) ++)?([0-9a-f]{8,16}) +([0-9a-f]{8,16})[ ]*")


def _parse_soft(source: Source) -> list[SoftIrq | BottomHalves]:
    masks: list[SoftIrq | BottomHalves] = []
    titles: list[list[str]] = []

    def other(_offset: int, line: str) -> bool:
        words = words_of(line)
        if words in _SOFT_TITLES or any(words[: len(title)] == title for title in _MASK_TITLES):
            titles.append(words)
            return True
        values = _MASKS.fullmatch(line)
        if (
            values
            and titles
            and titles[-1] not in _SOFT_TITLES
            and (titles[-1][0] == "CPU") == bool(values[1])
        ):
            masks.append(
                BottomHalves(
                    cpu=int(values[1]) if values[1] else None,
                    bh_mask=int(values[2], 16),
                    bh_active=int(values[3], 16),
                )
            )
            return True
        return False

    def soft(row: re.Match[str]) -> SoftIrq:
        if not titles or titles[-1] not in _SOFT_TITLES:
            source.fail(row.start(), "a function below no table's header")
        return SoftIrq(
            kind="bottom-half" if titles[-1][0] == "BH_BASE" else "softirq",
            vector=int(row["vector"] or row["old"]),
            action=int(row["at"], 16),
            name=row["name"],
            module=row["module"],
        )

    rows = parse_rows(source, _SOFT, soft, other=other)
    if not titles:
        source.fail(0, "no table of softirqs")
    return demand_records(source, [*masks, *rows])


_AFFINITY = re.compile(
    r"^ *+(?P<irq>\d{1,6}) (?P<names>[^\n]{0,1500}?)"
    r"(?: +(?P<cpus>\d{1,6}(?:-\d{1,6})?(?:,\d{1,6}(?:-\d{1,6})?){0,999}+))?[ ]*$",
    re.MULTILINE,
)


def _parse_affinities(source: Source) -> list[Affinity]:
    headers = 0

    def header(_offset: int, line: str) -> bool:
        nonlocal headers
        headers += words_of(line) == ["IRQ", "NAME", "AFFINITY"]
        return words_of(line) == ["IRQ", "NAME", "AFFINITY"]

    found = parse_rows(source, _AFFINITY, _affinity, other=header)
    if headers != 1:
        source.fail(0, "no table of affinities")
    return rows_or_hole(source, found)


def _affinity(row: re.Match[str]) -> Affinity:
    cpus: list[int] = []
    for part in (row["cpus"] or "").split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), min(int(last or first), int(first) + 65536) + 1) if first else ()
    names = row["names"].strip()
    return Affinity(irq=int(row["irq"]), names=tuple(names.split(",")) if names else (), cpus=tuple(cpus))


_COUNTS = re.compile(r" *+(\d{1,6}): ([^\n]*)")


def _parse_counts(source: Source) -> list[IrqCounts]:
    cpus: list[int] = []
    found: list[IrqCounts] = []
    for offset, line in lines_of(source.text, 0, len(source.text)):
        words = words_of(line)
        row = _COUNTS.fullmatch(line)
        if not cpus and words and all(re.fullmatch(r"CPU\d{1,6}", word) for word in words):
            cpus = [int(word[3:]) for word in words]
        elif row and cpus and (counts := _counts(cpus, int(row[1]), row[2])):
            found.append(counts)
        else:
            skip_or_reject(source, offset, line, "no counts of an interrupt")
    return rows_or_hole(source, found) if cpus else demand_records(source, found)


def _counts(cpus: list[int], irq: int, text: str) -> IrqCounts | None:
    words = text.split(None, len(cpus) + 1)
    numbers = words[: len(cpus)]
    if len(numbers) < len(cpus) or not all(re.fullmatch(r"\d{1,10}", word) for word in numbers):
        return None
    rest = [word.strip() for word in words[len(cpus) :]]
    return IrqCounts(
        irq=irq,
        counts=dict(zip(cpus, map(int, numbers), strict=True)),
        chip=rest[0] if rest else None,
        name=rest[1] if len(rest) > 1 else None,
    )


def _given(letter: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letter)


def _is_old(source: Source) -> bool:
    return re.match(r"\s*+IRQ: \d", source.text) is not None


SHAPES = (
    Shape(name="idt", record=IdtEntry, parse=_parse_idt, options="-d", when=_given("d")),
    Shape(name="softirqs", record=SoftIrq | BottomHalves, parse=_parse_soft, options="-b", when=_given("b")),
    Shape(name="affinities", record=Affinity, parse=_parse_affinities, options="-a", when=_given("a")),
    Shape(name="counts", record=IrqCounts, parse=_parse_counts, options="-s -c", when=_given("s")),
    Shape(name="old", record=OldIrq, parse=_parse_old, options="(none), kernels before 2.6.37", when=_is_old),
    Shape(name="irqs", record=Irq, parse=_parse_irqs, options="(none) -u"),
)
