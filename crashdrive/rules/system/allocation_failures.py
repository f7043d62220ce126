"""Requests for pages failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.mm.out_of_memory import FailedRequest


@rule(
    id="allocation-failures",
    severity="warning",
    looks_at=("memory.failures",),
    message="{count:kind of requests|kinds of requests} for pages failed",
    threshold="any message 'page allocation failure'",
    explanation=(
        "High orders fail where memory is fragmented, atomic ones (GFP_ATOMIC) where reserves are used up."
    ),
    advice="See table free of crashdrive report memory at that order, and vm.min_free_kbytes.",
    reference="mm/page_alloc.c: warn_alloc()",
)
def allocation_failures(failures: Iterable[FailedRequest]) -> Iterator[Match]:
    return matches(failures, _told)


def _told(one: FailedRequest) -> str:
    often = counted(one.count, "time", "times")
    return f"{one.comm}: order {one.order}, {one.gfp_flags}, {often}, last at {one.last_seen:.3f}"
