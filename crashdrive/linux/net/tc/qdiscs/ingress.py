"""ingress: no queue, a place for filters (net/sched/sch_ingress.c)."""

from __future__ import annotations

from crashdrive.linux.net.tc.qdiscs.base import Block, Details, Kind, Private
from crashdrive.linux.net.tc.words import word_list


class Ingress(Details, frozen=True):
    """``ingress_block``: the number of its shared block of filters, None for its own block."""

    ingress_block: int | None

    def words(self) -> list[str]:
        """As q_ingress.c."""
        return word_list(f"ingress_block {self.ingress_block}" if self.ingress_block else None, "-" * 16)


def _make(_survey: object, one: Private) -> Ingress:
    return Ingress(ingress_block=one.row["index"] or None)


KIND = Kind(
    names=("ingress",),
    structure="struct ingress_sched_data",
    members={"index": ("block_info.block_index",)},
    optional=frozenset({"index"}),
    make=_make,
    blocks=(Block("block", "ingress"),),
)
