"""Qdiscs and their classes as tc prints them with ``-s -d``.

Sources: iproute2's tc_qdisc.c, tc_class.c, tc_util.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.classes import QdiscClass
from crashdrive.linux.net.tc.qdisc_tree import Qdisc
from crashdrive.linux.net.tc.words import word_list

_UNREAD = "[private data not read]"


def qdisc_lines(one: Qdisc) -> tuple[str, ...]:
    """As ``tc -s -d qdisc show``."""
    head = word_list(
        f"qdisc {one.kind} {one.handle} dev {one.device}",
        "root" if one.parent is None else None if one.parent == "none" else f"parent {one.parent}",
        f"refcnt {one.references}" if one.references not in {1, None} else None,
        "offloaded" if one.offloaded else None,
        *(one.details.words() if one.details else ()),
        _UNREAD if one.unread else None,
    )
    return (" ".join(head), *_counters(one, sent=True), *(one.details.lines() if one.details else ()))


def class_lines(one: QdiscClass) -> tuple[str, ...]:
    """As ``tc -s -d class show``, with the device."""
    head = word_list(
        f"class {one.kind} {one.handle} dev {one.device}",
        "root" if one.parent is None else f"parent {one.parent}",
        f"leaf {one.leaf}" if one.leaf else None,
        *(one.details.words() if one.details else ()),
    )
    sent = one.bytes is not None or one.leaf == "?"
    counters = _counters(one, sent=sent) if one.counted else ()
    return (" ".join(head), *counters, *(one.details.lines() if one.details else ()))


def _counters(one: Qdisc | QdiscClass, *, sent: bool) -> Iterator[str]:
    basic = f"Sent {_known(one.bytes)} bytes {_known(one.packets)} pkt " if sent else ""
    dropped = f"(dropped {_known(one.drops)}, overlimits {_known(one.overlimits)}"
    requeues = f"requeues {_known(one.requeues)}"
    yield f" {basic}{dropped} {requeues})"
    backlog = "?" if one.backlog is None else tcwords.size(one.backlog)
    yield f" {_rate(one)}backlog {backlog} {_known(one.qlen)}p {requeues}"


def _rate(one: Qdisc | QdiscClass) -> str:
    if one.rate_bytes is None:
        return ""
    return f"rate {tcwords.rate(one.rate_bytes)} {_known(one.rate_packets)}pps "


def _known(value: int | None) -> str:
    return "?" if value is None else str(value)
