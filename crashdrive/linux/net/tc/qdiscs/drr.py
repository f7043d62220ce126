"""drr: classes in turn, each with a quantum (net/sched/sch_drr.c)."""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Block, Details, Kind, Private, Share, whole
from crashdrive.linux.survey import Fields, Survey

_CLASS = "struct drr_class"
_WHAT = "classes of drr"


class DrrClass(Details, frozen=True):
    """In bytes; ``deficit`` of a class that has packets."""

    quantum: int
    deficit: int

    def words(self) -> list[str]:
        """As q_drr.c."""
        return [f"quantum {tcwords.size(self.quantum)}"]

    def lines(self) -> list[str]:
        """As q_drr.c."""
        return [f" deficit {tcwords.size(self.deficit)}"]


_MEMBERS = {
    "id": ("common.classid",), "leaf": ("qdisc",), "quantum": ("quantum",), "deficit": ("deficit",),
    "bytes": ("bstats.bytes",), "packets": ("bstats.packets",), "rate_est": ("rate_est",),
    "waiting": ("qdisc->q.qlen",),
}  # fmt: skip


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    kernel, count = survey.kernel, survey.buckets(one.row["buckets"] or 0, _WHAT)
    if not one.row["hash"] or not count:
        return
    walked = kernel.walk_table(one.row["hash"], count, _CLASS, "common.hnode")
    survey.walked(walked, _WHAT)
    for row in survey.rows(Fields(kernel, _CLASS, _MEMBERS, _MEMBERS), walked.addresses, _WHAT):
        if None not in row.values():
            yield Share(
                row["id"],
                tcwords.ROOT,
                row["leaf"],
                counters=whole(survey, row, "bytes", "packets"),
                from_leaf=("drops", "overlimits", "requeues", "qlen", "backlog"),
                details=DrrClass(quantum=row["quantum"], deficit=row["deficit"] if row["waiting"] else 0),
                estimator=row["rate_est"],
            )


KIND = Kind(
    names=("drr",),
    structure="struct drr_sched",
    members={"hash": ("clhash.hash",), "buckets": ("clhash.hashsize",)},
    classes=_classes,
    blocks=(Block("block"),),
)
