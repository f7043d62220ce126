"""sfq: many flows in turn (net/sched/sch_sfq.c)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs import red
from crashdrive.linux.net.tc.qdiscs.base import Block, Details, Kind, Private, Share, credible
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Fields, Survey

_SLOT, _PARMS = "struct sfq_slot", "struct red_parms"
_WHAT = "flows of sfq"
_MOST_FLOWS = 1 << 16  # SFQ_MAX_FLOWS
_MARKS = ("prob_mark", "prob_mark_head", "prob_drop", "forced_mark", "forced_mark_head", "forced_drop")


class SfqRed(Details, frozen=True):
    """red within each flow; ``min`` and ``max`` in bytes."""

    min: int
    max: int
    ewma: int
    probability: float
    flags: tuple[str, ...]
    prob_mark: int
    prob_mark_head: int
    prob_drop: int
    forced_mark: int
    forced_mark_head: int
    forced_drop: int


class Sfq(Details, frozen=True):
    """``limit`` and ``depth`` (of a flow) in packets, ``quantum`` in bytes, ``perturb`` in seconds."""

    limit: int
    quantum: int
    depth: int
    headdrop: bool
    flows: int
    divisor: int
    perturb: int
    red: SfqRed | None

    def words(self) -> list[str]:
        """As q_sfq.c."""
        return word_list(
            f"limit {self.limit}p quantum {tcwords.size(self.quantum)}",
            f"depth {self.depth}" if self.depth else None,
            "headdrop" if self.headdrop else None,
            f"flows {self.flows} divisor {self.divisor}",
            f"perturb {self.perturb}sec" if self.perturb else None,
            *self._red_words(),
        )

    def _red_words(self) -> list[str]:
        early = self.red
        if early is None:
            return []
        sizes = f"min {tcwords.size(early.min)} max {tcwords.size(early.max)}"
        return [f"ewma {early.ewma}", sizes, f"probability {early.probability:g}", *early.flags]

    def lines(self) -> list[str]:
        """As q_sfq.c."""
        if self.red is None:
            return []
        told = [f"{name} {getattr(self.red, name)}" for name in _MARKS]
        return ["  " + " ".join(told[:3]), "  " + " ".join(told[3:])]


class SfqFlow(Details, frozen=True):
    """An active flow: the bytes that it may still send in its turn."""

    allot: int

    def lines(self) -> list[str]:
        """As q_sfq.c."""
        return [f"  allot {self.allot}"]


def _make(survey: Survey, one: Private) -> Sfq:
    row = one.row
    return Sfq(
        limit=row["limit"],
        quantum=row["quantum"],
        depth=row["depth"],
        headdrop=bool(row["headdrop"]),
        flows=row["flows"],
        divisor=row["divisor"],
        perturb=row["perturb"] // survey.kernel.hz,
        red=_red(survey, row),
    )


def _red(survey: Survey, row: Mapping[str, Any]) -> SfqRed | None:
    if not row["parms"]:
        return None
    members = red.parameter_members("")
    columns = survey.read(Fields(survey.kernel, _PARMS, members, members), [row["parms"]], "red in sfq")
    found = {name: column[0] for name, column in columns.items()}
    if None in found.values():
        return None
    marks = {name: row[name] for name in _MARKS}
    return SfqRed(**red.parameters(found), flags=red.flag_names(row["red_flags"]), **marks)


_SLOT_MEMBERS = {"qlen": ("qlen",), "hash": ("hash",), "allot": ("allot",), "backlog": ("backlog",)}


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    """The active flows."""
    kernel, first = survey.kernel, one.row["slots"]
    count = credible(survey, one.row["flows"], _MOST_FLOWS, _WHAT)
    if not first or one.qdisc["qlen"] == 0:
        return
    places = [first + i * kernel.sizeof(_SLOT) for i in range(count)]
    columns = survey.read(Fields(kernel, _SLOT, _SLOT_MEMBERS, _SLOT_MEMBERS), places, _WHAT)
    busy = [row for row in zip(*columns.values(), strict=True) if None not in row and row[0]]
    # in older kernels a short, in units of 8 bytes
    shift = 3 if kernel.sizeof(kernel.place(_SLOT, "allot").type) == 2 else 0
    for qlen, flow, allot, backlog in sorted(busy, key=lambda row: row[1]):
        counters = {"drops": 0, "overlimits": 0, "requeues": 0, "qlen": qlen, "backlog": backlog}
        details = SfqFlow(allot=allot << shift)
        yield Share(one.handle | flow + 1, one.handle, counters=counters, details=details)


KIND = Kind(
    names=("sfq",),
    structure="struct sfq_sched_data",
    members={
        "limit": ("limit",), "quantum": ("quantum",), "depth": ("maxdepth",), "headdrop": ("headdrop",),
        "flows": ("maxflows",), "divisor": ("divisor",), "perturb": ("perturb_period",), "slots": ("slots",),
        "red_flags": ("flags",), "parms": ("red_parms",), **{name: (f"stats.{name}",) for name in _MARKS},
    },
    make=_make,
    classes=_classes,
    blocks=(Block("block"),),
)  # fmt: skip
