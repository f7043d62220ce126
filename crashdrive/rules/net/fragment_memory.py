"""Namespaces whose fragments of packets use all memory that they may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net.memory_limit import is_over

if TYPE_CHECKING:
    from crashdrive.linux.net.counters.sockstat import Fragments


@rule(
    id="fragment-memory",
    severity="warning",
    looks_at=("sockstat.fragments",),
    message="fragments of packets use all memory that they may in {count:table|tables}",
    threshold="at or above ipfrag_high_thresh, ip6frag_high_thresh",
    explanation="New fragments are dropped: packets larger than a link's MTU don't get through.",
    advice=(
        "Packets whose fragments never all arrive come of losses or of an attack; see MTUs: crashdrive "
        "report interfaces."
    ),
    reference="net/ipv4/inet_fragment.c: inet_frag_find(); ip-sysctl.rst: ipfrag_high_thresh",
)
def fragment_memory(fragments: Iterable[Fragments]) -> Iterator[Match]:
    return matches((row for row in fragments if is_over(row.memory, row.high)), _held)


def _held(row: Fragments) -> str:
    return f"{row.family} (netns {row.netns}): {row.memory} bytes, limit {row.high}"
