"""Interfaces that have sent nothing for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import interface

if TYPE_CHECKING:
    from crashdrive.linux.net.links import Link

SILENT = 60.0  # seconds


@rule(
    id="interface-silent",
    severity="info",
    looks_at=("netsummary.interfaces",),
    message="{count:interface has|interfaces have} sent nothing for long",
    threshold=f"up, with a carrier, nothing sent for {SILENT:g} s; where the kernel keeps the time",
    explanation=(
        "Nothing used them, or packets don't reach them. The kernel doesn't keep when something was last "
        "received."
    ),
    advice="See the qdisc's backlog (crashdrive report qdisc --busy) and the routes over them.",
    reference="include/linux/netdevice.h: struct netdev_queue, trans_start",
)
def interface_silent(interfaces: Iterable[Link]) -> Iterator[Match]:
    working = (row for row in interfaces if row.up and row.carrier)
    silent = (row for row in working if row.sent_ago is not None and row.sent_ago >= SILENT)
    return matches(silent, lambda row: f"{interface(row)}: sent {row.sent_ago:.1f} s ago")
