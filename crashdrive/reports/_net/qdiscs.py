"""Queueing disciplines and transmit queues.

Sources: net/sched/sch_api.c, sch_mq.c (what tc shows), include/linux/netdevice.h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from crashdrive.errors import UnknownTypeError
from crashdrive.records import Record
from crashdrive.reports._net.devices import Device
from crashdrive.reports._net.linkstats import Counters, number, sums
from crashdrive.reports._net.sockets import Fields, Survey
from crashdrive.reports.snmp import enumerators

# TCQ_F_* of include/net/sch_generic.h
_BUILTIN, _CPU_STATISTICS, _INVISIBLE = 1, 0x20, 0x80
_ROOT = 0xFFFF_FFFF
_BASIC, _QUEUE = ("bytes", "packets"), ("qlen", "backlog", "drops", "requeues", "overlimits")
# they show the sum of what is below them
_SUMMED = frozenset({"mq", "mqprio"})


class Qdisc(Record, frozen=True):
    """A queueing discipline: ``handle`` and ``parent`` as tc has them, ``parent`` None for a device's root.

    ``qlen`` in packets, ``backlog`` in bytes wait; ``bytes`` and ``packets`` were sent.
    """

    netns: str | None
    device: str
    kind: str
    handle: str
    parent: str | None
    qlen: int | None
    backlog: int | None
    drops: int | None
    bytes: int | None
    packets: int | None
    requeues: int | None
    overlimits: int | None
    limit: int | None
    address: int


class TransmitQueue(Record, frozen=True):
    """A transmit queue. ``in_flight_bytes`` were given to the device and are not done, ``limit_bytes`` is
    what BQL allows there, None without BQL; ``stopped``: the driver or BQL takes no more; ``last_start_ago``
    in seconds since it last sent, None where it never did, and where the kernel doesn't keep that: drivers
    that send without the queue's lock (loopback, veth, bridges, bonds, VLANs).
    """

    netns: str | None
    device: str
    queue: int
    qdisc: str | None
    stopped: tuple[str, ...]
    in_flight_bytes: int | None
    limit_bytes: int | None
    last_start_ago: float | None
    timeouts: int | None
    address: int


_MEMBERS = {
    "kind": ("ops->id",), "handle": ("handle",), "parent": ("parent",), "flags": ("flags",),
    "limit": ("limit",), "waiting": ("q.qlen",), "cpu_basic": ("cpu_bstats",), "cpu_queue": ("cpu_qstats",),
    **{name: (f"bstats.{name}",) for name in _BASIC},
    **{name: (f"qstats.{name}",) for name in _QUEUE},
}  # fmt: skip


def qdiscs(survey: Survey, every: Sequence[Device]) -> list[Qdisc]:
    """Qdiscs of the devices in the chosen namespaces: the root, those in its tree, that for ingress."""
    kernel = survey.kernel
    found: list[tuple[Device, int]] = []
    for device in every:
        if device.row["net"] in survey.chosen:
            found += [(device, address) for address in _of_device(survey, device.address)]
    fields = Fields(kernel, "struct Qdisc", _MEMBERS, ("kind", "handle", "parent", "flags"))
    columns = survey.read(fields, [address for _, address in found], "qdiscs")
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    _count(survey, rows)
    known = [
        (device, address, row)
        for (device, address), row in zip(found, rows, strict=True)
        if row["flags"] is not None and not row["flags"] & (_BUILTIN | _INVISIBLE)
    ]
    made = [_qdisc(survey, device, address, row) for device, address, row in known]
    return [_summed(one, made) if one.kind in _SUMMED else one for one in made]


def _of_device(survey: Survey, device: int) -> list[int]:
    kernel, kind = survey.kernel, "struct net_device"
    paths = ["qdisc", "ingress_queue->qdisc_sleeping"]
    ((root, ingress),) = survey.gaps(kernel.read_many(kind, [device], paths), "qdiscs")
    table = kernel.place(kind, "qdisc_hash")
    buckets = kernel.sizeof(table.type) // kernel.pointer_size
    walked = kernel.walk_table(device + table.offset, buckets, "struct Qdisc", "hash")
    survey.walked(walked, "qdiscs")
    return list(dict.fromkeys(one for one in (root, *walked.addresses, ingress) if one))


def _count(survey: Survey, rows: Sequence[dict[str, Any]]) -> None:
    """Numbers out of the kernel's forms of them; those by CPU are added up."""
    by_cpu = [row for row in rows if row["flags"] is not None and row["flags"] & _CPU_STATISTICS]
    pointers = {
        name: sorted({row[name] for row in by_cpu if row[name]}) for name in ("cpu_basic", "cpu_queue")
    }
    basic = sums(survey, _basic_kind(survey), pointers["cpu_basic"], _BASIC)
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


def _basic_kind(survey: Survey) -> str:
    # 5.16 merged it with its per-cpu form (50dc9a8572aa)
    merged = "struct gnet_stats_basic_sync"
    return merged if survey.kernel.has_type(merged) else "struct gnet_stats_basic_cpu"


def _take(row: dict[str, Any], counted: Counters | None) -> None:
    for name in (counted or {}).keys() & row.keys():
        row[name] = (counted or {})[name]


def _qdisc(survey: Survey, device: Device, address: int, row: Mapping[str, Any]) -> Qdisc:
    return Qdisc(
        netns=survey.labels.get(device.row["net"]),
        device=device.row["name"],
        kind=row["kind"],
        handle=f"{row['handle'] >> 16:x}:",
        parent=None if row["parent"] == _ROOT else f"{row['parent'] >> 16:x}:{row['parent'] & 0xFFFF:x}",
        address=address,
        limit=row["limit"],
        **{name: row[name] for name in (*_QUEUE, *_BASIC)},
    )


def _summed(root: Qdisc, every: Sequence[Qdisc]) -> Qdisc:
    """A qdisc that keeps nothing itself: what those below it hold."""
    below = [
        one for one in every
        if (one.netns, one.device) == (root.netns, root.device) and (one.parent or "").startswith(root.handle)
    ]  # fmt: skip
    totals = {name: _total([getattr(one, name) for one in below]) for name in (*_QUEUE, *_BASIC)}
    return msgspec.structs.replace(root, **totals)


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


_TRANSMIT = {
    "qdisc": ("qdisc->ops->id",), "state": ("state",), "since": ("trans_start",),
    "timeouts": ("trans_timeout.counter", "trans_timeout"),
    # CONFIG_BQL
    "queued": ("dql.num_queued",), "completed": ("dql.num_completed",), "limit": ("dql.limit",),
}  # fmt: skip
_STOPS = (
    ("driver", "__QUEUE_STATE_DRV_XOFF"),
    ("bql", "__QUEUE_STATE_STACK_XOFF"),
    ("frozen", "__QUEUE_STATE_FROZEN"),
)
_MOST_QUEUES = 1 << 16


def transmit_queues(survey: Survey, every: Sequence[Device]) -> list[TransmitQueue]:
    """The transmit queues of the devices in the chosen namespaces."""
    kernel, kind = survey.kernel, "struct netdev_queue"
    chosen = [device for device in every if device.row["net"] in survey.chosen]
    first = kernel.read_many("struct net_device", [device.address for device in chosen], ["_tx"])
    size = kernel.sizeof(kind)
    places = [
        (device, index, start + index * size)
        for device, start in zip(chosen, survey.gaps(first, "transmit queues").columns[0], strict=True)
        if start
        for index in range(min(device.row["tx_queues"] or 0, _MOST_QUEUES))
    ]
    fields = Fields(kernel, kind, _TRANSMIT)
    columns = survey.read(fields, [place for _, _, place in places], "transmit queues")
    bits = kernel.enumerators("enum netdev_queue_state_t")
    kept = _lock_keepers(survey, [device.address for device in chosen])
    sent = [
        tick if kept.get(device.address) else None
        for (device, _, _), tick in zip(places, columns["since"], strict=True)
    ]
    # 0: it never was
    columns["since"] = survey.seconds([tick or None for tick in sent])
    return [
        _transmit(survey, device, index, place, dict(zip(columns, row, strict=True)), bits)
        for (device, index, place), row in zip(places, zip(*columns.values(), strict=True), strict=True)
    ]


def _lock_keepers(survey: Survey, devices: Sequence[int]) -> Mapping[int, bool]:
    """Which devices send under their queue's lock: only then the kernel notes when (txq_trans_update).

    Others have there when they were set up. A member since 00d066a4d4ed (6.12), a feature before.
    """
    kernel, kind = survey.kernel, "struct net_device"
    member = kernel.has_member(kind, "lltx")
    if member:
        mask = 1
    else:
        try:
            mask = 1 << enumerators(survey, "NETIF_F_LLTX_BIT")["NETIF_F_LLTX_BIT"]
        except UnknownTypeError:
            return {}
    path = "lltx" if member else "features"
    column = survey.gaps(kernel.read_many(kind, devices, [path]), "interfaces")[path]
    return {
        address: value is not None and not value & mask
        for address, value in zip(devices, column, strict=True)
    }


def _transmit(
    survey: Survey,
    device: Device,
    index: int,
    place: int,
    row: Mapping[str, Any],
    bits: Mapping[str, int],
) -> TransmitQueue:
    # what never queued by bytes has no driver that does
    counted = bool(row["queued"]) and row["completed"] is not None
    return TransmitQueue(
        netns=survey.labels.get(device.row["net"]),
        device=device.row["name"],
        queue=index,
        qdisc=row["qdisc"],
        stopped=tuple(name for name, bit in _STOPS if (row["state"] or 0) >> bits[bit] & 1),
        in_flight_bytes=(row["queued"] - row["completed"]) & 0xFFFF_FFFF if counted else None,
        limit_bytes=row["limit"] if counted else None,
        last_start_ago=None if row["since"] is None else -row["since"],
        timeouts=row["timeouts"],
        address=place,
    )
