"""Rings of virtio's queues, by which a guest and its host pass buffers (drivers/virtio/virtio_ring.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crashdrive.linux.survey import Survey

# the type of a module, where virtio is one
RING = "struct vring_virtqueue@virtio_ring"
_FIELDS = {
    "device": ("vq.vdev",),
    "free": ("vq.num_free",),
    "broken": ("broken",),
    "packed": ("packed_ring", "layout"),
    "size": ("split.vring.num",),
    "packed_size": ("packed.vring.num",),
    "given": ("split.avail_idx_shadow",),
    "seen": ("last_used_idx",),
}
# in place of the one bit, in kernels that know rings which are answered in order
_LAYOUTS = "enum vq_layout@virtio_ring"
_USED = "split.vring.used->idx"


class Ring(NamedTuple):
    """A ring; ``size`` and ``free`` count its descriptors.

    ``outstanding``: buffers that the host was given and whose answers weren't taken; ``answered``: those of
    them that the host has answered. Both are None for packed rings. ``device``: the ``struct virtio_device``
    that it is of; None where the ring isn't in the dump.
    """

    device: int | None
    size: int | None
    free: int | None
    outstanding: int | None
    answered: int | None
    broken: bool | None


def rings(survey: Survey, places: Sequence[int]) -> list[Ring]:
    """The rings at addresses of ``struct vring_virtqueue``."""
    kernel = survey.kernel
    fields = Fields(kernel, RING, _FIELDS, ("device", "free", "size", "packed"))
    rows = survey.rows(fields, places, "virtqueues")
    if "layout" in fields.paths:
        kinds = kernel.enumerators(_LAYOUTS)
        for row in rows:
            row["packed"] = _is_packed(row["packed"], kinds)
    split = [place for place, row in zip(places, rows, strict=True) if row["packed"] is False]
    columns = survey.gaps(kernel.read_many(RING, split, [_USED]), "virtqueues")
    used = dict(zip(split, columns[_USED], strict=True))
    return [
        Ring(
            device=row["device"],
            size=row["packed_size"] if row["packed"] else row["size"],
            free=row["free"],
            outstanding=_between(row, row["given"]),
            answered=_between(row, used.get(place)),
            broken=row["broken"],
        )
        for place, row in zip(places, rows, strict=True)
    ]


def _is_packed(layout: int | None, kinds: Mapping[str, int]) -> bool | None:
    """Whether a ring of a layout is a packed one; None for one that isn't known."""
    name = next((name for name, number in kinds.items() if number == layout), "")
    known = {"VQ_LAYOUT_SPLIT": False, "VQ_LAYOUT_PACKED": True}
    return known.get(name.removesuffix("_IN_ORDER"))


def _between(row: Mapping[str, Any], index: int | None) -> int | None:
    """How far an index is ahead of the last one that was taken; both count modulo 2^16."""
    seen = row["seen"]
    return None if row["packed"] is not False or index is None or seen is None else (index - seen) & 0xFFFF
