"""Packets that wait in qdiscs: their sizes, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.linux.survey import Survey

_WHAT = "queued packets"


def packet_bytes(survey: Survey, packets: Sequence[int]) -> int | None:
    """What their qdisc counts them for (qdisc_pkt_len), in all; None where one can't be read."""
    if not packets:
        return 0
    kernel = survey.kernel
    start = kernel.offset("struct sk_buff", "cb")
    read = kernel.read_many("struct qdisc_skb_cb", [one + start for one in packets], ["pkt_len"])
    lengths = survey.gaps(read, _WHAT).columns[0]
    return None if None in lengths else sum(lengths)


def chain_length(survey: Survey, first: int | None) -> int | None:
    """How many packets hang on each other."""
    if first is None:
        return None
    walked = survey.kernel.walk_chain(first, "struct sk_buff", "next")
    survey.walked(walked, _WHAT)
    return len(walked) if walked.complete else None
