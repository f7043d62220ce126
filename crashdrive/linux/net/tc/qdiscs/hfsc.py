"""hfsc: a hierarchy of fair service curves (net/sched/sch_hfsc.c)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Block, Details, Kind, Private, Share, whole
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Record

_CLASS = "struct hfsc_class"
_WHAT = "classes of hfsc"
_SCALE = 24  # SM_SHIFT
_TICKS = 15_625_000  # per second
_CURVES = {"rt": ("cl_rsc", 1), "ls": ("cl_fsc", 2), "ul": ("cl_usc", 4)}
_PARTS = ("sm1", "dx", "sm2")


class Hfsc(Details, frozen=True):
    """``default``: the class of packets that no filter classifies, 0: they are dropped."""

    default: int

    def words(self) -> list[str]:
        """As q_hfsc.c."""
        return [f"default {self.default:#x}"] if self.default else []


class Curve(Record, frozen=True):
    """``m1`` bytes per second for ``d`` seconds, then ``m2``."""

    m1: int
    d: float
    m2: int

    def words(self) -> str:
        """As q_hfsc.c."""
        d = tcwords.microseconds(self.d)
        return f"m1 {tcwords.rate(self.m1)} d {d} m2 {tcwords.rate(self.m2)}"


class HfscClass(Details, frozen=True):
    """The real-time curve, the link-sharing curve, and the upper limit; None where a class has none. ``work``
    and ``rtwork``: bytes sent in all, and by the real-time curve.
    """

    rt: Curve | None
    ls: Curve | None
    ul: Curve | None
    level: int
    period: int
    work: int
    rtwork: int

    def words(self) -> list[str]:
        """As q_hfsc.c."""
        both = self.rt is not None and self.rt == self.ls
        curves = (("sc" if both else "rt", self.rt), ("ls", None if both else self.ls), ("ul", self.ul))
        return [f"{name} {curve.words()}" for name, curve in curves if curve is not None]

    def lines(self) -> list[str]:
        """As q_hfsc.c."""
        works = (f"{name} {getattr(self, name)} bytes" for name in ("work", "rtwork") if getattr(self, name))
        return [" " + " ".join(word_list(f"period {self.period}", *works, f"level {self.level}"))]


def _make(_survey: Survey, one: Private) -> Hfsc:
    return Hfsc(default=one.row["default"])


_PLAIN = {"level": "level", "period": "cl_vtperiod", "work": "cl_total", "rtwork": "cl_cumul"}
_QUEUE = ("drops", "overlimits", "requeues")
_MEMBERS = {
    "id": ("cl_common.classid",), "parent": ("cl_parent",), "leaf": ("qdisc",), "flags": ("cl_flags",),
    "block": ("block",), "rate_est": ("rate_est",), "bytes": ("bstats.bytes",),
    "packets": ("bstats.packets",), **{name: (path,) for name, path in _PLAIN.items()},
    **{name: (f"qstats.{name}",) for name in _QUEUE},
    **{f"{name}_{part}": (f"{member}.{part}",) for name, (member, _) in _CURVES.items() for part in _PARTS},
}  # fmt: skip


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    kernel, count = survey.kernel, survey.buckets(one.row["buckets"] or 0, _WHAT)
    if not one.row["hash"] or not count:
        return
    walked = kernel.walk_table(one.row["hash"], count, _CLASS, "cl_common.hnode")
    survey.walked(walked, _WHAT)
    rows = survey.rows(Fields(kernel, _CLASS, _MEMBERS, _MEMBERS), walked.addresses, _WHAT)
    ids = {address: row["id"] for address, row in zip(walked.addresses, rows, strict=True)}
    for row in rows:
        if None not in row.values():
            yield _share(survey, row, (ids.get(row["parent"]) or 0) if row["parent"] else tcwords.ROOT)


def _share(survey: Survey, row: Mapping[str, Any], parent: int) -> Share:
    leaf = row["leaf"] if not row["level"] else None
    own = {name: row[name] for name in _QUEUE} | whole(survey, row, "bytes", "packets")
    return Share(
        row["id"],
        parent,
        leaf,
        counters=own if leaf else {**own, "qlen": 0, "backlog": 0},
        from_leaf=("qlen", "backlog") if leaf else (),
        details=HfscClass(
            **{name: _curve(row, name) for name in _CURVES}, **{name: row[name] for name in _PLAIN}
        ),
        block=row["block"],
        estimator=row["rate_est"],
    )


def _curve(row: Mapping[str, Any], name: str) -> Any:
    if not row["flags"] & _CURVES[name][1]:
        return None
    m1, d, m2 = (row[f"{name}_{part}"] for part in _PARTS)
    microseconds = d * 1_000_000 // _TICKS
    return Curve(m1=m1 * _TICKS >> _SCALE, d=microseconds / 1e6, m2=m2 * _TICKS >> _SCALE)


KIND = Kind(
    names=("hfsc",),
    structure="struct hfsc_sched",
    members={"hash": ("clhash.hash",), "buckets": ("clhash.hashsize",), "default": ("defcls",)},
    make=_make,
    classes=_classes,
    blocks=(Block("root.block"),),
)
