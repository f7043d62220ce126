"""cake: shaping, flows and priorities in one (net/sched/sch_cake.c)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Block, Details, Kind, Private, Share, linked, words32
from crashdrive.linux.net.tc.qdiscs.packets import chain_length
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Fields, Survey

_TIN = "struct cake_tin_data"
_MOST_TINS = 8
_DIFFSERV = ("diffserv3", "diffserv4", "diffserv8", "besteffort", "precedence")
_FLOWS = (
    "flowblind", "srchost", "dsthost", "hosts", "flows", "dual-srchost", "dual-dsthost", "triple-isolate",
)  # fmt: skip
_FLOW_MASK, _NAT = 63, 64
# CAKE_FLAG_*
_OVERHEAD, _AUTORATE, _INGRESS, _WASH, _SPLIT = 1, 2, 4, 8, 16
_ACK_FILTERS = ("no-ack-filter", "ack-filter", "ack-filter-aggressive")
_ATM = ("noatm", "atm", "ptm")
# the first two tins are swapped (bulk_order)
_SWAPPED = frozenset({"diffserv3", "diffserv4"})
_TIN_NAMES = {3: ("Bulk", "Best Effort", "Voice"), 4: ("Bulk", "Best Effort", "Video", "Voice")}


class Tin(Details, frozen=True):
    """A priority; delays and times in seconds, ``threshold_rate`` in bytes per second."""

    threshold_rate: int
    target: float
    interval: float
    peak_delay: float
    avg_delay: float
    base_delay: float
    backlog_bytes: int
    sent_packets: int
    sent_bytes: int
    way_indirect_hits: int
    way_misses: int
    way_collisions: int
    drops: int
    ecn_mark: int
    ack_drops: int
    sparse_flows: int
    bulk_flows: int
    unresponsive_flows: int
    max_pkt_len: int
    flow_quantum: int


class Cake(Details, frozen=True):
    """``bandwidth`` (0: unlimited) and ``capacity_estimate`` in bytes per second, ``rtt`` in seconds, memory
    and sizes in bytes. ``tins``: the priorities in tc's order.
    """

    bandwidth: int
    autorate: bool
    diffserv: str
    flowmode: str
    nat: bool
    wash: bool
    ingress: bool
    ack_filter: str
    split_gso: bool
    rtt: float
    raw: bool
    atm: str
    overhead: int
    mpu: int
    memlimit: int
    fwmark: int
    memory_used: int
    memory_limit: int
    capacity_estimate: int
    min_network_size: int
    max_network_size: int
    min_adj_size: int
    max_adj_size: int
    avg_hdr_offset: int
    tins: tuple[Tin, ...]

    def words(self) -> list[str]:
        """As q_cake.c."""
        return word_list(
            "bandwidth " + (tcwords.rate(self.bandwidth) if self.bandwidth else "unlimited"),
            "autorate-ingress" if self.autorate else None,
            f"{self.diffserv} {self.flowmode}",
            "nat" if self.nat else "nonat",
            "wash" if self.wash else "nowash",
            "ingress" if self.ingress else None,
            self.ack_filter,
            "split-gso" if self.split_gso else "no-split-gso",
            f"rtt {tcwords.microseconds(self.rtt)}" if self.rtt else None,
            "raw" if self.raw else None,
            None if self.raw and self.atm == _ATM[0] else self.atm,
            f"overhead {self.overhead}",
            f"mpu {self.mpu}" if self.mpu else None,
            f"memlimit {tcwords.size(self.memlimit)}" if self.memlimit else None,
            f"fwmark {self.fwmark:#x}" if self.fwmark else None,
        )

    def lines(self) -> list[str]:
        """As q_cake.c."""
        return [
            f" memory used: {tcwords.size(self.memory_used)} of {tcwords.size(self.memory_limit)}",
            f" capacity estimate: {tcwords.rate(self.capacity_estimate)}",
            f" min/max network layer size: {self.min_network_size:12} /{self.max_network_size:8}",
            f" min/max overhead-adjusted size: {self.min_adj_size:8} /{self.max_adj_size:8}",
            f" average network hdr offset: {self.avg_hdr_offset:12}",
            *self._tin_lines(),
        ]

    def _tin_lines(self) -> list[str]:
        names = _TIN_NAMES.get(len(self.tins)) or [f"Tin {i}" for i in range(len(self.tins))]
        head = " " * 10 + "".join(f" {name:>12}" for name in names)
        rows = (
            f"  {word:8}" + "".join(f" {text(tin):>12}" for tin in self.tins) for word, text in _TIN_WORDS
        )
        return [head, *rows] if self.tins else []


def _number(name: str) -> Any:
    return lambda tin: str(getattr(tin, name))


def _time(name: str) -> Any:
    return lambda tin: tcwords.microseconds(getattr(tin, name))


_TIN_WORDS = (
    ("thresh", lambda tin: tcwords.rate(tin.threshold_rate)), ("target", _time("target")),
    ("interval", _time("interval")), ("pk_delay", _time("peak_delay")), ("av_delay", _time("avg_delay")),
    ("sp_delay", _time("base_delay")), ("backlog", lambda tin: tcwords.size(tin.backlog_bytes)),
    ("pkts", _number("sent_packets")), ("bytes", _number("sent_bytes")),
    ("way_inds", _number("way_indirect_hits")), ("way_miss", _number("way_misses")),
    ("way_cols", _number("way_collisions")), ("drops", _number("drops")), ("marks", _number("ecn_mark")),
    ("ack_drop", _number("ack_drops")), ("sp_flows", _number("sparse_flows")),
    ("bk_flows", _number("bulk_flows")), ("un_flows", _number("unresponsive_flows")),
    ("max_len", _number("max_pkt_len")), ("quantum", _number("flow_quantum")),
)  # fmt: skip
_TIN_TIMES = {
    "target": "cparams.target", "interval": "cparams.interval", "peak_delay": "peak_delay",
    "avg_delay": "avge_delay", "base_delay": "base_delay",
}  # fmt: skip
_TIN_PLAIN = {
    "threshold_rate": "tin_rate_bps", "backlog_bytes": "tin_backlog", "sent_packets": "packets",
    "sent_bytes": "bytes", "way_indirect_hits": "way_hits", "way_misses": "way_misses",
    "way_collisions": "way_collisions", "drops": "tin_dropped", "ecn_mark": "tin_ecn_mark",
    "ack_drops": "ack_drops", "bulk_flows": "bulk_flow_count", "flow_quantum": "flow_quantum",
    "unresponsive_flows": "unresponsive_flow_count", "max_pkt_len": "max_skblen",
}  # fmt: skip
_TIN_MEMBERS = {
    **{name: (path,) for name, path in (_TIN_TIMES | _TIN_PLAIN).items()},
    "sparse": ("sparse_flow_count",), "decaying": ("decaying_flow_count",),
}  # fmt: skip


class CakeFlow(Details, frozen=True):
    """A flow; ``deficit`` in bytes, ``count`` of drops since it began to drop, ``blue_prob`` of 2**32."""

    deficit: int
    count: int
    dropping: bool
    blue_prob: int

    def lines(self) -> list[str]:
        """As q_cake.c, without the times that it counts from its own now."""
        dropping = " dropping" if self.dropping else ""
        return [f"  deficit {self.deficit} count {self.count}{dropping} blue_prob {self.blue_prob}"]


_FLOW = "struct cake_flow"
_QUEUES = 1024
_FLOW_MEMBERS = {
    "head": ("head",), "dropped": ("dropped",), "deficit": ("deficit",), "count": ("cvars.count",),
    "dropping": ("cvars.dropping",), "blue": ("cvars.p_drop",),
}  # fmt: skip


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    """The active flows of all tins: those that are on a list."""
    kernel = survey.kernel
    size = kernel.sizeof(_FLOW)
    start = kernel.offset(_TIN, "backlogs")
    for i, tin in enumerate(_tin_places(survey, one.row)):
        places = [tin + kernel.offset(_TIN, "flows") + j * size for j in range(_QUEUES)]
        busy = linked(survey, _FLOW, "flowchain", places, "flows of cake")
        fields = Fields(kernel, _FLOW, _FLOW_MEMBERS, _FLOW_MEMBERS)
        rows = survey.rows(fields, [places[j] for j in busy], "flows of cake")
        backlogs = words32(survey, [tin + start + 4 * j for j in busy], "flows of cake")
        for j, backlog, row in zip(busy, backlogs, rows, strict=True):
            if None not in row.values():
                yield _flow(survey, one.handle, i * _QUEUES + j + 1, backlog, row)


def _flow(survey: Survey, handle: int, minor: int, backlog: int | None, row: Mapping[str, Any]) -> Share:
    counters = {"drops": row["dropped"], "overlimits": 0, "requeues": 0, "backlog": backlog}
    details = CakeFlow(
        deficit=row["deficit"], count=row["count"], dropping=bool(row["dropping"]), blue_prob=row["blue"]
    )
    waiting = chain_length(survey, row["head"])
    return Share(handle | minor, handle, counters={**counters, "qlen": waiting}, details=details)


def _tin_places(survey: Survey, row: Mapping[str, Any]) -> list[int]:
    """Addresses of the tins in tc's order; none where their number is damaged."""
    count = row["tin_cnt"]
    if not row["tins"] or not 0 < count <= _MOST_TINS:
        return []
    swapped = _named(_DIFFSERV, row["tin_mode"]) in _SWAPPED
    order = [1, 0, *range(2, count)] if swapped else list(range(count))
    return [row["tins"] + i * survey.kernel.sizeof(_TIN) for i in order]


def _tins(survey: Survey, row: Mapping[str, Any]) -> tuple[Tin, ...] | None:
    fields = Fields(survey.kernel, _TIN, _TIN_MEMBERS, _TIN_MEMBERS)
    rows = survey.rows(fields, _tin_places(survey, row), "tins of cake")
    return None if not rows or any(None in tin.values() for tin in rows) else tuple(map(_tin, rows))


def _tin(row: Mapping[str, Any]) -> Tin:
    return Tin(
        **{name: row[name] // 1000 / 1e6 for name in _TIN_TIMES},
        **{name: row[name] for name in _TIN_PLAIN},
        sparse_flows=row["sparse"] + row["decaying"],
    )


def _make(survey: Survey, one: Private) -> Cake | None:
    row, flags = one.row, one.row["flags"]
    tins = _tins(survey, row)
    if tins is None:
        return None
    return Cake(
        **{name: row[name] for name in _PLAIN},
        rtt=row["interval"] / 1e6,  # kept in microseconds
        diffserv=_named(_DIFFSERV, row["tin_mode"]),
        flowmode=_named(_FLOWS, row["flow_mode"] & _FLOW_MASK),
        nat=bool(row["flow_mode"] & _NAT),
        autorate=bool(flags & _AUTORATE),
        ingress=bool(flags & _INGRESS),
        wash=bool(flags & _WASH),
        split_gso=bool(flags & _SPLIT),
        raw=not flags & _OVERHEAD,
        ack_filter=_named(_ACK_FILTERS, row["ack_filter"]),
        atm=_named(_ATM, row["atm_mode"]),
        avg_hdr_offset=row["avg_netoff"] + (1 << 15) >> 16,
        tins=tins,
    )


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else str(number)


def _set(name: str) -> tuple[str, str]:
    """Where a setting is: its own, or, with cake on several queues, in what all of them share."""
    return name, f"config->{name}"


_PLAIN = {
    "bandwidth": "rate_bps", "overhead": "rate_overhead", "mpu": "rate_mpu", "fwmark": "fwmark_mask",
    "memlimit": "buffer_config_limit", "memory_used": "buffer_max_used", "memory_limit": "buffer_limit",
    "capacity_estimate": "avg_peak_bandwidth", "min_network_size": "min_netlen",
    "max_network_size": "max_netlen", "min_adj_size": "min_adjlen", "max_adj_size": "max_adjlen",
}  # fmt: skip
KIND = Kind(
    names=("cake",),
    structure="struct cake_sched_data",
    members={
        **{name: _set(path) for name, path in _PLAIN.items()},
        "flags": _set("rate_flags"), "interval": _set("interval"), "tin_mode": _set("tin_mode"),
        "flow_mode": _set("flow_mode"), "ack_filter": _set("ack_filter"), "atm_mode": _set("atm_mode"),
        "tins": ("tins",), "tin_cnt": ("tin_cnt",), "avg_netoff": ("avg_netoff",),
    },
    make=_make,
    classes=_classes,
    blocks=(Block("block"),),
)  # fmt: skip
