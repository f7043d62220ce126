"""Files of tmpfs and shared memory take most of the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.mm.meminfo import Amount


PERCENT = 50.0


@rule(
    id="shared-memory-large",
    severity="warning",
    looks_at=("memory.amounts",),
    message="tmpfs and shared memory take most of the memory",
    threshold=f"Shmem is {PERCENT:.0f} % of memory or more",
    explanation=(
        "Shmem counts as page cache, but can't be dropped: it is swapped out, or freed with its files."
    ),
    advice="Files: crashdrive report memory --files; those without a name: report files --deleted.",
    reference="mm/shmem.c",
)
def shared_memory_large(amounts: Iterable[Amount]) -> Iterator[Match]:
    large = (row for row in amounts if row.item == "Shmem" and (row.memory_percent or 0) >= PERCENT)
    return matches(large, lambda row: f"{(row.amount_bytes or 0) >> 20} MB, {row.memory_percent} %")
