"""Interfaces that are up and have no carrier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import interface

if TYPE_CHECKING:
    from crashdrive.linux.net.links import Link


@rule(
    id="no-carrier",
    severity="info",
    looks_at=("netsummary.interfaces",),
    message="{count:interface is up and has|interfaces are up and have} no carrier",
    threshold="any",
    explanation=(
        "No cable, a switch that is off, a veth pair whose other end is down, or a bridge without ports."
    ),
    advice="See whether routes lead over them: crashdrive report routing.",
    reference="net/sched/sch_generic.c: netif_carrier_off()",
)
def no_carrier(interfaces: Iterable[Link]) -> Iterator[Match]:
    return matches((row for row in interfaces if row.up and not row.carrier), interface)
