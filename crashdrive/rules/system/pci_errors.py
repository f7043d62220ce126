"""PCIe reported errors of a device that its hardware couldn't correct."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.pci.functions import PciFunction


@rule(
    id="pci-errors",
    severity="warning",
    looks_at=("pci.functions",),
    message="PCIe reported uncorrected errors of {count:device|devices}",
    threshold="AER counted a nonfatal or fatal error of a device",
    explanation="Data of a transfer was lost, or the link failed: I/O errors and time-outs follow.",
    advice="See the log for AER and the kind of the error; slot, cable, firmware and power are suspects.",
    reference="Documentation/PCI/pcieaer-howto.rst",
)
def pci_errors(functions: Iterable[PciFunction]) -> Iterator[Match]:
    counted = (one for one in functions if one.nonfatal_errors or one.fatal_errors)
    return matches(counted, _told)


def _told(one: PciFunction) -> str:
    return (
        f"{one.pci_address} ({one.driver_name or 'no driver'}): {one.fatal_errors or 0} fatal,"
        f" {one.nonfatal_errors or 0} nonfatal"
    )
