"""codel: one queue, which drops packets that waited too long (net/sched/sch_codel.c, include/net/codel.h)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Details, Kind, Members, Private
from crashdrive.linux.net.tc.words import word_list

# codel_time_t counts 1024 nanoseconds
_SHIFT = 10
_DISABLED = 0x7FFF_FFFF  # CODEL_DISABLED_THRESHOLD


class Codel(Details, frozen=True):
    """``target``, ``interval``, ``ce_threshold`` (None: off) and ``last_delay`` in seconds; ``limit`` in
    packets; ``count`` of drops since it began to drop.
    """

    limit: int | None
    target: float
    ce_threshold: float | None
    interval: float
    ecn: bool
    count: int
    last_count: int
    last_delay: float
    dropping: bool
    maxpacket: int
    ecn_mark: int
    drop_overlimit: int
    ce_mark: int | None

    def words(self) -> list[str]:
        """As q_codel.c."""
        return word_list(f"limit {self.limit}p", *times(self), "ecn" if self.ecn else None)

    def lines(self) -> list[str]:
        """As q_codel.c, without the time of the next drop, which it counts from its own now."""
        last = f"lastcount {self.last_count} ldelay {tcwords.microseconds(self.last_delay)}"
        marked = f" ce_mark {self.ce_mark}" if self.ce_mark else ""
        return [
            f"  count {self.count} {last}{' dropping' if self.dropping else ' drop_next 0us'}",
            "  "
            + " ".join(
                f"{name} {getattr(self, name)}" for name in ("maxpacket", "ecn_mark", "drop_overlimit")
            )
            + marked,
        ]


def seconds(value: int) -> float:
    """A codel_time_t, with the kernel's rounding to microseconds."""
    return (value << _SHIFT) // 1000 / 1e6


def threshold(value: int | None) -> float | None:
    """The time from which packets are marked; None where they aren't."""
    return None if value is None or value == _DISABLED else seconds(value)


def times(one: Any) -> list[str | None]:
    """The times of codel and of fq_codel."""
    marks = one.ce_threshold
    return [
        f"target {tcwords.microseconds(one.target)}",
        None if marks is None else f"ce_threshold {tcwords.microseconds(marks)}",
        f"interval {tcwords.microseconds(one.interval)}",
    ]


def parameters(row: Mapping[str, Any]) -> dict[str, Any]:
    """``struct codel_params``."""
    return {
        "target": seconds(row["target"]),
        "ce_threshold": threshold(row["ce_threshold"]),
        "interval": seconds(row["interval"]),
        "ecn": bool(row["ecn"]),
    }


def parameter_members(name: str) -> Members:
    """Members for `parameters`, of the ``struct codel_params`` ``name``."""
    return {one: (f"{name}.{one}",) for one in ("target", "ce_threshold", "interval", "ecn")}


def _make(_survey: object, one: Private) -> Codel:
    row = one.row
    plain = ("count", "last_count", "maxpacket", "ecn_mark", "drop_overlimit", "ce_mark")
    return Codel(
        limit=one.qdisc["limit"],
        **parameters(row),
        last_delay=seconds(row["last_delay"]),
        dropping=bool(row["dropping"]),
        **{name: row[name] for name in plain},
    )


KIND = Kind(
    names=("codel",),
    structure="struct codel_sched_data",
    members={
        **parameter_members("params"),
        "count": ("vars.count",), "last_count": ("vars.lastcount",), "last_delay": ("vars.ldelay",),
        "dropping": ("vars.dropping",), "maxpacket": ("stats.maxpacket",), "ecn_mark": ("stats.ecn_mark",),
        "ce_mark": ("stats.ce_mark",), "drop_overlimit": ("drop_overlimit",),
    },
    optional=frozenset({"ce_threshold", "ce_mark"}),
    make=_make,
)  # fmt: skip
