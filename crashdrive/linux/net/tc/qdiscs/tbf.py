"""tbf: a token bucket (net/sched/sch_tbf.c)."""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Details, Kind, Private, Share
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Survey


class Tbf(Details, frozen=True):
    """``rate`` and ``peakrate`` (None: no limit) in bytes per second, ``burst``, ``mtu`` (the burst of the
    peak) and ``limit`` in bytes; ``latency`` in seconds: the longest wait of a packet, None where ``limit``
    doesn't bound it.
    """

    rate: int
    burst: int
    mpu: int
    peakrate: int | None
    mtu: int | None
    peak_mpu: int | None
    limit: int
    latency: float | None
    overhead: int
    linklayer: str

    def words(self) -> list[str]:
        """As q_tbf.c."""
        burst = f"burst {tcwords.size(self.burst)}/1 mpu {tcwords.size(self.mpu)}"
        latency = None if self.latency is None else f"lat {tcwords.microseconds(self.latency)}"
        return word_list(
            f"rate {tcwords.rate(self.rate)} {burst}",
            None if self.peakrate is None else f"peakrate {tcwords.rate(self.peakrate)}",
            None
            if self.mtu is None
            else f"mtu {tcwords.size(self.mtu)}/1 mpu {tcwords.size(self.peak_mpu or 0)}",
            latency or f"limit {tcwords.size(self.limit)}",
            f"overhead {self.overhead}" if self.overhead else None,
            f"linklayer {self.linklayer}",
        )


def _make(_survey: Survey, one: Private) -> Tbf:
    row = one.row
    rate, peak = row["rate"], row["peakrate"] or None
    waits = [_wait(row["limit"], rate, row["buffer"])]
    if peak:
        waits.append(_wait(row["limit"], peak, row["mtu"]))
    latency = max(waits, default=0.0)
    return Tbf(
        rate=rate,
        burst=tcwords.burst(rate, row["buffer"]),
        mpu=row["mpu"] or 0,
        peakrate=peak,
        mtu=tcwords.burst(peak, row["mtu"]) if peak and (row["mtu"] or row["peak_mpu"]) else None,
        peak_mpu=row["peak_mpu"] if peak else None,
        limit=row["limit"],
        latency=int(latency * 1e6) / 1e6 if latency >= 0 else None,
        overhead=row["overhead"],
        linklayer=tcwords.link_layer(row["linklayer"]),
    )


def _wait(limit: int, rate: int, buffer: int) -> float:
    """Seconds that a full queue takes, without the burst that is sent at once."""
    return limit / rate - tcwords.tick_microseconds(buffer) / 1e6 if rate else 0.0


def _classes(_survey: Survey, one: Private) -> Iterator[Share]:
    yield Share(one.handle | 1, one.handle, one.row["child"])


KIND = Kind(
    names=("tbf",),
    structure="struct tbf_sched_data",
    members={
        "limit": ("limit",), "buffer": ("buffer",), "mtu": ("mtu",), "rate": ("rate.rate_bytes_ps",),
        "peakrate": ("peak.rate_bytes_ps",), "mpu": ("rate.mpu",), "peak_mpu": ("peak.mpu",),
        "overhead": ("rate.overhead",), "linklayer": ("rate.linklayer",), "child": ("qdisc",),
    },
    optional=frozenset({"mpu", "peak_mpu"}),
    make=_make,
    classes=_classes,
)  # fmt: skip
