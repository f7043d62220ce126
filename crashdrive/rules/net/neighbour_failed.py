"""Neighbours that didn't answer ARP or neighbour discovery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.net.routing.neighbours import Neighbour


@rule(
    id="neighbour-failed",
    severity="warning",
    looks_at=("neighbours.neighbours",),
    message="{count:neighbour doesn't|neighbours don't} answer",
    threshold="any in state FAILED",
    explanation=(
        "Nobody answered ARP or neighbour discovery for these addresses: hosts that are down, or another "
        "network."
    ),
    advice="Where a gateway is among them, nothing behind it can be reached: crashdrive report routing.",
    reference="net/core/neighbour.c: neigh_timer_handler(), NUD_FAILED",
)
def neighbour_failed(neighbours: Iterable[Neighbour]) -> Iterator[Match]:
    return matches((row for row in neighbours if "FAILED" in row.state.split(",")), neighbour)


def neighbour(row: Neighbour) -> str:
    """A neighbour as evidence."""
    waiting = f", {counted(row.queued_packets, 'packet waits', 'packets wait')}" if row.queued_packets else ""
    return f"{row.destination} on {row.device} (netns {row.netns}), {row.probes} probes{waiting}"
