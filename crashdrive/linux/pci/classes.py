"""Names of PCI's classes of devices (PCI Code and ID Assignment Specification; include/linux/pci_ids.h)."""

from __future__ import annotations

_BASES = {
    0x00: "device of no class", 0x01: "mass storage controller", 0x02: "network controller",
    0x03: "display controller", 0x04: "multimedia controller", 0x05: "memory controller", 0x06: "bridge",
    0x07: "communication controller", 0x08: "system peripheral", 0x09: "input device controller",
    0x0A: "docking station", 0x0B: "processor", 0x0C: "serial bus controller", 0x0D: "wireless controller",
    0x0E: "intelligent I/O controller", 0x0F: "satellite communications controller",
    0x10: "encryption controller", 0x11: "signal processing controller", 0x12: "processing accelerator",
    0x13: "non-essential instrumentation", 0x40: "coprocessor",
}  # fmt: skip
_CLASSES = {
    0x0100: "SCSI controller", 0x0101: "IDE controller", 0x0104: "RAID controller", 0x0106: "SATA controller",
    0x0107: "SAS controller", 0x0108: "NVMe controller", 0x0200: "Ethernet controller",
    0x0207: "InfiniBand controller", 0x0208: "fabric controller", 0x0300: "VGA controller",
    0x0302: "3D controller", 0x0403: "audio device", 0x0500: "RAM", 0x0502: "CXL memory",
    0x0600: "host bridge", 0x0601: "ISA bridge", 0x0604: "PCI bridge", 0x0607: "CardBus bridge",
    0x0700: "serial controller", 0x0780: "communication controller", 0x0800: "interrupt controller",
    0x0801: "DMA controller", 0x0803: "real-time clock", 0x0805: "SD host controller", 0x0806: "IOMMU",
    0x0C03: "USB controller", 0x0C04: "Fibre Channel controller", 0x0C05: "SMBus controller",
    0x0C07: "IPMI interface",
}  # fmt: skip


def class_name(code: int) -> str | None:
    """What a class and subclass (16 bits) is; the base class's name where the subclass has no own one."""
    return _CLASSES.get(code, _BASES.get(code >> 8))
