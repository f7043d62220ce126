"""clsact: no queue, places for filters in both directions (net/sched/sch_ingress.c)."""

from __future__ import annotations

from crashdrive.linux.net.tc.qdiscs.base import Block, Details, Kind, Private
from crashdrive.linux.net.tc.words import word_list


class Clsact(Details, frozen=True):
    """Numbers of shared blocks of filters, None for its own blocks."""

    ingress_block: int | None
    egress_block: int | None

    def words(self) -> list[str]:
        """As tc_qdisc.c."""
        return word_list(
            f"ingress_block {self.ingress_block}" if self.ingress_block else None,
            f"egress_block {self.egress_block}" if self.egress_block else None,
        )


def _make(_survey: object, one: Private) -> Clsact:
    return Clsact(ingress_block=one.row["in"] or None, egress_block=one.row["out"] or None)


KIND = Kind(
    names=("clsact",),
    structure="struct clsact_sched_data",
    members={"in": ("ingress_block_info.block_index",), "out": ("egress_block_info.block_index",)},
    optional=frozenset({"in", "out"}),
    make=_make,
    blocks=(Block("ingress_block", "ingress"), Block("egress_block", "egress")),
)
