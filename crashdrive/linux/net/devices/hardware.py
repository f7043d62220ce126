"""Hardware of network devices: driver, bus, ring sizes, as in ``ethtool -i`` and ``-g``.

Sources: net/ethtool/ioctl.c (ethtool_get_drvinfo), drivers/net/virtio_net.c (virtnet_get_ringparam),
drivers/virtio/virtio_ring.c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crashdrive.linux.net.counters.device_counters import private_offset
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Record

MEMBERS = {
    "parent": ("dev.parent",), "parent_name": ("dev.parent->kobj.name",),
    "parent_bus": ("dev.parent->bus->name",), "parent_driver": ("dev.parent->driver->name",),
    "above_name": ("dev.parent->parent->kobj.name",),
}  # fmt: skip
"""Of a ``struct net_device``."""

# virtual devices whose driver's name differs from their kind
_CALLED = {"bond": "bonding", "vlan": "802.1Q VLAN Support", "macvtap": "macvlan"}
_INFO = "struct virtnet_info@virtio_net"
_RING = "struct vring_virtqueue@virtio_ring"


class Rings(Record, frozen=True):
    """Entries of a device's first receive and transmit ring, and the most that each can have."""

    rx: int | None
    rx_max: int | None
    tx: int | None
    tx_max: int | None


def hardware(row: Mapping[str, Any], text: Callable[[int | None], str | None]) -> dict[str, Any]:
    """``driver``, ``parent_bus``, ``parent_device``, ``bus_info`` of a device's row; ``text`` reads names."""
    kind, parent, bus = text(row["kind"]), text(row["parent_name"]), text(row["parent_bus"])
    return {
        "driver": text(row["parent_driver"]) or (None if kind is None else _CALLED.get(kind, kind)),
        "parent_bus": bus,
        "parent_device": parent,
        # for virtio, the device that the virtio device is on
        "bus_info": text(row["above_name"]) if bus == "virtio" else parent,
    }


def rings(survey: Survey, devices: Sequence[int]) -> dict[int, Rings]:
    """The rings of virtio devices, by device."""
    kernel = survey.kernel
    if not devices or not kernel.has_type(_INFO) or not kernel.has_type(_RING):
        return {}
    start = private_offset(kernel)
    wanted = {f"{way}{name}": (f"{way}->vq{path}",) for way in ("rq", "sq") for name, path in _QUEUE.items()}
    fields = Fields(kernel, _INFO, wanted, ("rq", "sq"))
    columns = survey.read(fields, [device + start for device in devices], "rings")
    sizes = [_sizes(survey, columns[way]) for way in ("rq", "sq")]
    most = [
        columns[f"{way}_max"] if fields.has(f"{way}_max") else size
        for way, size in zip(("rq", "sq"), sizes, strict=True)
    ]
    rows = zip(devices, sizes[0], most[0], sizes[1], most[1], strict=True)
    return {device: Rings(rx=rx, rx_max=rm, tx=tx, tx_max=tm) for device, rx, rm, tx, tm in rows}


# before 6.0 a queue couldn't be resized
_QUEUE = {"": "", "_max": "->num_max"}


def _sizes(survey: Survey, queues: Sequence[int | None]) -> list[int | None]:
    """Entries of virtqueues."""
    kernel = survey.kernel
    start = kernel.offset(_RING, "vq")
    paths = {
        "packed": ("packed_ring",),
        "of_split": ("split.vring.num",),
        "of_packed": ("packed.vring.num",),
    }
    fields = Fields(kernel, _RING, paths, ("of_split",))
    known = [queue for queue in queues if queue]
    columns = survey.read(fields, [queue - start for queue in known], "rings")
    sizes = {
        queue: packed if is_packed else split
        for queue, is_packed, split, packed in zip(
            known, columns["packed"], columns["of_split"], columns["of_packed"], strict=True
        )
    }
    return [sizes.get(queue or 0) for queue in queues]
