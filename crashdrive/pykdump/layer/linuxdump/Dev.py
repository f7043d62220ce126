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


def get_gendisks() -> list[Any]:
    """Every ``struct gendisk``, partitions left out."""
    from crashdrive.linux.block.devices import read_devices, whole
    from crashdrive.linux.survey import Survey

    devices = whole(read_devices(Survey(current().kernel)))
    return [readSU("struct gendisk", int(device.row.gendisk)) for device in devices]


__getattr__ = lazy_names(__name__, {})
