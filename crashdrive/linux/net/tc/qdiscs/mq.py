"""mq: a qdisc for each transmit queue (net/sched/sch_mq.c)."""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.linux.net.devices.devices import Device
from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Kind, Private, Share
from crashdrive.linux.net.tc.qdiscs.prio import LEAF_COUNTERS
from crashdrive.linux.survey import Survey

_MOST_QUEUES = 1 << 16
_WHAT = "transmit queues"


def leaves(survey: Survey, device: Device) -> list[int | None]:
    """The sleeping qdiscs of a device's transmit queues: those that belong to these, active or not."""
    kernel, kind = survey.kernel, "struct netdev_queue"
    first = survey.gaps(kernel.read_many("struct net_device", [device.address], ["_tx"]), _WHAT)["_tx"][0]
    count = min(device.row["tx_queues"] or 0, _MOST_QUEUES)
    if not first:
        return []
    places = [first + i * kernel.sizeof(kind) for i in range(count)]
    return list(survey.gaps(kernel.read_many(kind, places, ["qdisc_sleeping"]), _WHAT).columns[0])


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    for i, leaf in enumerate(leaves(survey, one.device)):
        yield Share(one.handle | i + 1, tcwords.ROOT, leaf, from_leaf=LEAF_COUNTERS)


KIND = Kind(names=("mq",), classes=_classes, parts=leaves)
