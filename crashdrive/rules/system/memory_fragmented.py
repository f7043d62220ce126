"""Zones whose free memory is in small blocks alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.mm.free_areas import FreeBlocks


# PAGE_ALLOC_COSTLY_ORDER: the kernel tries hard up to it
ORDER = 3
LEAST = 64 << 20


@rule(
    id="memory-fragmented",
    severity="warning",
    looks_at=("memory.free",),
    message="free memory of {count:zone|zones} is in small blocks alone",
    threshold=f"64 MB or more of a zone are free, and no block of order {ORDER} or above",
    explanation="Requests for several pages at once (stacks of tasks, network buffers, huge pages) fail.",
    advice="Compaction moves what is movable: see table migrate_types of crashdrive report memory.",
    reference="mm/vmstat.c: fragmentation_index(), mm/compaction.c",
)
def memory_fragmented(blocks: Iterable[FreeBlocks]) -> Iterator[Match]:
    zones: dict[tuple[int, str | None], list[FreeBlocks]] = {}
    for row in blocks:
        zones.setdefault((row.node, row.zone_name), []).append(row)
    return matches((own for own in zones.values() if _is_fragmented(own)), _told)


def _is_fragmented(rows: list[FreeBlocks]) -> bool:
    free = [row.free_bytes for row in rows]
    if None in free or sum(one or 0 for one in free) < LEAST:
        return False
    return not any(row.free_blocks for row in rows if row.order >= ORDER)


def _told(rows: list[FreeBlocks]) -> str:
    free = sum(row.free_bytes or 0 for row in rows)
    return f"node {rows[0].node}, zone {rows[0].zone_name}: {free >> 20} MB free"
