"""Zones with less free memory than their min watermark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.mm.nodes import MemoryZone


@rule(
    id="zone-below-min",
    severity="warning",
    looks_at=("memory.zones",),
    message="{count:memory zone has|memory zones have} less free than the min watermark",
    threshold="free memory of a zone is below its min watermark",
    explanation="A task that asks for memory there has to reclaim some itself first, and waits for that.",
    advice="See what uses the memory: crashdrive report memory; which tasks wait: crashdrive report hang.",
    reference="mm/page_alloc.c: __zone_watermark_ok()",
)
def zone_below_min(zones: Iterable[MemoryZone]) -> Iterator[Match]:
    low = (zone for zone in zones if zone.watermark == "below min")
    return matches(low, _told)


def _told(zone: MemoryZone) -> str:
    free, least = (zone.free_bytes or 0) >> 10, (zone.min_bytes or 0) >> 10
    return f"node {zone.node}, zone {zone.zone_name}: {free} kB free, min is {least} kB"
