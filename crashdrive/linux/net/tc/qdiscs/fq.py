"""fq: a flow for each socket, paced (net/sched/sch_fq.c)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Details, Kind, Private, array
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Survey

_NONE = 0xFFFF_FFFF
_BANDS = 3
_PRIORITIES = 16


class Fq(Details, frozen=True):
    """``limit`` and ``flow_limit`` in packets; quantums in bytes; ``maxrate`` (of a flow, None: no limit) and
    ``low_rate_threshold`` in bytes per second; ``refill_delay``, ``ce_threshold`` (None: off),
    ``timer_slack``, ``horizon`` and ``latency`` in seconds. Bands (``priomap``: each priority's; ``weights``,
    ``band_packets``, ``band_drops``: each band's) since 6.7, None before.
    """

    limit: int | None
    flow_limit: int
    buckets: int
    orphan_mask: int | None
    pacing: bool
    priomap: tuple[int, ...] | None
    weights: tuple[int, ...] | None
    quantum: int
    initial_quantum: int
    maxrate: int | None
    low_rate_threshold: int | None
    refill_delay: float
    ce_threshold: float | None
    timer_slack: float | None
    horizon: float | None
    horizon_drop: bool | None
    flows: int
    inactive: int
    throttled_flows: int
    band_packets: tuple[int, ...] | None
    gc: int
    highprio: int | None
    fastpath: int | None
    throttled: int
    latency: float | None
    ce_mark: int | None
    flows_plimit: int
    pkts_too_long: int | None
    alloc_errors: int | None
    horizon_drops: int | None
    horizon_caps: int | None
    band_drops: tuple[int, ...] | None

    def words(self) -> list[str]:
        """As q_fq.c."""
        return word_list(
            f"limit {self.limit}p flow_limit {self.flow_limit}p buckets {self.buckets}",
            None if self.orphan_mask is None else f"orphan_mask {self.orphan_mask}",
            None if self.pacing else "nopacing",
            *self._band_words(),
            f"quantum {tcwords.size(self.quantum)} initial_quantum {tcwords.size(self.initial_quantum)}",
            None if self.maxrate is None else f"maxrate {tcwords.rate(self.maxrate)}",
            f"low_rate_threshold {tcwords.rate(self.low_rate_threshold)}"
            if self.low_rate_threshold
            else None,
            f"refill_delay {tcwords.microseconds(self.refill_delay)}",
            None if self.ce_threshold is None else f"ce_threshold {tcwords.microseconds(self.ce_threshold)}",
            None if self.timer_slack is None else f"timer_slack {tcwords.nanoseconds(self.timer_slack)}",
            None if self.horizon is None else f"horizon {tcwords.microseconds(self.horizon)}",
            None if self.horizon_drop is None else "horizon_drop" if self.horizon_drop else "horizon_cap",
        )

    def _band_words(self) -> list[str]:
        if self.priomap is None or self.weights is None:
            return []
        told = (" ".join(map(str, numbers)) for numbers in (self.priomap, self.weights))
        return [
            f"bands {_BANDS}",
            *(f"{name} {text}" for name, text in zip(("priomap", "weights"), told, strict=True)),
        ]

    def lines(self) -> list[str]:
        """As q_fq.c, without the time until the next packet, which it counts from its own now."""
        flows = f"flows {self.flows} (inactive {self.inactive} throttled {self.throttled_flows})"
        bands = (f"band{i}_pkts {count}" for i, count in enumerate(self.band_packets or ()))
        latency = None if not self.latency else f"latency {tcwords.nanoseconds(self.latency)}"
        counted = word_list(
            f"gc {self.gc} highprio {self.highprio or 0}",
            *_told(self, ("fastpath",)),
            f"throttled {self.throttled}",
            latency,
            *_told(self, ("ce_mark", "flows_plimit")),
        )
        troubles = [
            *_told(self, ("pkts_too_long", "alloc_errors", "horizon_drops", "horizon_caps")),
            *(f"band{i}_drops {count}" for i, count in enumerate(self.band_drops or ()) if count),
        ]
        lines = [" ".join(["", flows, *bands]), " ".join(["", *counted]), " ".join(["", *troubles])]
        return [f" {line}" for line in lines if line]


def _told(one: Fq, names: Iterable[str]) -> list[str]:
    return [f"{name} {getattr(one, name)}" for name in names if getattr(one, name)]


def _make(survey: Survey, one: Private) -> Fq:
    row = one.row
    plain = (
        "flow_limit", "orphan_mask", "quantum", "initial_quantum", "low_rate_threshold", "flows", "inactive",
        "throttled_flows", "gc", "highprio", "fastpath", "throttled", "ce_mark", "flows_plimit",
        "pkts_too_long", "alloc_errors", "horizon_drops", "horizon_caps",
    )  # fmt: skip
    rate = row["maxrate"]
    return Fq(
        limit=one.qdisc["limit"],
        **{name: row[name] for name in plain},
        buckets=1 << row["trees_log"],
        pacing=bool(row["pacing"]),
        maxrate=None if rate >= _NONE else rate,
        refill_delay=row["refill_delay"] / survey.kernel.hz,
        ce_threshold=_threshold(row["ce_threshold"]),
        timer_slack=None if row["timer_slack"] is None else row["timer_slack"] / 1e9,
        horizon=None if row["horizon"] is None else row["horizon"] / 1e9,
        horizon_drop=None if row["horizon_drop"] is None else bool(row["horizon_drop"]),
        latency=None if row["latency"] is None else row["latency"] / 1e9,
        **_bands(row),
    )


def _threshold(value: int | None) -> float | None:
    """The kernel keeps nanoseconds and tells microseconds; the highest number of these is off."""
    return None if value is None or value // 1000 >= _NONE else value // 1000 / 1e6


def _bands(row: Mapping[str, Any]) -> dict[str, Any]:
    """Bands of 29f834aa326e (6.7); a priority's band has two bits."""
    packed = row["priomap"]
    if packed is None:
        return dict.fromkeys(("priomap", "weights", "band_packets", "band_drops"))
    crumbs = array(packed)
    return {
        "priomap": tuple(crumbs[i // 4] >> 2 * (i % 4) & 3 for i in range(_PRIORITIES)),
        "weights": tuple(row[f"weight{i}"] for i in range(_BANDS)),
        "band_packets": array(row["band_packets"]),
        "band_drops": array(row["band_drops"]),
    }


_MEMBERS = {
    "flow_limit": ("flow_plimit",), "trees_log": ("fq_trees_log",), "pacing": ("rate_enable",),
    "quantum": ("quantum",), "initial_quantum": ("initial_quantum",), "maxrate": ("flow_max_rate",),
    "refill_delay": ("flow_refill_delay",), "flows": ("flows",), "inactive": ("inactive_flows",),
    "throttled_flows": ("throttled_flows",), "gc": ("stat_gc_flows",), "throttled": ("stat_throttled",),
    "flows_plimit": ("stat_flows_plimit",),
}  # fmt: skip
_OPTIONAL = {
    "orphan_mask": ("orphan_mask",), "low_rate_threshold": ("low_rate_threshold",),
    "ce_threshold": ("ce_threshold",), "timer_slack": ("timer_slack",), "horizon": ("horizon",),
    "horizon_drop": ("horizon_drop",), "latency": ("unthrottle_latency_ns",), "ce_mark": ("stat_ce_mark",),
    # 6.7 replaced the first by the second (076433bd78d7)
    "highprio": ("stat_internal_packets",), "fastpath": ("internal.stat_fastpath_packets",),
    "pkts_too_long": ("stat_pkts_too_long",), "alloc_errors": ("stat_allocation_errors",),
    "horizon_drops": ("stat_horizon_drops",), "horizon_caps": ("stat_horizon_caps",),
    "priomap": ("prio2band",), "band_packets": ("band_pkt_count",), "band_drops": ("stat_band_drops",),
    **{f"weight{i}": (f"band_flows[{i}].quantum",) for i in range(_BANDS)},
}  # fmt: skip
KIND = Kind(
    names=("fq",),
    structure="struct fq_sched_data",
    members={**_MEMBERS, **_OPTIONAL},
    optional=frozenset(_OPTIONAL),
    make=_make,
)
