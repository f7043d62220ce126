"""``dev -p``: PCI buses and devices. Source in crash: ``do_pci()``, ``do_pci2()`` (dev.c)."""

from __future__ import annotations

import re

from msgspec import structs

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.records import Address, Record


class PciBus(Record, frozen=True, kw_only=True):
    """A PCI bus: a root bus has a ``name`` (``0000:00``), any other one a ``parent``."""

    pci_bus: Address
    name: str | None = None
    parent: Address | None = None


class PciDevice(Record, frozen=True, kw_only=True):
    """A PCI device: its address ``domain:bus:slot.function``, class code, vendor and device number, type.

    ``bus``: the address of the ``struct pci_bus`` that crash lists the device under.
    """

    pci_dev: Address
    address: str
    pci_class: int
    vendor: int
    device: int
    type: str | None
    bus: Address


class NamedPciDevice(Record, frozen=True, kw_only=True):
    """A PCI device as crash names it on kernels with a global list of them."""

    pci_dev: Address
    address: str
    class_name: str
    name: str


_HEX = r"[0-9a-f]{1,16}"


def pci() -> g.ParserElement:
    """A root bus or a bus, and below it its devices; old kernels have no TYPE::

        ROOT BUS     BUSNAME
    ffff8c3b10329000 0000:00
          PCI DEV      DO:BU:SL.FN  CLASS   PCI_ID      TYPE
      ffff8c3b1023e000 0000:00:00.0  0600  8086:1237  ENDPOINT

          PCI BUS         PARENT BUS
      ffff89046b790000 ffff89046b76e000
    """
    roots, buses = g.Titles("ROOT", "BUS", "BUSNAME"), g.Titles("PCI", "BUS", "PARENT", "BUS")
    devices = g.Row(
        r" *+PCI DEV ++DO:BU:SL\.FN ++CLASS ++PCI_ID(?: ++[A-Z_]{1,20}){0,4}", str, "the header PCI DEV"
    )
    ends = roots | buses | devices
    root = g.Row(rf" *+({_HEX}) ++([0-9a-f]{{4,8}}:[0-9a-f]{{2}})", _root, "a root bus: ADDRESS BUSNAME")
    bus = g.Row(rf" *+({_HEX}) ++({_HEX})", _bus, "a bus: PCI BUS PARENT BUS")
    device = g.Row(
        rf" *+(?P<at>{_HEX}) ++(?P<address>[0-9a-f]{{4,8}}:[0-9a-f]{{2}}:[0-9a-f]{{2}}\.[0-9a-f]) ++"
        r"(?P<class>[0-9a-f]{4}) ++(?P<vendor>[0-9a-f]{4}):(?P<device>[0-9a-f]{4})"
        r"(?: ++(?P<type>[A-Z_]{1,40}(?: [A-Z_]{1,40}){0,3}+))?",
        _device,
        "a PCI device: ADDRESS DO:BU:SL.FN CLASS PCI_ID",
    )
    above = roots + g.Rows(root, until=ends) | buses + g.Rows(bus, until=ends)
    below = g.Suppress(devices) + g.Rows(device, until=ends, least=0)
    return g.Many(above + g.Opt(below))


def _root(found: re.Match[str]) -> PciBus:
    return PciBus(pci_bus=int(found[1], 16), name=found[2])


def _bus(found: re.Match[str]) -> PciBus:
    return PciBus(pci_bus=int(found[1], 16), parent=int(found[2], 16))


def _device(row: re.Match[str]) -> PciDevice:
    return PciDevice(
        pci_dev=int(row["at"], 16),
        address=row["address"],
        pci_class=int(row["class"], 16),
        vendor=int(row["vendor"], 16),
        device=int(row["device"], 16),
        type=row["type"],
        bus=0,
    )


def check_pci(source: Source, found: list[PciBus | PciDevice]) -> list[PciBus | PciDevice]:
    """Each device with the bus above it."""
    made: list[PciBus | PciDevice] = []
    bus = 0
    for one in found:
        if isinstance(one, PciBus):
            bus = one.pci_bus
        made.append(one if isinstance(one, PciBus) else structs.replace(one, bus=bus))
    return demand_records(source, made)


def named_pci() -> g.ParserElement:
    """Of kernels with a global list of devices::

    PCI_DEV  BU:SL.FN CLASS: VENDOR-DEVICE
    c00051c0 00:00.0  Host bridge: Intel 440BX: Host
    """

    def device(row: re.Match[str]) -> NamedPciDevice:
        return NamedPciDevice(pci_dev=int(row[1], 16), address=row[2], class_name=row[3], name=row[4])

    row = g.Row(
        rf" *+({_HEX}) ++([0-9a-f]{{2}}:[0-9a-f]{{2}}\.[0-9a-f])  ([^:\n]{{1,100}}): ([^\r\n\t]{{0,300}}?)",
        device,
        "a PCI device: PCI_DEV BU:SL.FN CLASS: VENDOR-DEVICE",
    )
    return g.Gap() + g.Titles("PCI_DEV", "BU:SL.FN", "CLASS:", "VENDOR-DEVICE") + g.Rows(row)
