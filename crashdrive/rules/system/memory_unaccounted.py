"""Much memory is in use and in none of the kernel's counters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.mm.meminfo import Amount


PERCENT, LEAST = 25.0, 1 << 28


@rule(
    id="memory-unaccounted",
    severity="warning",
    looks_at=("memory.amounts",),
    message="much memory is in use and in no counter of the kernel",
    threshold=f"{PERCENT:.0f} % of memory, and 256 MB, are in no line of /proc/meminfo",
    explanation="Drivers take pages without accounting for them: graphics, buffers, a balloon, or a leak.",
    advice=(
        "Look at out-of-tree modules, and at the balloon; with page_owner=on the kernel would keep who "
        "took it."
    ),
    reference="Documentation/mm/page_owner.rst",
)
def memory_unaccounted(amounts: Iterable[Amount]) -> Iterator[Match]:
    large = (
        row
        for row in amounts
        if row.item == "Unaccounted"
        and (row.amount_bytes or 0) >= LEAST
        and (row.memory_percent or 0) >= PERCENT
    )
    return matches(large, lambda row: f"{(row.amount_bytes or 0) >> 20} MB, {row.memory_percent} %")
