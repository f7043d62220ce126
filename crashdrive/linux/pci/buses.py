"""PCI buses, from the root buses down (drivers/pci/probe.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.survey import Survey

_BUS, _ROOTS = "struct pci_bus", "pci_root_buses"
_FIELDS = {
    "number": ("number",),
    "domain": ("domain_nr",),
    "parent": ("parent",),
    "sysdata": ("sysdata",),
    "speed": ("cur_bus_speed",),
    "fastest": ("max_bus_speed",),
    "bridge": ("self",),
    "bridge_devfn": ("self->devfn",),
    "bridge_bus": ("self->bus->number",),
}
# a bus has a number of 8 bits, and so a tree has at most as many levels
_MOST_LEVELS, _MOST_BUSES = 256, 1 << 20
# enum pci_bus_speed (include/linux/pci.h): generations of PCIe
_SPEEDS = {
    0x14: "2.5 GT/s", 0x15: "5 GT/s", 0x16: "8 GT/s", 0x17: "16 GT/s", 0x18: "32 GT/s", 0x19: "64 GT/s",
}  # fmt: skip


class PciBusRow(Record, frozen=True):
    """A bus: ``bus_name``, its domain and number (``0000:01``).

    ``bridge_address``: the bridge that leads to it, None of a root bus. ``bus_speed`` and ``fastest_speed``:
    of the PCIe link that leads to it, None where it is no such link, or the kernel doesn't know.
    ``function_count``: functions of devices on it.
    """

    bus_name: str
    bridge_address: str | None
    bus_speed: str | None
    fastest_speed: str | None
    function_count: int
    pci_bus: Address


class Bus(NamedTuple):
    """A bus, with what readers of its devices need."""

    address: int
    domain: int | None
    number: int | None
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        """Domain and number, ``?`` for what the dump lacks."""
        return f"{_hexadecimal(self.domain, 4)}:{_hexadecimal(self.number, 2)}"


def _hexadecimal(value: int | None, digits: int) -> str:
    return "?" * digits if value is None else f"{value:0{digits}x}"


def function_address(bus: str, devfn: int | None) -> str:
    """A function of a device as lspci names it: ``0000:00:1f.2``."""
    return f"{bus}:??.?" if devfn is None else f"{bus}:{devfn >> 3:02x}.{devfn & 7}"


def pci_buses(survey: Survey) -> Iterator[PciBusRow]:
    """All buses, ordered by domain and number."""
    buses = read_buses(survey)
    counts = {bus.address: len(found) for bus, found in zip(buses, on_buses(survey, buses), strict=True)}
    for bus in buses:
        row = bus.fields
        upper = bus._replace(number=row["bridge_bus"]).name
        yield PciBusRow(
            bus_name=bus.name,
            bridge_address=function_address(upper, row["bridge_devfn"]) if row["bridge"] else None,
            bus_speed=_SPEEDS.get(row["speed"]),
            fastest_speed=_SPEEDS.get(row["fastest"]),
            function_count=counts[bus.address],
            pci_bus=bus.address,
        )


def read_buses(survey: Survey) -> list[Bus]:
    """Every ``struct pci_bus``, ordered by domain and number; none where the kernel has no PCI."""
    kernel = survey.kernel
    if not kernel.symbols.has(_ROOTS):
        survey.absent("PCI")
        return []
    fields = Fields(kernel, _BUS, _FIELDS, ("number", "parent"))
    rows = survey.addressed(fields, _walk(survey), "PCI buses")
    domains = _domains(survey, [row["sysdata"] for _, row in rows])
    found = [
        Bus(place, row["domain"] if fields.has("domain") else domains.get(row["sysdata"]), row["number"], row)
        for place, row in rows
    ]
    return sorted(found, key=lambda bus: (bus.domain or 0, bus.number or 0))


def _walk(survey: Survey) -> list[int]:
    """Addresses of all buses, level by level."""
    kernel = survey.kernel
    children = kernel.offset(_BUS, "children")
    heads, found = [kernel.symbols.address(_ROOTS)], dict[int, None]()
    for _ in range(_MOST_LEVELS):
        walked = kernel.walk_lists(heads, _BUS, "node")
        survey.walked(walked, "PCI buses")
        fresh = [bus for bus in dict.fromkeys(walked.addresses) if bus not in found]
        found.update(dict.fromkeys(fresh))
        heads = [bus + children for bus in fresh]
        if not heads or len(found) > _MOST_BUSES:
            break
    if heads:
        survey.miss(
            [Notice(kind="damaged", message=f"PCI buses: more than {_MOST_LEVELS} levels are impossible")]
        )
    return list(found)


def _domains(survey: Survey, places: Sequence[int | None]) -> dict[int | None, int | None]:
    """The domain that each ``sysdata`` has; x86 keeps it there."""
    kernel, kind = survey.kernel, "struct pci_sysdata"
    if not kernel.has_member(kind, "domain"):
        return {}
    wanted = list(dict.fromkeys(place for place in places if place))
    column = survey.gaps(kernel.read_many(kind, wanted, ["domain"]), "domains of PCI buses")["domain"]
    return dict(zip(wanted, column, strict=True))


def on_buses(survey: Survey, buses: Sequence[Bus]) -> list[list[int]]:
    """Addresses of the functions (``struct pci_dev``) on each bus."""
    kernel = survey.kernel
    offset = kernel.offset(_BUS, "devices")
    walked = kernel.walk_lists([bus.address + offset for bus in buses], "struct pci_dev", "bus_list")
    survey.walked(walked, "PCI devices")
    found: list[list[int]] = [[] for _ in buses]
    for place, number in zip(walked.addresses, walked.walk.lists, strict=True):
        found[number].append(place)
    return found
