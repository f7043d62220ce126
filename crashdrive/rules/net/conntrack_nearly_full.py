"""Namespaces with nearly as many tracked connections as nf_conntrack_max allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net import conntrack_full

if TYPE_CHECKING:
    from crashdrive.linux.net.netfilter.conntrack import Count

PART = 0.8


@rule(
    id="conntrack-nearly-full",
    severity="warning",
    looks_at=("conntrack.counts",),
    message="connection tracking is nearly full",
    threshold=f"{PART:.0%} of nf_conntrack_max, the limit of each namespace",
    explanation="When it is full, packets of new connections are dropped.",
    advice="See what fills it: crashdrive report conntrack.",
    reference="net/netfilter/nf_conntrack_core.c: __nf_conntrack_alloc()",
)
def conntrack_nearly_full(counts: Iterable[Count]) -> Iterator[Match]:
    near = (row for row in counts if row.most and PART <= row.entries / row.most < conntrack_full.PART)
    return matches(near, conntrack_full.entries)
