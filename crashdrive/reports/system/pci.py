r"""PCI: devices with their drivers and state, buses, ranges of memory and ports, counted errors.

\b
Examples:
  crashdrive report pci vmcore
  crashdrive report pci --driver virtio-pci --regions vmcore
  crashdrive report pci --format json vmcore | jq '.tables.functions[]'

channel_state: frozen where the bus reported an error and no I/O reaches the device, failed where it is gone.
correctable_errors, nonfatal_errors, fatal_errors: what PCIe's AER counted since boot. What only the device's
own registers tell (link width, status) isn't in a dump.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.pci.buses import pci_buses
from crashdrive.linux.pci.functions import read_functions
from crashdrive.linux.pci.regions import regions_of
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "pci"
SUMMARY = "PCI devices with drivers and state, buses, ranges, counted errors."
BTF = True
JUDGED = (NAME,)
OPTIONS = (
    Option(
        name="device", flags=("-s", "--device"), kind="text", many=True,
        help="This function alone (0000:00:03.0); its ranges, too.",
    ),
    Option(name="driver", flags=("--driver",), kind="text", many=True, help="Those of this driver alone."),
    Option(name="regions", flags=("-r", "--regions"), help="Ranges of memory and ports, too."),
)  # fmt: skip


def report(crash: Any, **asked: Any) -> Report:
    """The functions that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    found = survey.attempt("PCI devices", partial(read_functions, survey))
    survey.require("PCI device", asked["device"], [one.row.pci_address for one in found])
    drivers = sorted({one.row.driver_name for one in found if one.row.driver_name})
    survey.require("driver of a PCI device", asked["driver"], drivers)
    shown = [
        one
        for one in found
        if (not asked["device"] or one.row.pci_address in asked["device"])
        and (not asked["driver"] or one.row.driver_name in asked["driver"])
    ]
    rows = [one.row for one in shown]
    tables = [Table(name="functions", rows=rows, columns=_FUNCTION, title="Functions")]
    if asked["regions"] or asked["device"]:
        regions = survey.attempt("ranges of PCI devices", partial(regions_of, survey, shown))
        tables.append(Table(name="regions", rows=regions, columns=_REGION, title="Ranges"))
    if not asked["device"] and not asked["driver"]:
        buses = survey.attempt("PCI buses", partial(pci_buses, survey))
        tables.append(Table(name="buses", rows=buses, columns=_BUS, title="Buses"))
    return judged(report_of(NAME, survey, tables), "system")


_FUNCTION = (
    "pci_address", "class_name", "vendor_id", "device_id", "driver_name", "pci_type", "interrupts_by",
    "device_irq", "numa_node", "power_state", "channel_state",
)  # fmt: skip
_REGION = (
    "pci_address", "region_index", "region_use", "region_kind", "first_address", "last_address",
    "region_bytes", "claimed",
)  # fmt: skip
_BUS = ("bus_name", "bridge_address", "bus_speed", "fastest_speed", "function_count")
