"""Nodes whose kswapd found nothing to reclaim, and gave up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.mm.nodes import MemoryNode


# MAX_RECLAIM_RETRIES of mm/internal.h
FAILURES = 16


@rule(
    id="kswapd-gave-up",
    severity="warning",
    looks_at=("memory.nodes",),
    message="kswapd gave up on {count:node|nodes}",
    threshold=f"kswapd failed {FAILURES} times in a row",
    explanation="kswapd sleeps until a task that asks for memory has reclaimed pages itself.",
    advice="See what can't be reclaimed: Unevictable, SUnreclaim, Shmem in crashdrive report memory.",
    reference="mm/vmscan.c: kswapd_shrink_node()",
)
def kswapd_gave_up(nodes: Iterable[MemoryNode]) -> Iterator[Match]:
    failed = (node for node in nodes if (node.kswapd_failures or 0) >= FAILURES)
    return matches(failed, lambda node: f"node {node.node}: {node.kswapd_failures} times in a row")
