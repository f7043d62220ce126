"""Functions of PCI devices: identity, driver, state, counted errors; as lspci and sysfs have them.

Sources: include/linux/pci.h, drivers/pci/probe.c, drivers/pci/pcie/aer.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.pci.buses import function_address, on_buses, read_buses
from crashdrive.linux.pci.classes import class_name
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

KIND = "struct pci_dev"
_ERRORS = ("dev_total_cor_errs", "dev_total_nonfatal_errs", "dev_total_fatal_errs")
_FIELDS = {
    "devfn": ("devfn",),
    "vendor": ("vendor",),
    "device": ("device",),
    "subsystem_vendor": ("subsystem_vendor",),
    "subsystem_device": ("subsystem_device",),
    "class": ("class",),
    "revision": ("revision",),
    "header": ("hdr_type",),
    "pcie": ("pcie_cap",),
    "pcie_flags": ("pcie_flags_reg",),
    "irq": ("irq",),
    "msi": ("msi_enabled",),
    "msix": ("msix_enabled",),
    "master": ("is_busmaster",),
    "enabled": ("enable_cnt.counter", "enable_cnt"),
    "power": ("current_state",),
    "channel": ("error_state",),
    "node": ("dev.numa_node",),
    "driver": ("driver->name",),
    "owner": ("driver->driver.owner",),
    "module": ("driver->driver.owner->name",),
    "virtual": ("is_virtfn",),
    "physical": ("is_physfn",),
    # 6.16 made aer_info of aer_stats
    **{name: (f"aer_stats->{name}", f"aer_info->{name}") for name in _ERRORS},
}
_NEEDED = ("devfn", "vendor", "device", "class")
# pci_power_t (include/linux/pci.h)
_POWER = ("D0", "D1", "D2", "D3hot", "D3cold", "unknown")
# pci_channel_state_t
_CHANNEL = {1: "normal", 2: "frozen", 3: "failed"}
# PCI_EXP_TYPE_* (include/uapi/linux/pci_regs.h), bits 4-7 of the flags
_PCIE = {
    0: "endpoint", 1: "legacy endpoint", 4: "root port", 5: "upstream port", 6: "downstream port",
    7: "PCIe to PCI bridge", 8: "PCI to PCIe bridge", 9: "root complex endpoint", 10: "event collector",
}  # fmt: skip
# PCI_HEADER_TYPE_*
_HEADERS = {0: "device", 1: "bridge", 2: "CardBus bridge"}


class PciFunction(Record, frozen=True):
    """A function of a PCI device; a device has up to eight.

    ``pci_address``: domain, bus, slot and function. ``class_code``: base class and subclass,
    ``class_name`` in words. ``vendor_id``, ``device_id``, ``subsystem_ids``: as in lspci -n.
    ``pci_type``: device or bridge; of PCIe its kind of port. ``driver_name``: the driver that is bound,
    ``module`` its module. ``device_irq``: of INTx, or the first of MSI; ``interrupts_by``: INTx, MSI, MSI-X.
    ``enable_count``: how often it was enabled. ``bus_master``: it may read and write memory.
    ``channel_state``: ``normal``; ``frozen`` (its bus reported an error, no I/O reaches it); ``failed``
    (gone for good). ``numa_node``: None where there is none. ``virtual_functions``: how many are switched on,
    of a function that has some. ``is_virtual``: it is such a one. ``correctable_errors``,
    ``nonfatal_errors``, ``fatal_errors``: counted by AER since boot, None without AER.
    """

    pci_address: str
    class_code: str | None
    class_name: str | None
    vendor_id: str | None
    device_id: str | None
    subsystem_ids: str | None
    pci_revision: int | None
    pci_type: str | None
    driver_name: str | None
    module: str | None
    device_irq: int | None
    interrupts_by: str | None
    enable_count: int | None
    bus_master: bool | None
    power_state: str | None
    channel_state: str | None
    numa_node: int | None
    virtual_functions: int | None
    is_virtual: bool | None
    correctable_errors: int | None
    nonfatal_errors: int | None
    fatal_errors: int | None
    pci_dev: Address


class Function(NamedTuple):
    """A function, with what the reader of its ranges needs."""

    row: PciFunction
    place: int


def pci_functions(survey: Survey) -> Iterator[PciFunction]:
    """All functions, ordered by their addresses."""
    yield from (function.row for function in read_functions(survey))


def read_functions(survey: Survey) -> list[Function]:
    """All functions of all buses."""
    kernel, buses = survey.kernel, read_buses(survey)
    if not buses:
        return []
    places = [
        (bus.name, place)
        for bus, found in zip(buses, on_buses(survey, buses), strict=True)
        for place in found
    ]
    rows = survey.rows(
        Fields(kernel, KIND, _FIELDS, _NEEDED), [place for _, place in places], "PCI functions"
    )
    drivers = texts(survey, (row["driver"] for row in rows), "names of PCI drivers")
    counts = _virtual(survey, [place for _, place in places], rows)
    found = [
        Function(_function(function_address(bus, row["devfn"]), place, row, drivers, counts), place)
        for (bus, place), row in zip(places, rows, strict=True)
    ]
    return sorted(found, key=lambda one: one.row.pci_address)


def _virtual(
    survey: Survey, places: Sequence[int], rows: Sequence[Mapping[str, Any]]
) -> dict[int, int | None]:
    """How many virtual functions those have that can have some (``sriov``, a union with ``physfn``)."""
    kernel, path = survey.kernel, "sriov->num_VFs"
    if not kernel.has_member(KIND, path):
        return {}
    able = [place for place, row in zip(places, rows, strict=True) if row["physical"]]
    column = survey.gaps(kernel.read_many(KIND, able, [path]), "virtual functions")[path]
    return dict(zip(able, column, strict=True))


def _function(
    address: str,
    place: int,
    row: Mapping[str, Any],
    drivers: Mapping[int | None, str | None],
    counts: Mapping[int, int | None],
) -> PciFunction:
    code = row["class"]
    node, power = row["node"], row["power"]
    return PciFunction(
        pci_address=address,
        class_code=None if code is None else f"{code >> 8:04x}",
        class_name=None if code is None else class_name(code >> 8),
        vendor_id=_id(row["vendor"]),
        device_id=_id(row["device"]),
        subsystem_ids=_both(row),
        pci_revision=row["revision"],
        pci_type=_type(row),
        driver_name=drivers[row["driver"]],
        module=row["module"] if row["owner"] else None,
        device_irq=row["irq"] or None,
        interrupts_by=_interrupts(row),
        enable_count=row["enabled"],
        bus_master=None if row["master"] is None else bool(row["master"]),
        power_state=None if power is None else _POWER[power] if 0 <= power < len(_POWER) else str(power),
        channel_state=None if row["channel"] is None else _CHANNEL.get(row["channel"], str(row["channel"])),
        numa_node=None if node is None or node < 0 else node,
        virtual_functions=counts.get(place),
        is_virtual=None if row["virtual"] is None else bool(row["virtual"]),
        correctable_errors=row[_ERRORS[0]],
        nonfatal_errors=row[_ERRORS[1]],
        fatal_errors=row[_ERRORS[2]],
        pci_dev=place,
    )


def _id(value: int | None) -> str | None:
    return None if value is None else f"{value:04x}"


def _both(row: Mapping[str, Any]) -> str | None:
    vendor, device = row["subsystem_vendor"], row["subsystem_device"]
    return None if vendor is None or device is None else f"{vendor:04x}:{device:04x}"


def _type(row: Mapping[str, Any]) -> str | None:
    if row["pcie"] and row["pcie_flags"] is not None:
        kind = row["pcie_flags"] >> 4 & 0xF
        return _PCIE.get(kind, f"PCIe type {kind}")
    header = row["header"]
    return None if header is None else _HEADERS.get(header & 0x7F, f"header type {header & 0x7F:#x}")


def _interrupts(row: Mapping[str, Any]) -> str | None:
    """How its interrupts come."""
    if row["msi"] is None or row["msix"] is None:
        return None
    return "MSI-X" if row["msix"] else "MSI" if row["msi"] else "INTx" if row["irq"] else None
