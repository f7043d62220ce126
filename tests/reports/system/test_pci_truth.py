"""PCI devices against the guest's sysfs and /proc/bus/pci, and against crash's own dev -p."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crashdrive.crash import Crash, open_dump
from crashdrive.records import Report
from tests.live.conftest import crash_binary, dump_file
from tests.reports.conftest import Guest

REPORT = "pci"


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT, regions=True)


def devices(guest: Guest) -> dict[str, Path]:
    """Folders of sysfs by a function's address."""
    return {path.name: path for path in (guest.folder / "truth/sys/bus/pci/devices").iterdir()}


def said(folder: Path, name: str) -> str | None:
    path = folder / name
    return path.read_text().strip() if path.exists() else None


def links(folder: Path) -> dict[str, str]:
    lines = (folder / "links").read_text().splitlines()
    return {name: target.rpartition("/")[2] for name, target in (line.split(" ", 1) for line in lines)}


def test_all_functions_are_there(guest: Guest, reported: Report) -> None:
    rows = reported.table("functions").rows
    assert [row.pci_address for row in rows] == sorted(devices(guest))
    assert len(rows) > 9


def test_what_sysfs_says(guest: Guest, reported: Report) -> None:
    folders = devices(guest)
    for row in reported.table("functions").rows:
        folder = folders[row.pci_address]
        assert f"0x{row.class_code}" == (said(folder, "class") or "")[:6]
        assert f"0x{row.vendor_id}" == said(folder, "vendor")
        assert f"0x{row.device_id}" == said(folder, "device")
        vendor, device = said(folder, "subsystem_vendor"), said(folder, "subsystem_device")
        assert row.subsystem_ids == f"{(vendor or '')[2:]}:{(device or '')[2:]}"
        assert row.pci_revision == int(said(folder, "revision") or "", 16)
        assert row.enable_count == int(said(folder, "enable") or "")
        assert (-1 if row.numa_node is None else row.numa_node) == int(said(folder, "numa_node") or "")
        assert row.power_state == said(folder, "power_state")
        assert row.driver_name == links(folder).get("driver")
        if row.interrupts_by == "INTx":
            assert row.device_irq == int(said(folder, "irq") or "")


def test_ranges_are_those_of_sysfs(guest: Guest, reported: Report) -> None:
    for address, folder in devices(guest).items():
        lines = (said(folder, "resource") or "").splitlines()
        ranges = [[int(word, 16) for word in line.split()] for line in lines]
        there = {number: (first, last) for number, (first, last, flags) in enumerate(ranges) if flags}
        rows = [row for row in reported.table("regions").rows if row.pci_address == address]
        found = {row.region_index: (row.first_address, row.last_address) for row in rows}
        assert {number: found[number] for number in there} == there
        # of a device without windows sysfs leaves out what comes after the ROM
        assert all(number >= len(ranges) for number in found.keys() - there.keys())


def test_claimed_ranges_stand_in_proc(guest: Guest, reported: Report) -> None:
    text = "".join((guest.folder / "truth/proc" / name).read_text() for name in ("iomem", "ioports"))
    lines = {line.split(" : ")[0].strip() for line in text.splitlines()}
    for row in reported.table("regions").rows:
        ports = row.region_kind.startswith("ports")
        digits = 4 if ports else 8
        there = f"{row.first_address:0{digits}x}-{row.last_address:0{digits}x}" in lines
        assert row.claimed is there
    assert {row.region_use for row in reported.table("regions").rows if row.claimed} >= {"BAR 0", "window"}


def test_buses_and_bridges(guest: Guest, reported: Report) -> None:
    buses = {row.bus_name: row for row in reported.table("buses").rows}
    functions = reported.table("functions").rows
    for name, bus in buses.items():
        assert bus.function_count == sum(row.pci_address.rpartition(":")[0] == name for row in functions)
        assert (bus.bridge_address is None) is (name == "0000:00")
    kinds = {row.pci_type for row in functions}
    assert {"device", "root port", "PCIe to PCI bridge"} <= kinds
    bridges = {row.pci_address: row for row in functions if row.class_name == "PCI bridge"}
    assert {bus.bridge_address for bus in buses.values()} - {None} <= bridges.keys()
    port = next(row for row in bridges.values() if row.pci_type == "root port")
    speed = said(devices(guest)[port.pci_address], "max_link_speed")
    below = next(bus for bus in buses.values() if bus.bridge_address == port.pci_address)
    assert (below.fastest_speed or "").split()[0] == (speed or "").split()[0].removesuffix(".0")


def test_proc_bus_pci_counts_as_many(guest: Guest, reported: Report) -> None:
    lines = (guest.folder / "truth/proc/bus/pci/devices").read_text().splitlines()
    ids = sorted(line.split("\t")[1] for line in lines)
    assert sorted(f"{row.vendor_id}{row.device_id}" for row in reported.table("functions").rows) == ids


def test_nothing_is_wrong_where_nothing_is(reported: Report) -> None:
    assert reported.complete
    assert not reported.findings
    assert {row.channel_state for row in reported.table("functions").rows} == {"normal"}


@pytest.mark.live
@pytest.mark.parametrize(("dump", "version"), [("6.1-elf-sysrq", "8.0.6"), ("6.12-kdump-sysrq", "9.0.2")])
def test_crash_says_the_same(dump: str, version: str) -> None:
    vmcore = dump_file(dump)
    with open_dump(vmcore.parent / "vmlinux", vmcore, crash=[str(crash_binary(version))]) as crash:
        report = crash.run_report(REPORT)
        theirs: Any = crash.dev(show="pci")
        functions = {
            (row.pci_dev, row.pci_address, row.class_code, f"{row.vendor_id}:{row.device_id}")
            for row in report.table("functions").rows
        }
        assert {told(row) for row in theirs if hasattr(row, "pci_dev")} == functions
        buses = {(row.pci_bus, row.bus_name) for row in report.table("buses").rows if not row.bridge_address}
        named = (row for row in theirs if not hasattr(row, "pci_dev") and row.name)
        assert {(row.pci_bus, row.name) for row in named} == buses


def told(row: Any) -> tuple[int, str, str, str]:
    return row.pci_dev, row.address, f"{row.pci_class:04x}", f"{row.vendor:04x}:{row.device:04x}"
