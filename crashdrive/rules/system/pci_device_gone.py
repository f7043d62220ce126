"""PCI devices that no I/O reaches any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.pci.functions import PciFunction


@rule(
    id="pci-device-gone",
    severity="critical",
    looks_at=("pci.functions",),
    message="no I/O reaches {count:PCI device|PCI devices}",
    threshold="a device's channel is frozen or failed",
    explanation=(
        "The bus reported an error, or the device was pulled out: reads give all ones, and its driver may "
        "wait."
    ),
    advice=(
        "Look for AER or EEH in the log; for the disks and interfaces of the device: crashdrive report "
        "block, interfaces."
    ),
    reference="Documentation/PCI/pci-error-recovery.rst",
)
def pci_device_gone(functions: Iterable[PciFunction]) -> Iterator[Match]:
    gone = (one for one in functions if one.channel_state in {"frozen", "failed"})
    return matches(
        gone, lambda one: f"{one.pci_address} ({one.driver_name or 'no driver'}): {one.channel_state}"
    )
