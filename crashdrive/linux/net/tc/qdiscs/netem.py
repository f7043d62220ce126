"""netem: a bad network (net/sched/sch_netem.c)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crashdrive.integers import Long
from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Details, Kind, Private, Share
from crashdrive.linux.net.tc.words import percent, word_list

_WHOLE = 0xFFFF_FFFF
_FOUR_STATES, _GILBERT = 1, 2
_SLOT = ("min_delay", "max_delay", "max_packets", "max_bytes", "dist_delay", "dist_jitter")


class Slot(Details, frozen=True):
    """Slots in which packets leave: times in seconds; ``packets`` and ``bytes`` 0: no limit."""

    min_delay: float
    max_delay: float
    distribution: float
    jitter: float
    packets: Long
    bytes: Long

    def words(self) -> list[str]:
        """As q_netem.c."""
        if self.jitter > 0:
            times, word = (self.distribution, self.jitter), "slot distribution"
        else:
            times, word = (self.min_delay, self.max_delay), "slot"
        return word_list(
            word,
            *(tcwords.nanoseconds(time) for time in times),
            f"packets {self.packets}" if self.packets else None,
            f"bytes {self.bytes}" if self.bytes else None,
        )


class Netem(Details, frozen=True):
    """``delay`` and ``jitter`` in seconds, ``rate`` in bytes per second (0: no limit), ``limit`` and ``gap``
    in packets; ``loss``, ``duplicate``, ``reorder``, ``corrupt`` and their correlations from 0 to 1.
    ``loss_state`` (p13, p31, p32, p23, p14) and ``loss_gemodel`` (p, r, 1-h, 1-k) of a loss model.
    """

    limit: int
    delay: float
    jitter: float
    delay_correlation: float
    loss: float
    loss_correlation: float
    loss_state: dict[str, float] | None
    loss_gemodel: dict[str, float] | None
    duplicate: float
    duplicate_correlation: float
    reorder: float
    reorder_correlation: float
    corrupt: float
    corrupt_correlation: float
    rate: int
    packet_overhead: int
    cell_size: int
    cell_overhead: int
    slot: Slot | None
    ecn: bool
    gap: int

    def words(self) -> list[str]:
        """As q_netem.c."""
        return word_list(
            f"limit {self.limit}",
            *self._delay_words(),
            *self._chance("loss"),
            *_model("loss state", self.loss_state),
            *_model("loss gemodel", self.loss_gemodel),
            *self._chance("duplicate"),
            *self._chance("reorder"),
            *self._chance("corrupt"),
            *self._rate_words(),
            *(self.slot.words() if self.slot else ()),
            "ecn" if self.ecn else None,
            f"gap {self.gap}" if self.gap else None,
        )

    def _delay_words(self) -> list[str]:
        if not self.delay:
            return []
        return word_list(
            f"delay {tcwords.nanoseconds(self.delay)}",
            tcwords.nanoseconds(self.jitter) if self.jitter else None,
            percent(self.delay_correlation) if self.jitter and self.delay_correlation else None,
        )

    def _chance(self, name: str) -> list[str]:
        chance, correlation = getattr(self, name), getattr(self, f"{name}_correlation")
        if not chance:
            return []
        return word_list(f"{name} {percent(chance)}", percent(correlation) if correlation else None)

    def _rate_words(self) -> list[str]:
        if not self.rate:
            return []
        more = (("packetoverhead", self.packet_overhead), ("cellsize", self.cell_size))
        told = [*more, ("celloverhead", self.cell_overhead)]
        return [f"rate {tcwords.rate(self.rate)}", *(f"{name} {value}" for name, value in told if value)]


def _model(word: str, model: Mapping[str, float] | None) -> list[str]:
    return [word, *(f"{name} {percent(value)}" for name, value in model.items())] if model else []


_CHANCES = {
    "loss": "loss", "duplicate": "dup", "reorder": "reorder", "corrupt": "corrupt",
}  # fmt: skip


def _make(_survey: object, one: Private) -> Netem:
    row = one.row
    plain = ("limit", "rate", "packet_overhead", "cell_size", "cell_overhead", "gap")
    chances = {name: row[name] / _WHOLE for name in _CHANCES}
    correlations = {f"{name}_correlation": row[f"{name}_rho"] / _WHOLE for name in ("delay", *_CHANCES)}
    return Netem(
        **{name: row[name] for name in plain},
        delay=row["latency"] / 1e9,
        jitter=row["jitter"] / 1e9,
        **chances,
        **correlations,
        **_models(row),
        slot=_slot(row),
        ecn=bool(row["ecn"]),
    )


def _models(row: Mapping[str, Any]) -> dict[str, Any]:
    model = row["loss_model"]
    a = [0.0, *(row[f"a{i}"] / _WHOLE for i in range(1, 6))]
    states = {"p13": a[1], "p31": a[2], "p32": a[3], "p23": a[5], "p14": a[4]}
    gilbert = {"p": a[1], "r": a[2], "1-h": 1 - a[3], "1-k": a[4]}
    return {
        "loss_state": states if model == _FOUR_STATES else None,
        "loss_gemodel": gilbert if model == _GILBERT else None,
    }


def _slot(row: Mapping[str, Any]) -> Slot | None:
    """The slots, where any of their times is set."""
    if not any(row[name] for name in _SLOT):
        return None
    return Slot(
        min_delay=row["min_delay"] / 1e9,
        max_delay=row["max_delay"] / 1e9,
        distribution=row["dist_delay"] / 1e9,
        jitter=row["dist_jitter"] / 1e9,
        packets=row["max_packets"] if row["max_packets"] < _NO_LIMIT else 0,
        bytes=row["max_bytes"] if row["max_bytes"] < _NO_LIMIT else 0,
    )


_NO_LIMIT = 0x7FFF_FFFF


def _classes(_survey: object, one: Private) -> Iterator[Share]:
    if one.row["child"]:
        yield Share(one.handle | 1, one.handle, one.row["child"])


KIND = Kind(
    names=("netem",),
    structure="struct netem_sched_data",
    members={
        "latency": ("latency",), "jitter": ("jitter",), "loss": ("loss",), "ecn": ("ecn",),
        "limit": ("limit",), "gap": ("gap",), "duplicate": ("duplicate",), "reorder": ("reorder",),
        "corrupt": ("corrupt",), "rate": ("rate",), "packet_overhead": ("packet_overhead",),
        "cell_size": ("cell_size",), "cell_overhead": ("cell_overhead",), "delay_rho": ("delay_cor.rho",),
        **{f"{name}_rho": (f"{member}_cor.rho",) for name, member in _CHANCES.items()},
        "loss_model": ("loss_model",), **{f"a{i}": (f"clg.a{i}",) for i in range(1, 6)},
        **{name: (f"slot_config.{name}",) for name in _SLOT}, "child": ("qdisc",),
    },
    make=_make,
    classes=_classes,
)  # fmt: skip
