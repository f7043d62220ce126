"""Page tables take much of the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.mm.meminfo import Amount


PERCENT = 10.0


@rule(
    id="page-tables-large",
    severity="warning",
    looks_at=("memory.amounts",),
    message="page tables take much memory",
    threshold=f"{PERCENT:.0f} % of memory or more are page tables",
    explanation="Many processes map the same large memory (a database's), each with page tables of its own.",
    advice="Huge pages need far less. See page_table_bytes in crashdrive report memory --top 0.",
    reference="mm/memory.c",
)
def page_tables_large(amounts: Iterable[Amount]) -> Iterator[Match]:
    large = (row for row in amounts if row.item == "PageTables" and (row.memory_percent or 0) >= PERCENT)
    return matches(large, lambda row: f"{(row.amount_bytes or 0) >> 20} MB, {row.memory_percent} %")
