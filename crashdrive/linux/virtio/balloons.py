"""Balloons: memory that the hypervisor took back from the guest (drivers/virtio/virtio_balloon.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.mm.meminfo import managed_bytes
from crashdrive.linux.survey import Fields
from crashdrive.linux.virtio.devices import BALLOON, read_devices
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.survey import Survey
    from crashdrive.linux.virtio.devices import FoundDevice

_BALLOON = "struct virtio_balloon@virtio_balloon"
_FIELDS = {"pages": ("num_pages",)}
# balloons count in pages of 4 KB on all machines (VIRTIO_BALLOON_PFN_SHIFT)
_PAGE = 4096
_DEFLATE_ON_OOM = 1 << 2


class Balloon(Record, frozen=True):
    """A balloon: ``balloon_bytes`` are held for the host, ``balloon_percent`` of all memory.

    ``managed_bytes``: memory that the kernel has for itself, without the balloon. ``deflates_on_oom``: the
    kernel takes it back before it kills, and counts it as its own.
    """

    virtio_device: str
    balloon_bytes: int | None
    balloon_percent: float | None
    managed_bytes: int | None
    deflates_on_oom: bool | None
    driver_data: Address


def balloons(survey: Survey) -> Iterator[Balloon]:
    """The balloons of virtio."""
    yield from balloons_of(survey, read_devices(survey))


def balloons_of(survey: Survey, devices: Sequence[FoundDevice]) -> Iterator[Balloon]:
    """The balloons among devices."""
    kernel = survey.kernel
    ours = [one.row for one in devices if one.kind == BALLOON and one.row.driver_data]
    if not ours:
        return
    fields = Fields(kernel, _BALLOON, _FIELDS, ("pages",))
    rows = survey.rows(fields, [one.driver_data or 0 for one in ours], "balloons")
    total = managed_bytes(survey)
    for one, row in zip(ours, rows, strict=True):
        held = None if row["pages"] is None else row["pages"] * _PAGE
        features = one.virtio_features
        own = None if features is None else bool(features & _DEFLATE_ON_OOM)
        yield Balloon(
            virtio_device=one.virtio_device,
            balloon_bytes=held,
            balloon_percent=_percent(held, total, counted=own),
            managed_bytes=total,
            deflates_on_oom=own,
            driver_data=one.driver_data or 0,
        )


def _percent(held: int | None, total: int | None, *, counted: bool | None) -> float | None:
    """The balloon's share; a balloon that isn't ``counted`` among the kernel's memory is beside it."""
    if held is None or total is None or counted is None:
        return None
    whole = total if counted else total + held
    return round(100 * held / whole, 1) if whole else None
