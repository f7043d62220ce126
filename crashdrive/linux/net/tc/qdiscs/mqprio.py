"""mqprio: transmit queues by traffic class (net/sched/sch_mqprio.c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Details, Kind, Private, Share
from crashdrive.linux.net.tc.qdiscs.mq import leaves
from crashdrive.linux.net.tc.qdiscs.prio import LEAF_COUNTERS
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Fields, Survey

_CLASSES = 16
_FIRST = 0xFFE0  # TC_H_MIN_PRIORITY: the number of the first traffic class
# TC_MQPRIO_F_*
_MODE, _SHAPER, _MIN_RATE, _MAX_RATE = 1, 2, 4, 8


class Mqprio(Details, frozen=True):
    """``map``: the traffic class of each priority; ``queues``: the first and the last queue of each class;
    ``min_rate`` and ``max_rate`` of each in bytes per second, None where they aren't set.
    """

    tc: int
    map: tuple[int, ...]
    queues: tuple[tuple[int, int], ...]
    mode: str
    shaper: str
    min_rate: tuple[int, ...] | None
    max_rate: tuple[int, ...] | None
    hw: int

    def words(self) -> list[str]:
        """As q_mqprio.c, on one line."""
        queues = " ".join(f"({first}:{last})" for first, last in self.queues)
        return word_list(
            f"tc {self.tc} map " + " ".join(map(str, self.map)),
            f"queues:{queues}",
            f"mode:{self.mode}",
            f"shaper:{self.shaper}",
            *(
                f"{name}:" + " ".join(tcwords.rate(one) for one in rates)
                for name, rates in (("min_rate", self.min_rate), ("max_rate", self.max_rate))
                if rates is not None
            ),
        )


_DEVICE = {
    "tc": ("num_tc",), "map": ("prio_tc_map",),
    **{f"{part}{i}": (f"tc_to_txq[{i}].{part}",) for part in ("offset", "count") for i in range(_CLASSES)},
}  # fmt: skip


def _device(survey: Survey, one: Private) -> dict[str, Any]:
    """The device's members for it."""
    fields = Fields(survey.kernel, "struct net_device", _DEVICE, _DEVICE)
    columns = survey.read(fields, [one.device.address], "mqprio")
    return {name: column[0] for name, column in columns.items()}


def _queues(device: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    count = min(device["tc"] or 0, _CLASSES)
    spans = [(device[f"offset{i}"], device[f"count{i}"]) for i in range(count)]
    return tuple((first, first + many - 1) for first, many in spans)


def _make(survey: Survey, one: Private) -> Mqprio | None:
    row, device = one.row, _device(survey, one)
    if None in device.values():
        return None
    flags, count = row["flags"], device["tc"]

    def rates(bit: int, values: Sequence[int]) -> tuple[int, ...] | None:
        return tuple(values)[:count] if flags & bit else None

    return Mqprio(
        tc=count,
        map=tuple(device["map"]),
        queues=_queues(device),
        mode="channel" if flags & _MODE and row["mode"] else "dcb",
        shaper="bw_rlimit" if flags & _SHAPER and row["shaper"] else "dcb",
        min_rate=rates(_MIN_RATE, row["min_rate"]),
        max_rate=rates(_MAX_RATE, row["max_rate"]),
        hw=row["offload"],
    )


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    device, each = _device(survey, one), leaves(survey, one.device)
    if None in device.values():
        return
    of: dict[int, int] = {}
    for i, (first, last) in enumerate(_queues(device)):
        of |= dict.fromkeys(range(first, last + 1), one.handle | _FIRST + i)
        yield Share(
            one.handle | _FIRST + i, tcwords.ROOT, parts=each[first : last + 1], from_leaf=LEAF_COUNTERS
        )
    for i, leaf in enumerate(each):
        yield Share(one.handle | i + 1, of.get(i, tcwords.ROOT), leaf, from_leaf=LEAF_COUNTERS)


KIND = Kind(
    names=("mqprio",),
    structure="struct mqprio_sched",
    members={
        "mode": ("mode",), "shaper": ("shaper",), "flags": ("flags",), "offload": ("hw_offload",),
        "min_rate": ("min_rate",), "max_rate": ("max_rate",),
    },
    make=_make,
    classes=_classes,
    parts=leaves,
)  # fmt: skip
