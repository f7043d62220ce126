"""multiq: a band for each transmit queue (net/sched/sch_multiq.c)."""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.linux.net.tc.qdiscs.base import Block, Details, Kind, Private, Share, pointers
from crashdrive.linux.net.tc.qdiscs.prio import LEAF_COUNTERS
from crashdrive.linux.survey import Survey


class Multiq(Details, frozen=True):
    """Bands in use, and their maximum."""

    bands: int
    max_bands: int

    def words(self) -> list[str]:
        """As q_multiq.c."""
        return [f"bands {self.bands}/{self.max_bands}"]


def _make(_survey: Survey, one: Private) -> Multiq:
    return Multiq(bands=one.row["bands"], max_bands=one.row["most"])


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    for i, leaf in enumerate(pointers(survey, one.row["queues"], one.row["bands"] or 0, "multiq")):
        yield Share(one.handle | i + 1, one.handle, leaf, from_leaf=LEAF_COUNTERS)


KIND = Kind(
    names=("multiq",),
    structure="struct multiq_sched_data",
    members={"bands": ("bands",), "most": ("max_bands",), "queues": ("queues",)},
    make=_make,
    classes=_classes,
    blocks=(Block("block"),),
)
