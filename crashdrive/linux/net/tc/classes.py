"""Classes of qdiscs, as in ``tc class show``.

Sources: net/sched/sch_api.c (tc_fill_tclass), and those of each kind in `crashdrive.linux.net.tc.qdiscs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdisc_tree import COUNTERS, QdiscReading, Row, measured, plain_rows, total
from crashdrive.linux.net.tc.qdiscs.base import Details, Share
from crashdrive.linux.survey import Fields
from crashdrive.records import Long, Record

_ESTIMATOR = "struct net_rate_estimator"


class QdiscClass(Record, frozen=True):
    """A class: ``handle`` and ``parent`` as tc has them, ``parent`` None for one at the root; ``leaf`` the
    handle of the qdisc in it, None where that has none, ``?`` where the dump lacks it. Counters as in a
    qdisc's row; they are None, and ``counted`` False, for a kind whose classes have none.
    """

    netns: str | None
    device: str
    kind: str
    handle: str
    parent: str | None
    leaf: str | None
    qlen: int | None
    backlog: int | None
    drops: int | None
    bytes: Long | None
    packets: Long | None
    requeues: int | None
    overlimits: int | None
    rate_bytes: Long | None
    rate_packets: int | None
    details: Details | None
    counted: bool


class ClassReading(NamedTuple):
    """A class with the block of its filters."""

    row: QdiscClass
    share: Share
    of: QdiscReading


def classes(survey: NetSurvey, found: Sequence[QdiscReading]) -> list[ClassReading]:
    """The classes of all qdiscs whose kind is read."""
    shares = [
        (one, share)
        for one in found
        if one.kind is not None and one.kind.classes is not None and one.private is not None
        for share in one.kind.classes(survey, one.private)
    ]
    leaves = plain_rows(survey, (leaf for _, share in shares for leaf in (share.leaf, *share.parts) if leaf))
    rates = _rates(survey, sorted({share.estimator for _, share in shares if share.estimator}))
    return [ClassReading(_class(one, share, leaves, rates), share, one) for one, share in shares]


def _rates(survey: NetSurvey, estimators: Sequence[int]) -> dict[int, tuple[int | None, int | None]]:
    """Bytes and packets per second."""
    if not estimators:
        return {}
    names = {"bps": ("avbps",), "pps": ("avpps",)}
    columns = survey.read(Fields(survey.kernel, _ESTIMATOR, names, names), estimators, "measured rates")
    pairs = zip(map(measured, columns["bps"]), map(measured, columns["pps"]), strict=True)
    return dict(zip(estimators, pairs, strict=True))


def _class(
    one: QdiscReading,
    share: Share,
    leaves: Mapping[int, Row],
    rates: Mapping[int, tuple[int | None, int | None]],
) -> QdiscClass:
    leaf = leaves.get(share.leaf or 0)
    bytes_, packets = rates.get(share.estimator or 0, (None, None))
    return QdiscClass(
        netns=one.qdisc.netns,
        device=one.qdisc.device,
        kind=one.qdisc.kind,
        handle=tcwords.handle(share.handle),
        parent=None if share.parent == tcwords.ROOT else tcwords.handle(share.parent),
        leaf=_leaf(share, leaf),
        rate_bytes=bytes_,
        rate_packets=packets,
        details=share.details,
        counted=bool(share.counters or share.from_leaf),
        **_counters(share, leaf, leaves),
    )


def _leaf(share: Share, leaf: Row | None) -> str | None:
    if leaf is None:
        return "?" if share.leaf else None
    return f"{leaf['handle'] >> 16:x}:" if leaf["handle"] else None


def _counters(share: Share, leaf: Row | None, leaves: Mapping[int, Row]) -> dict[str, Any]:
    from_leaf = total([leaves.get(part or 0) for part in share.parts] if share.parts else [leaf])
    taken = {name: from_leaf[name] for name in share.from_leaf}
    return {**dict.fromkeys(COUNTERS), **share.counters, **taken}
