"""red: random early detection (net/sched/sch_red.c, include/net/red.h)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Details, Kind, Members, Private, Share

_FLAGS = ((1, "ecn"), (2, "harddrop"), (4, "adaptive"), (8, "nodrop"))
_WHOLE = 1 << 32


class Red(Details, frozen=True):
    """``limit``, ``min`` and ``max`` in bytes; ``average``: red's average of the queue, in bytes."""

    limit: int
    min: int
    max: int
    flags: tuple[str, ...]
    ewma: int
    probability: float
    scell_log: int
    average: int
    marked: int
    early: int
    pdrop: int

    def words(self) -> list[str]:
        """As q_red.c."""
        sizes = (f"{name} {tcwords.size(getattr(self, name))}" for name in ("limit", "min", "max"))
        more = f"ewma {self.ewma} probability {self.probability:g} Scell_log {self.scell_log}"
        return [*sizes, *self.flags, more]

    def lines(self) -> list[str]:
        """As q_red.c; its ``other`` is 0 since 2.6."""
        return [f"  marked {self.marked} early {self.early} pdrop {self.pdrop} other 0"]


def parameter_members(prefix: str) -> Members:
    """``struct red_parms``, as `parameters` takes it."""
    names = {
        "qth_min": "qth_min",
        "qth_max": "qth_max",
        "wlog": "Wlog",
        "max_p": "max_P",
        "scell": "Scell_log",
    }
    return {name: (f"{prefix}{member}",) for name, member in names.items()}


def parameters(row: Mapping[str, Any]) -> dict[str, Any]:
    """Thresholds (the kernel scales them by the average's weight), the weight, the probability of drops."""
    weight = row["wlog"]
    return {
        "min": row["qth_min"] >> weight,
        "max": row["qth_max"] >> weight,
        "ewma": weight,
        "probability": row["max_p"] / _WHOLE,
    }


def flag_names(bits: int) -> tuple[str, ...]:
    """TC_RED_*, in tc's order."""
    return tuple(name for bit, name in _FLAGS if bits & bit)


def _make(_survey: object, one: Private) -> Red:
    row = one.row
    return Red(
        limit=row["limit"],
        flags=flag_names(row["flags"]),
        scell_log=row["scell"],
        **parameters(row),
        average=row["average"] >> row["wlog"],
        marked=row["prob_mark"] + row["forced_mark"],
        early=row["prob_drop"] + row["forced_drop"],
        pdrop=row["pdrop"],
    )


def _classes(_survey: object, one: Private) -> Iterator[Share]:
    yield Share(one.handle | 1, one.handle, one.row["child"])


_STATISTICS: Sequence[str] = ("prob_mark", "forced_mark", "prob_drop", "forced_drop", "pdrop")
KIND = Kind(
    names=("red",),
    structure="struct red_sched_data",
    members={
        **parameter_members("parms."),
        "limit": ("limit",), "flags": ("flags",), "average": ("vars.qavg",), "child": ("qdisc",),
        **{name: (f"stats.{name}",) for name in _STATISTICS},
    },
    make=_make,
    classes=_classes,
)  # fmt: skip
