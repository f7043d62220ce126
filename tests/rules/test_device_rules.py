"""Rules over PCI, virtio, IPIs, keys and audit: each fires, and is silent on what is near it."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.linux.pci.functions import PciFunction
from crashdrive.linux.security.audit import Audit
from crashdrive.linux.security.keys import KeyUser
from crashdrive.linux.smp.calls import CpuCall
from crashdrive.linux.virtio.balloons import Balloon
from crashdrive.linux.virtio.devices import VirtioQueue
from crashdrive.rules import Facts, judge, rule_for


def of(kind: Any, **fields: Any) -> Any:
    """A record of which nothing else is known."""
    return kind(**dict.fromkeys(kind.__struct_fields__) | fields)


CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    (
        "pci-device-gone", "pci.functions", [of(PciFunction, channel_state="frozen")],
        [of(PciFunction, channel_state="normal"), of(PciFunction)],
    ),
    (
        "pci-device-gone", "pci.functions", [of(PciFunction, channel_state="failed", driver_name="nvme")],
        [of(PciFunction, channel_state="normal", power_state="D3cold")],
    ),
    (
        "pci-errors", "pci.functions", [of(PciFunction, nonfatal_errors=1), of(PciFunction, fatal_errors=2)],
        [of(PciFunction, correctable_errors=9, nonfatal_errors=0, fatal_errors=0), of(PciFunction)],
    ),
    (
        "balloon-inflated", "virtio.balloons", [of(Balloon, balloon_percent=25.0, balloon_bytes=1 << 30)],
        [of(Balloon, balloon_percent=24.9), of(Balloon)],
    ),
    (
        "virtqueue-broken", "virtio.queues", [of(VirtioQueue, broken=True)],
        [of(VirtioQueue, broken=False), of(VirtioQueue)],
    ),
    (
        "ipi-stuck", "smp.calls",
        [of(CpuCall, from_cpu=0, to_cpu=1, waits=True, target_tick_seconds=3.0, pid=7, comm="busy")],
        [
            of(CpuCall, waits=True, target_tick_seconds=2.9), of(CpuCall, waits=True),
            of(CpuCall, waits=False, target_tick_seconds=9.0), of(CpuCall, target_tick_seconds=9.0),
        ],
    ),
    (
        "key-quota-full", "keys.users", [of(KeyUser, uid=5, charged_keys=190, keys_max=200)],
        [of(KeyUser, uid=5, charged_keys=189, keys_max=200), of(KeyUser, charged_keys=9), of(KeyUser)],
    ),
    (
        "key-quota-full", "keys.users", [of(KeyUser, uid=5, charged_bytes=19_000, key_bytes_max=20_000)],
        [of(KeyUser, uid=5, charged_bytes=18_999, key_bytes_max=20_000)],
    ),
    (
        "audit-backlog-full", "keys.audit", [of(Audit, backlog=640, backlog_limit=640)],
        [of(Audit, backlog=639, backlog_limit=640), of(Audit, backlog=9, backlog_limit=0), of(Audit)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "rows", "near"), CASES)
def test_a_rule_fires_and_is_silent(name: str, source: str, rows: list[Any], near: list[Any]) -> None:
    for given, expected in ((rows, [name]), (near, [])):
        found = judge(Facts(given={source: given}), [rule_for(name)])
        assert [finding.kind for finding in found.findings] == expected
        assert found.complete
