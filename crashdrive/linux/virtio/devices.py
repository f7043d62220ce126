"""Virtio devices with their drivers and features, as /sys/bus/virtio has them, and their queues.

Sources: include/linux/virtio.h, drivers/virtio/virtio.c (types of the modules, where these are modules).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import functions, texts
from crashdrive.linux.virtio.buses import bus_devices
from crashdrive.linux.virtio.rings import RING, rings
from crashdrive.records import Address, Bits, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_DEVICE, _QUEUE = "struct virtio_device@virtio", "struct virtqueue@virtio_ring"
_FIELDS = {
    "index": ("index",),
    "failed": ("failed",),
    # config_core_enabled since 6.11 (0cb70ee4d6ce)
    "config": ("config_core_enabled", "config_enabled"),
    "pending": ("config_change_pending",),
    "kind": ("id.device",),
    "vendor": ("id.vendor",),
    "features": ("features",),
    "driver": ("dev.driver->name",),
    "parent": ("dev.parent->kobj.name",),
    "private": ("priv",),
}
_OF_QUEUE = {"index": ("index",), "name": ("name",), "callback": ("callback",)}
# VIRTIO_ID_* (include/uapi/linux/virtio_ids.h)
_KINDS = {
    1: "network", 2: "block", 3: "console", 4: "entropy", 5: "balloon", 7: "remote processor", 8: "SCSI",
    9: "9P", 16: "GPU", 18: "input", 19: "socket", 20: "crypto", 23: "IOMMU", 24: "memory", 25: "sound",
    26: "filesystem", 27: "persistent memory", 29: "802.11 simulation", 34: "I2C", 40: "Bluetooth",
    41: "GPIO",
}  # fmt: skip
BALLOON = 5
# bits from 24 to 41 are of the transport, for all devices (include/uapi/linux/virtio_config.h)
_TRANSPORT = {
    24: "notify on empty", 27: "any layout", 28: "indirect descriptors", 29: "event index",
    32: "version 1", 33: "access platform", 34: "packed ring", 35: "in order", 36: "order platform",
    37: "SR-IOV", 38: "notification data", 40: "ring reset",
}  # fmt: skip


class VirtioDevice(Record, frozen=True):
    """A virtio device: ``virtio_kind`` in words, ``driver_name``: the driver that is bound.

    ``parent_device``: what carries it, such as a PCI function. ``virtio_features``: bits that driver and host
    agreed on, ``transport_features``: those of them in words that all devices may have. ``failed``: its
    driver gave it up. ``config_enabled``: changes of its configuration reach the driver.
    ``config_pending``: one came and waits. ``driver_data``: address of the driver's structure.
    """

    virtio_device: str
    virtio_kind: str | None
    driver_name: str | None
    parent_device: str | None
    virtio_features: Bits | None
    transport_features: tuple[str, ...]
    driver_gave_up: bool | None
    config_enabled: bool | None
    config_pending: bool | None
    driver_data: Address | None
    virtio_struct: Address


class VirtioQueue(Record, frozen=True):
    """A queue of a virtio device; ``ring_size`` and ``ring_free`` count its descriptors.

    ``outstanding``: buffers that the host has and whose answers weren't taken, ``answered``: those of them
    that the host has answered; None for packed rings. ``broken``: it is out of use. Receive queues are full
    of buffers that wait for data: that is as it should be. ``queue_callback``: the function that an
    interrupt of the queue calls.
    """

    virtio_device: str
    queue_number: int | None
    virtqueue_name: str | None
    ring_size: int | None
    ring_free: int | None
    outstanding: int | None
    answered: int | None
    broken: bool | None
    queue_callback: str | None
    virtqueue: Address


class FoundDevice(NamedTuple):
    """A device with what readers of its queues and its driver need."""

    row: VirtioDevice
    kind: int | None
    place: int


def virtio_devices(survey: Survey) -> Iterator[VirtioDevice]:
    """All devices by their numbers."""
    yield from (one.row for one in read_devices(survey))


def read_devices(survey: Survey) -> list[FoundDevice]:
    """All devices; none where the kernel has no virtio, or its modules aren't loaded."""
    kernel = survey.kernel
    if not kernel.symbols.has("virtio_bus"):
        survey.absent("virtio, or it isn't loaded")
        return []
    offset = kernel.offset(_DEVICE, "dev")
    places = [device - offset for device in bus_devices(survey, "virtio_bus", "virtio devices")]
    rows = survey.addressed(Fields(kernel, _DEVICE, _FIELDS, ("index", "kind")), places, "virtio devices")
    names = texts(
        survey, (row[name] for _, row in rows for name in ("driver", "parent")), "names of virtio drivers"
    )
    found = [FoundDevice(_device(place, row, names), row["kind"], place) for place, row in rows]
    return sorted(found, key=lambda one: (len(one.row.virtio_device), one.row.virtio_device))


def _device(place: int, row: Mapping[str, Any], names: Mapping[int | None, str | None]) -> VirtioDevice:
    kind, features = row["kind"], row["features"]
    return VirtioDevice(
        virtio_device="virtio?" if row["index"] is None else f"virtio{row['index']}",
        virtio_kind=None if kind is None else _KINDS.get(kind, f"type {kind}"),
        driver_name=names[row["driver"]],
        parent_device=names[row["parent"]],
        virtio_features=features,
        transport_features=tuple(
            word for bit, word in _TRANSPORT.items() if features is not None and features >> bit & 1
        ),
        driver_gave_up=row["failed"],
        config_enabled=row["config"],
        config_pending=row["pending"],
        driver_data=row["private"] or None,
        virtio_struct=place,
    )


def queues_of(survey: Survey, devices: Sequence[FoundDevice]) -> Iterator[VirtioQueue]:
    """The queues of devices, in the order of their numbers."""
    kernel = survey.kernel
    if not devices:
        return
    offset = kernel.offset(_DEVICE, "vqs")
    walked = kernel.walk_lists([one.place + offset for one in devices], _QUEUE, "list")
    survey.walked(walked, "virtqueues")
    fields = Fields(kernel, _QUEUE, _OF_QUEUE, ("index", "name"))
    rows = survey.rows(fields, walked.addresses, "virtqueues")
    start = kernel.offset(RING, "vq")
    found = rings(survey, [place - start for place in walked.addresses])
    names = texts(survey, (row["name"] for row in rows), "names of virtqueues")
    called = functions(kernel, (row["callback"] for row in rows))
    together = zip(walked.walk.lists, walked.addresses, rows, found, strict=True)
    for number, place, row, ring in sorted(together, key=lambda one: (one[0], one[2]["index"] or 0)):
        yield VirtioQueue(
            virtio_device=devices[number].row.virtio_device,
            queue_number=row["index"],
            virtqueue_name=names[row["name"]],
            ring_size=ring.size,
            ring_free=ring.free,
            outstanding=ring.outstanding,
            answered=ring.answered,
            broken=ring.broken,
            queue_callback=called[row["callback"]],
            virtqueue=place,
        )


def virtio_queues(survey: Survey) -> Iterator[VirtioQueue]:
    """The queues of all devices."""
    yield from queues_of(survey, read_devices(survey))
