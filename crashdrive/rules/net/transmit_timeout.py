"""Interfaces whose transmit watchdog fired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import interface

if TYPE_CHECKING:
    from crashdrive.linux.net.links import Link


@rule(
    id="transmit-timeout",
    severity="warning",
    looks_at=("netsummary.interfaces",),
    message="{count:interface|interfaces} did not send in time",
    threshold="any since the start",
    explanation=(
        "A queue stood still for longer than the driver allows (NETDEV WATCHDOG): card, firmware or "
        "interrupts hang."
    ),
    advice=(
        "Look for NETDEV WATCHDOG and the driver's messages: crashdrive exec VMCORE log; see the driver's"
        " version."
    ),
    reference="net/sched/sch_generic.c: dev_watchdog()",
)
def transmit_timeout(interfaces: Iterable[Link]) -> Iterator[Match]:
    late = (row for row in interfaces if row.timeouts)
    return matches(late, lambda row: f"{interface(row)}: {row.timeouts} timeouts")
