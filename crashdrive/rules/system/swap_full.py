"""No swap is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, rule

if TYPE_CHECKING:
    from crashdrive.linux.mm.meminfo import Amount


PERCENT = 5.0


@rule(
    id="swap-full",
    severity="warning",
    looks_at=("memory.amounts",),
    message="swap is used up",
    threshold=f"less than {PERCENT:.0f} % of swap is free",
    explanation=(
        "Anonymous memory can't be reclaimed any more: the page cache shrinks, then the OOM killer acts."
    ),
    advice="See whose memory is swapped out: column swap_bytes of table processes, crashdrive report memory.",
    reference="mm/swapfile.c",
)
def swap_full(amounts: Iterable[Amount]) -> Iterator[Match]:
    known = {row.item: row.amount_bytes for row in amounts}
    total, free = known.get("SwapTotal"), known.get("SwapFree")
    if total and free is not None and 100 * free < PERCENT * total:
        yield Match(evidence=(f"{free >> 10} kB of {total >> 10} kB are free",))
