"""``dev``: devices, PCI, I/O resources, disks."""

from __future__ import annotations

from crashdrive.commands.base import call
from crashdrive.parsers.dev import Device, DeviceDump, Disk, NamedPciDevice, PciBus, PciDevice, Resource
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def dev(crash: Runner) -> Answer[Device]:
    """The registered character and block devices. Source: crash's ``dev``."""
    return call(crash, "dev")


def dev_disks(crash: Runner, *, busy: bool = False) -> Answer[Disk]:
    """I/O requests in flight by disk (``dev -d``); with ``busy`` only disks that have some (``-D``)."""
    return call(crash, "dev -D" if busy else "dev -d")


def dev_resources(crash: Runner) -> Answer[Resource]:
    """Ranges of I/O ports and of physical memory, and who has them (``dev -i``)."""
    return call(crash, "dev -i")


def dev_pci(crash: Runner) -> Answer[PciBus | PciDevice] | Answer[NamedPciDevice]:
    """PCI buses and devices (``dev -p``); kernels with a global list of devices give `NamedPciDevice`."""
    return call(crash, "dev -p")


def dev_dumps(crash: Runner) -> Answer[DeviceDump]:
    """Dumps of devices inside of the dump file (``dev -V``)."""
    return call(crash, "dev -V")
