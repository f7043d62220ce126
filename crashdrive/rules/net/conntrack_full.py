"""Namespaces with as many tracked connections as nf_conntrack_max allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.net.netfilter.conntrack import Count

PART = 0.95


@rule(
    id="conntrack-full",
    severity="critical",
    looks_at=("conntrack.counts",),
    message="connection tracking is full",
    threshold=f"{PART:.0%} of nf_conntrack_max, the limit of each namespace",
    explanation="Packets of new connections are dropped (nf_conntrack: table full, dropping packet).",
    advice=(
        "See what fills it: crashdrive report conntrack; shorten its timeouts or raise "
        "net.netfilter.nf_conntrack_max."
    ),
    reference="net/netfilter/nf_conntrack_core.c: __nf_conntrack_alloc()",
)
def conntrack_full(counts: Iterable[Count]) -> Iterator[Match]:
    return matches((row for row in counts if row.most and row.entries >= PART * row.most), entries)


def entries(row: Count) -> str:
    """A table as evidence."""
    return f"netns {row.netns}: {row.entries} entries, limit {row.most}"
