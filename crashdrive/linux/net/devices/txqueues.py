"""Transmit queues of network devices.

Sources: include/linux/netdevice.h (struct netdev_queue), include/linux/dynamic_queue_limits.h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crashdrive.errors import UnknownTypeError
from crashdrive.linux.net.devices.devices import Device
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields, enumerators, row_dicts
from crashdrive.records import Address, Record


class TransmitQueue(Record, frozen=True):
    """A transmit queue. ``in_flight_bytes``: given to the device and not completed, ``limit_bytes``: BQL's
    limit of these, None without BQL. ``stopped``: the driver or BQL stopped it. ``last_start_ago``: seconds
    since it last sent; None where it never did, and for drivers that send without the queue's lock (loopback,
    veth, bridges, bonds, VLANs), whose time the kernel doesn't keep.
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
    address: Address


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


def transmit_queues(survey: NetSurvey, every: Sequence[Device]) -> list[TransmitQueue]:
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
    # 0: it never sent
    columns["since"] = survey.seconds([tick or None for tick in sent])
    return [
        _transmit(survey, device, index, place, row, bits)
        for (device, index, place), row in zip(places, row_dicts(columns), strict=True)
    ]


def _lock_keepers(survey: NetSurvey, devices: Sequence[int]) -> Mapping[int, bool]:
    """Whether each device sends under its queue's lock: only then the kernel notes the time
    (txq_trans_update).

    Other devices have the time of their setup there. It is a member since 00d066a4d4ed (6.12), a feature
    before.
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
    survey: NetSurvey,
    device: Device,
    index: int,
    place: int,
    row: Mapping[str, Any],
    bits: Mapping[str, int],
) -> TransmitQueue:
    # the driver of a queue that never counted bytes doesn't use BQL
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
