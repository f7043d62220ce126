"""``LinuxDump.Dev``: devices and disks."""

from __future__ import annotations

from typing import Any

from crashdrive.pykdump.layer.access import readSU
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.run import current

_MINOR_BITS = 20


def decode_devt(dev: int) -> tuple[int, int]:
    """(major, minor) of a dev_t."""
    return int(dev) >> _MINOR_BITS, int(dev) & ((1 << _MINOR_BITS) - 1)


def get_gendisks() -> list[tuple[int, Any]]:
    """Every disk as (dev_t, ``struct gendisk``), by dev_t; partitions are left out."""
    from crashdrive.linux.block.devices import read_devices, whole
    from crashdrive.linux.survey import Survey

    devices = whole(read_devices(Survey(current().kernel)))
    rows = [device.row for device in devices]
    found = [
        ((row.major << _MINOR_BITS) + row.minor, readSU("struct gendisk", int(row.gendisk))) for row in rows
    ]
    return sorted(found, key=lambda one: (one[0], int(one[1])))


__getattr__ = lazy_names(__name__, {})
