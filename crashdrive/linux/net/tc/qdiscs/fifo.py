"""pfifo, bfifo, pfifo_head_drop: a queue that is limited in packets, or in bytes (net/sched/sch_fifo.c)."""

from __future__ import annotations

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Details, Kind, Private
from crashdrive.linux.survey import Survey


class Fifo(Details, frozen=True):
    """One of ``limit_packets`` and ``limit_bytes``."""

    limit_packets: int | None
    limit_bytes: int | None

    def words(self) -> list[str]:
        """As q_fifo.c."""
        if self.limit_bytes is not None:
            return [f"limit {tcwords.size(self.limit_bytes)}"]
        return [f"limit {self.limit_packets}p"]


def _make(_survey: Survey, one: Private) -> Fifo:
    limit, by_bytes = one.qdisc["limit"], one.qdisc["kind"] == "bfifo"
    return Fifo(limit_packets=None if by_bytes else limit, limit_bytes=limit if by_bytes else None)


KIND = Kind(names=("pfifo", "bfifo", "pfifo_head_drop"), make=_make)
