"""A page was in an impossible state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.system.taint import Taint


@rule(
    id="bad-page",
    severity="critical",
    looks_at=("sysinfo.taints",),
    message="the page allocator met a page in a bad state",
    threshold="the kernel has taint B",
    explanation="Page tables or struct page were damaged: by hardware, a driver's DMA, or use after free.",
    advice="Read which page and who had it: crashdrive report dmesg --grep 'BUG: Bad page'.",
    reference="mm/page_alloc.c: bad_page()",
)
def bad_page(taints: Iterable[Taint]) -> Iterator[Match]:
    return matches((flag for flag in taints if flag.letter == "B"), lambda flag: flag.meaning)
