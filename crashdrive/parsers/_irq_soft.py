"""``irq -b``: softirqs and bottom halves.

Source in crash: ``display_bh_1()`` to ``display_bh_4()`` (kernel.c).
"""

from __future__ import annotations

import re

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.records import Address, Bits, Record


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
    """The masks of bottom halves (kernels before 2.4), or, with ``cpu``, of a CPU's softirqs (2.4)."""

    cpu: int | None = None
    bh_mask: Bits
    bh_active: Bits


_HEX = r"[0-9a-f]{1,16}"


def softirqs() -> g.ParserElement:
    """Tables of masks, softirqs and bottom halves before 2.6; one table of softirqs since::

    CPU    MASK     ACTIVE          SOFTIRQ_VEC      ACTION
     0   0000000f  00000001             [0]     ffffffff81068f60  <tasklet_hi_action>

    VEC   ACTION
     0   c0120f30  <tasklet_hi_action>

    BH_BASE   FUNCTION
       0      c011d7c0  <timer_bh>
    """
    mask = "([0-9a-f]{8,16}) +([0-9a-f]{8,16})"
    per_cpu = g.Row(rf" (\d{{1,3}}) ++{mask}", _cpu_masks, "masks of softirqs: CPU MASK ACTIVE")
    masks = g.Row(mask, _masks, "masks of bottom halves: BH_MASK BH_ACTIVE")
    per_cpu_head = g.Row(r" *+CPU ++MASK ++ACTIVE(?: [^\n]{0,200})?", _word, "the header CPU MASK ACTIVE")
    head = g.Row(r" *+(?:BH_MASK ++BH_ACTIVE|SOFTIRQ_MASK)(?: [^\n]{0,200})?", _word, "the header BH_MASK")
    halves = g.Titles("BH_BASE", "FUNCTION")
    softirqs = g.Titles("SOFTIRQ_VEC", "ACTION") | g.Titles("VEC", "ACTION")

    def rows(row: g.Row) -> g.ParserElement:
        return g.Rows(row, until=per_cpu_head | head | halves | softirqs, least=0)

    return g.Many(
        g.Suppress(per_cpu_head) + rows(per_cpu)
        | g.Suppress(head) + rows(masks)
        | halves + rows(_function("bottom-half"))
        | softirqs + rows(_function("softirq"))
    )


def _word(found: re.Match[str]) -> str:
    return found[0]


def _cpu_masks(found: re.Match[str]) -> BottomHalves:
    return BottomHalves(cpu=int(found[1]), bh_mask=int(found[2], 16), bh_active=int(found[3], 16))


def _masks(found: re.Match[str]) -> BottomHalves:
    return BottomHalves(bh_mask=int(found[1], 16), bh_active=int(found[2], 16))


def _function(kind: str) -> g.Row:
    def softirq(row: re.Match[str]) -> SoftIrq:
        return SoftIrq(
            kind=kind,
            vector=int(row["vector"] or row["old"]),
            action=int(row["at"], 16),
            name=row["name"],
            module=row["module"],
        )

    return g.Row(
        rf" *+(?:\[(?P<vector>\d{{1,3}})\]|(?P<old>\d{{1,3}})) +(?P<at>{_HEX})"
        r"(?: +<(?P<name>[^\n>]{0,300})>(?: +\[(?P<module>[^\]\s]{1,80})\])?)?",
        softirq,
        f"a function of a {kind}: VECTOR ADDRESS <NAME>",
    )


def check_softirqs(source: Source, found: list[SoftIrq | BottomHalves]) -> list[SoftIrq | BottomHalves]:
    """The records, masks first."""
    return demand_records(source, sorted(found, key=lambda one: isinstance(one, SoftIrq)))
