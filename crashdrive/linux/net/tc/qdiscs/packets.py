"""Packets queued in qdiscs: their bytes and their number."""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.linux.survey import Survey

_WHAT = "queued packets"


def packet_bytes(survey: Survey, packets: Sequence[int]) -> int | None:
    """The sum of the lengths that the qdisc counts (qdisc_pkt_len); None where one can't be read."""
    if not packets:
        return 0
    kernel = survey.kernel
    start = kernel.offset("struct sk_buff", "cb")
    read = kernel.read_many("struct qdisc_skb_cb", [one + start for one in packets], ["pkt_len"])
    lengths = survey.gaps(read, _WHAT).columns[0]
    return None if None in lengths else sum(lengths)


def chain_length(survey: Survey, first: int | None) -> int | None:
    """The length of a chain of packets."""
    if first is None:
        return None
    walked = survey.kernel.walk_chain(first, "struct sk_buff", "next")
    survey.walked(walked, _WHAT)
    return len(walked) if walked.complete else None
