"""Interfaces that lost packets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.net._words import interface

if TYPE_CHECKING:
    from crashdrive.linux.net.links import Link


@rule(
    id="interface-drops",
    severity="warning",
    looks_at=("netsummary.interfaces",),
    message="{count:interface|interfaces} lost packets",
    threshold="any since the start, also of qdiscs",
    explanation="The card, its driver or its qdisc dropped packets, or counted errors.",
    advice="crashdrive report interfaces -s has all counters, crashdrive report qdisc --busy the queues.",
    reference=(
        "Documentation/networking/statistics.rst; include/uapi/linux/if_link.h: struct rtnl_link_stats64"
    ),
)
def interface_drops(interfaces: Iterable[Link]) -> Iterator[Match]:
    return matches((row for row in interfaces if row.losses or row.qdisc_drops), _lost)


def _lost(row: Link) -> str:
    told = [f"{name} {count}" for name, count in row.losses.items()]
    told += [f"qdisc drops {row.qdisc_drops}"] if row.qdisc_drops else []
    return f"{interface(row)}: {', '.join(told)}"
