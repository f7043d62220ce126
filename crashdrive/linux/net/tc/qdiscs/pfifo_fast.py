"""pfifo_fast: three bands, the first one first (net/sched/sch_generic.c).

Since 4.16 (c5ad119fb6c0) its bands are rings of pointers. A consumer clears taken pointers later, in batches:
queued packets are those between ``consumer_head`` and ``producer``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crashdrive.linux.net.tc.qdiscs.base import Details, Kind, Members, Private, pointers
from crashdrive.linux.net.tc.qdiscs.packets import packet_bytes
from crashdrive.linux.survey import Survey
from crashdrive.records import Notice

_BANDS = 3
# prio2band: a constant of the kernel
PRIORITY_MAP = (1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)
_PARTS = ("producer", "consumer_head", "size", "queue")


class PfifoFast(Details, frozen=True):
    """``band_packets`` and ``band_bytes``: queued in each band; ``band_limit``: packets that fit;
    ``priomap``: the band of each priority.
    """

    bands: int
    priomap: tuple[int, ...]
    band_packets: tuple[int | None, ...]
    band_bytes: tuple[int | None, ...]
    band_limit: int | None

    def words(self) -> list[str]:
        """As q_prio.c."""
        return [f"bands {self.bands}", "priomap " + " ".join(map(str, self.priomap))]

    def lines(self) -> list[str]:
        """Numbers of each band, which tc doesn't show."""
        if not any(self.band_packets):
            return []
        bands = zip(self.band_packets, self.band_bytes, strict=True)
        told = (f"band{i} {_number(length)}p {_number(size)}b" for i, (length, size) in enumerate(bands))
        return ["  " + " ".join(told)]


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)


def _make(survey: Survey, one: Private) -> PfifoFast:
    rings = [{part: one.row[f"{part}{band}"] for part in _PARTS} for band in range(_BANDS)]
    empty = one.qdisc["qlen"] == 0
    waiting = [_waiting(survey, ring, empty=empty) for ring in rings]
    return PfifoFast(
        bands=_BANDS,
        priomap=PRIORITY_MAP,
        band_packets=tuple(None if found is None else len(found) for found in waiting),
        band_bytes=tuple(None if found is None else packet_bytes(survey, found) for found in waiting),
        band_limit=rings[0]["size"],
    )


def _waiting(survey: Survey, ring: Mapping[str, int], *, empty: bool) -> Sequence[int] | None:
    """The packets in a ring, the next one first; None where the ring is missing or damaged."""
    size, head, producer = ring["size"], ring["consumer_head"], ring["producer"]
    if not 0 <= head < size or not 0 <= producer < size:
        survey.miss([Notice(kind="node", message=f"pfifo_fast: a ring of {size} from {head} to {producer}")])
        return None
    if empty and head == producer:
        return ()
    found = pointers(survey, ring["queue"], size, "pfifo_fast")
    if not found or None in found:
        return None
    # where both are equal, the ring is full or empty
    turned = [*found[head:], *found[:head]][: (producer - head) % size or size]
    return [pointer for pointer in turned if pointer]


_MEMBERS: Members = {
    f"{part}{band}": (f"q[{band}].ring.{part}",) for band in range(_BANDS) for part in _PARTS
}
KIND = Kind(names=("pfifo_fast",), structure="struct pfifo_fast_priv", members=_MEMBERS, make=_make)
