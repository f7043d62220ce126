"""prio: bands, the first one first (net/sched/sch_prio.c)."""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.linux.net.tc.qdiscs.base import Block, Details, Kind, Private, Share, array, credible
from crashdrive.linux.survey import Survey

LEAF_COUNTERS = ("bytes", "packets", "drops", "overlimits", "requeues", "qlen", "backlog")
_MOST_BANDS = 16


class Prio(Details, frozen=True):
    """``priomap``: the band of each priority."""

    bands: int
    priomap: tuple[int, ...]

    def words(self) -> list[str]:
        """As q_prio.c."""
        return [f"bands {self.bands}", "priomap " + " ".join(map(str, self.priomap))]


def _make(_survey: object, one: Private) -> Prio:
    return Prio(bands=one.row["bands"], priomap=array(one.row["map"]))


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    for i in range(credible(survey, one.row["bands"], _MOST_BANDS, "bands of prio")):
        yield Share(one.handle | i + 1, one.handle, one.row[f"queue{i}"], from_leaf=LEAF_COUNTERS)


KIND = Kind(
    names=("prio",),
    structure="struct prio_sched_data",
    members={
        "bands": ("bands",), "map": ("prio2band",),
        **{f"queue{i}": (f"queues[{i}]",) for i in range(_MOST_BANDS)}
    },
    make=_make,
    classes=_classes,
    blocks=(Block("block"),),
)  # fmt: skip
