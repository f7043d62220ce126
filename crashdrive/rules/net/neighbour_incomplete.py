"""Neighbours whose link-layer address is being asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net.neighbour_failed import neighbour

if TYPE_CHECKING:
    from crashdrive.linux.net.routing.neighbours import Neighbour


@rule(
    id="neighbour-incomplete",
    severity="info",
    looks_at=("neighbours.neighbours",),
    message="{count:neighbour hasn't|neighbours haven't} answered yet",
    threshold="any in state INCOMPLETE",
    explanation="Their link-layer addresses weren't known yet; packets for them wait.",
    advice="One that never answers becomes FAILED; see the interface's carrier and counters.",
    reference="net/core/neighbour.c: __neigh_event_send(), NUD_INCOMPLETE",
)
def neighbour_incomplete(neighbours: Iterable[Neighbour]) -> Iterator[Match]:
    return matches((row for row in neighbours if "INCOMPLETE" in row.state.split(",")), neighbour)
