"""Queues of virtio-blk's disks: requests that the host hasn't answered, and answers that weren't taken.

Sources: drivers/block/virtio_blk.c, drivers/virtio/virtio_ring.c (types of the modules, where these are
modules).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.block.devices import by_operations
from crashdrive.linux.survey import Fields
from crashdrive.linux.virtio.rings import RING, rings
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.block.devices import Device
    from crashdrive.linux.survey import Survey

_OPERATIONS = "virtblk_fops"
_DISK, _QUEUE = "struct virtio_blk@virtio_blk", "struct virtio_blk_vq@virtio_blk"
_OF_DISK = {"device": ("vdev",), "count": ("num_vqs",), "queues": ("vqs",)}
_OF_QUEUE = {"ring": ("vq",), "name": ("name",)}
# a disk has at most a queue per CPU, and no machine has more CPUs than this
_MOST = 1 << 13


class VirtQueue(Record, frozen=True):
    """A queue of a virtio-blk disk; ``size`` and ``free`` count its descriptors.

    ``outstanding``: requests that the host was given and whose answers weren't taken; ``answered``: those of
    them that the host has answered. Both are None for packed rings. ``broken``: the queue is out of use.
    """

    disk: str
    name: str | None
    size: int | None
    free: int | None
    outstanding: int | None
    answered: int | None
    broken: bool | None
    address: Address


def virt_queues(survey: Survey, devices: Sequence[Device]) -> Iterator[VirtQueue]:
    """The queues of virtio-blk disks among block devices."""
    ours = [one for one in by_operations(devices, _OPERATIONS) if one.private]
    if not ours:
        return
    kernel, places = survey.kernel, []
    rows = survey.rows(
        Fields(kernel, _DISK, _OF_DISK, _OF_DISK), [one.private or 0 for one in ours], "virtio-blk disks"
    )
    for one, row in zip(ours, rows, strict=True):
        count, start = row["count"], row["queues"]
        if count is None or start is None:
            continue
        if not 0 < count <= _MOST:
            survey.miss(
                [Notice(kind="node", message=f"{one.row.name}: {count} queues are impossible; not read")]
            )
            continue
        places += [(one.row.name, row["device"], start + at * kernel.sizeof(_QUEUE)) for at in range(count)]
    queues = survey.rows(
        Fields(kernel, _QUEUE, _OF_QUEUE, _OF_QUEUE), [place for *_, place in places], "virtio-blk queues"
    )
    yield from _rings(
        survey,
        [
            (disk, device, row["name"], row["ring"])
            for (disk, device, _), row in zip(places, queues, strict=True)
            if row["ring"]
        ],
    )


def _rings(survey: Survey, found: Sequence[tuple[str, int | None, str | None, int]]) -> Iterator[VirtQueue]:
    """The queues; one that the dump lacks, or that is of another device, is noted, and is no row."""
    start = survey.kernel.offset(RING, "vq")
    places = [ring - start for *_, ring in found]
    for (disk, device, name, _), place, ring in zip(found, places, rings(survey, places), strict=True):
        if ring.device is None:
            continue
        if device is not None and ring.device != device:
            survey.miss([Notice(kind="node", message=f"{disk}: {place:#x} is no queue of it")])
            continue
        yield VirtQueue(
            disk=disk,
            name=name,
            size=ring.size,
            free=ring.free,
            outstanding=ring.outstanding,
            answered=ring.answered,
            broken=ring.broken,
            address=place,
        )
