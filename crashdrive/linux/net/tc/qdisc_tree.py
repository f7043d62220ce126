"""Queueing disciplines: the tree of each device, with counters and the data of each kind.

Sources: net/sched/sch_api.c (what tc shows), include/net/sch_generic.h, net/core/gen_estimator.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.errors import UnknownMemberError, UnknownTypeError
from crashdrive.linux.net.devices.devices import Device
from crashdrive.linux.net.devices.link_stats import Counters, number, sums
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Details, Kind, Private, kinds, private_offset
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Long, Record

# TCQ_F_* of include/net/sch_generic.h
_BUILTIN, _CPU_STATISTICS, _INVISIBLE, _OFFLOADED = 1, 0x20, 0x80, 0x200
_BASIC, _QUEUE = ("bytes", "packets"), ("qlen", "backlog", "drops", "requeues", "overlimits")
COUNTERS = (*_QUEUE, *_BASIC)
_RATE_SHIFT = 8  # an estimator keeps its averages in units of 1/256
Row = dict[str, Any]


class Qdisc(Record, frozen=True):
    """A queueing discipline: ``handle`` and ``parent`` as tc has them, ``parent`` None for a device's root.

    ``qlen`` packets and ``backlog`` bytes are queued; ``held`` of these packets were dequeued and not sent:
    the parent peeked at them, or the device gave them back. ``bytes`` and ``packets``: sent; the measured
    rates are per second, None without an estimator. ``details``: the kind's own data (its fields differ by
    kind), None where it has none, or where it isn't read: then ``unread`` is True. ``limit``: the kernel's
    member, which not every kind uses.
    """

    netns: str | None
    device: str
    kind: str
    handle: str
    parent: str | None
    qlen: int | None
    backlog: int | None
    drops: int | None
    bytes: Long | None
    packets: Long | None
    requeues: int | None
    overlimits: int | None
    limit: int | None
    address: Address
    held: int | None = None
    references: int | None = None
    offloaded: bool = False
    rate_bytes: Long | None = None
    rate_packets: int | None = None
    details: Details | None = None
    unread: bool = False


class QdiscReading(NamedTuple):
    """A qdisc with the data that leads to its classes and filters; ``private`` is None where its kind isn't
    read.
    """

    qdisc: Qdisc
    device: Device
    kind: Kind | None
    private: Private | None


_MEMBERS = {
    "kind": ("ops->id",), "handle": ("handle",), "parent": ("parent",), "flags": ("flags",),
    "limit": ("limit",), "waiting": ("q.qlen",), "cpu_basic": ("cpu_bstats",), "cpu_queue": ("cpu_qstats",),
    "references": ("refcnt.refs.counter", "refcnt.counter", "refcnt"),
    # lists in newer kernels, the first of them since 4.16 (a53851e2c321)
    "next": ("gso_skb.qlen",), "refused": ("skb_bad_txq.qlen",),
    "bps": ("rate_est->avbps",), "pps": ("rate_est->avpps",),
    **{name: (f"bstats.{name}",) for name in _BASIC},
    **{name: (f"qstats.{name}",) for name in _QUEUE},
}  # fmt: skip
_REQUIRED = ("kind", "handle", "parent", "flags")


def qdiscs(survey: NetSurvey, every: Sequence[Device]) -> list[Qdisc]:
    """Qdiscs of the devices in the chosen namespaces: the root, those in its tree, that for ingress."""
    return [one.qdisc for one in readings(survey, every)]


def readings(survey: NetSurvey, every: Sequence[Device]) -> list[QdiscReading]:
    """The qdiscs as `crashdrive.linux.net.tc.classes` needs them."""
    found = _of_devices(survey, [device for device in every if device.row["net"] in survey.chosen])
    rows = plain_rows(survey, [address for _, address in found])
    shown = [
        (device, address, rows[address])
        for device, address in found
        if address in rows and not rows[address]["flags"] & (_BUILTIN | _INVISIBLE)
    ]
    privates = _privates(survey, shown)
    _sum_parts(survey, shown)
    return [_reading(survey, one, privates.get(one[1])) for one in shown]


def _of_devices(survey: NetSurvey, chosen: Sequence[Device]) -> list[tuple[Device, int]]:
    """Each device's root qdisc, its hashed qdiscs, and its ingress qdisc."""
    kernel, kind = survey.kernel, "struct net_device"
    paths = ["qdisc", "ingress_queue->qdisc_sleeping"]
    ends = survey.gaps(kernel.read_many(kind, [device.address for device in chosen], paths), "qdiscs")
    table = kernel.place(kind, "qdisc_hash")
    size = kernel.sizeof(table.type)
    window = kernel.window()
    window.fetch((device.address + table.offset, size) for device in chosen)
    found: list[tuple[Device, int]] = []
    for device, (root, ingress) in zip(chosen, ends, strict=True):
        place = device.address + table.offset
        hashed: Sequence[int] = ()
        if window.bytes(place, size) != bytes(size):
            walked = kernel.walk_table(place, size // kernel.pointer_size, "struct Qdisc", "hash")
            survey.walked(walked, "qdiscs")
            hashed = walked.addresses
        found += [(device, one) for one in dict.fromkeys((root, *hashed, ingress)) if one]
    return found


def plain_rows(survey: NetSurvey, addresses: Iterable[int]) -> dict[int, Row]:
    """Members that all qdiscs have, by address; a missing qdisc is left out, and noted."""
    wanted = list(dict.fromkeys(addresses))
    fields = Fields(survey.kernel, "struct Qdisc", _MEMBERS, _REQUIRED)
    rows = survey.rows(fields, wanted, "qdiscs")
    _count(survey, rows)
    return {
        address: row
        for address, row in zip(wanted, rows, strict=True)
        if None not in (row[name] for name in _REQUIRED)
    }


def _count(survey: NetSurvey, rows: Sequence[Row]) -> None:
    """Turn the kernel's forms of counters into numbers; per-CPU ones are added up."""
    by_cpu = [row for row in rows if row["flags"] is not None and row["flags"] & _CPU_STATISTICS]
    pointers = {
        name: sorted({row[name] for row in by_cpu if row[name]}) for name in ("cpu_basic", "cpu_queue")
    }
    basic = _basic_by_cpu(survey, pointers["cpu_basic"])
    queue = sums(survey, "struct gnet_stats_queue", pointers["cpu_queue"], _QUEUE)
    for row in rows:
        for name in _BASIC:
            row[name] = None if row[name] is None else number(survey, row[name])
        row["qlen"] = row["waiting"]
    for row in by_cpu:
        _take(row, basic.get(row["cpu_basic"]))
        more = queue.get(row["cpu_queue"])
        waiting = row["waiting"]
        _take(row, more)
        if more is not None:
            row["qlen"] = None if waiting is None or more["qlen"] is None else waiting + more["qlen"]


def _basic_by_cpu(survey: NetSurvey, pointers: Sequence[int]) -> dict[int, Counters]:
    # 5.16 merged it with its per-cpu form (50dc9a8572aa)
    merged = "struct gnet_stats_basic_sync"
    if survey.kernel.has_type(merged):
        return sums(survey, merged, pointers, _BASIC)
    inner = {f"bstats.{name}": name for name in _BASIC}
    found = sums(survey, "struct gnet_stats_basic_cpu", pointers, tuple(inner))
    return {pointer: {inner[path]: value for path, value in row.items()} for pointer, row in found.items()}


def _take(row: Row, counted: Counters | None) -> None:
    for name in (counted or {}).keys() & row.keys():
        row[name] = (counted or {})[name]


Shown = tuple[Device, int, Row]


def _privates(survey: NetSurvey, shown: Sequence[Shown]) -> dict[int, Private]:
    """Private data by the address of its qdisc, where the kind and its members are known."""
    found: dict[int, Private] = {}
    for name in dict.fromkeys(row["kind"] for _, _, row in shown):
        kind = kinds().get(name)
        if kind is not None:
            found |= _of_kind(survey, kind, [one for one in shown if one[2]["kind"] == name])
    return found


def _of_kind(survey: NetSurvey, kind: Kind, shown: Sequence[Shown]) -> dict[int, Private]:
    start = private_offset(survey)
    if kind.structure is None:
        return {address: Private(device, row, address + start, {}) for device, address, row in shown}
    try:
        fields = kind.fields(survey)
    except (UnknownTypeError, UnknownMemberError):
        for _, _, row in shown:
            row.update(dict.fromkeys(kind.overwrites))
        return {}
    rows = survey.rows(
        fields, [address + start for _, address, _ in shown], f"qdiscs of kind {kind.names[0]}"
    )
    found: dict[int, Private] = {}
    for (device, address, row), own in zip(shown, rows, strict=True):
        row.update({counter: own[name] for counter, name in kind.overwrites.items() if fields.has(name)})
        if None not in (own[name] for name in kind.members if fields.has(name)):
            found[address] = Private(device, row, address + start, own)
    return found


def _sum_parts(survey: NetSurvey, shown: Sequence[Shown]) -> None:
    """Counters of qdiscs that have none of their own: sums over the qdiscs of their queues."""
    parts = {
        address: list(kind.parts(survey, device))
        for device, address, row in shown
        if (kind := kinds().get(row["kind"])) is not None and kind.parts is not None
    }
    rows = plain_rows(survey, (one for each in parts.values() for one in each if one))
    for _, address, row in shown:
        if address in parts:
            row.update(total([rows.get(one or 0) for one in parts[address]]))


def total(rows: Sequence[Mapping[str, Any] | None]) -> dict[str, int | None]:
    """Counters of several qdiscs added up; None where one isn't known."""
    return {name: _total([None if row is None else row[name] for row in rows]) for name in COUNTERS}


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _reading(survey: NetSurvey, shown: Shown, private: Private | None) -> QdiscReading:
    device, address, row = shown
    kind = kinds().get(row["kind"])
    details = None if kind is None or kind.make is None or private is None else kind.make(survey, private)
    unread = kind is None or private is None or (kind.make is not None and details is None)
    qdisc = Qdisc(
        netns=survey.labels.get(device.row["net"]),
        device=device.row["name"],
        kind=row["kind"],
        handle=f"{row['handle'] >> 16:x}:",
        parent=None if row["parent"] == tcwords.ROOT else tcwords.handle(row["parent"]),
        address=address,
        limit=row["limit"],
        held=_total([row["next"], row["refused"]]),
        references=row["references"],
        offloaded=bool(row["flags"] & _OFFLOADED),
        rate_bytes=measured(row["bps"]),
        rate_packets=measured(row["pps"]),
        details=details,
        unread=unread,
        **{name: row[name] for name in COUNTERS},
    )
    return QdiscReading(qdisc, device, kind, private)


def measured(average: int | None) -> int | None:
    """The rate that an estimator's average stands for."""
    return None if average is None else average >> _RATE_SHIFT
