"""The machine as the report has it, against the guest's /proc from right before its panic."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.conftest import Guest
from tests.reports.guest_truth import settings

REPORT = "sysinfo"


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT, topology=True)


def proc(guest: Guest, name: str) -> str:
    return (guest.folder / "truth" / "proc" / name).read_text()


def test_names(guest: Guest, reported: Report) -> None:
    row, kernel = reported.table("system").rows[0], settings(guest)
    assert row.banner == proc(guest, "version").strip()
    assert row.command_line == proc(guest, "cmdline").strip()
    assert row.release == kernel["kernel.osrelease"]
    assert row.version == kernel["kernel.version"]
    assert row.nodename == kernel["kernel.hostname"]
    assert row.domainname == kernel["kernel.domainname"]
    letters = {9: "W", 12: "O", 13: "E"}
    mask = int(kernel["kernel.tainted"])
    assert row.tainted == "".join(letter for bit, letter in letters.items() if mask >> bit & 1)
    assert sum(1 << flag.bit for flag in reported.table("taints").rows) == int(kernel["kernel.tainted"])


def test_clocks(guest: Guest, reported: Report) -> None:
    """The timekeeper stops with the CPUs, at most a few ticks before the last message."""
    row, dump = reported.table("system").rows[0], json.loads((guest.folder / "dump.json").read_text())
    assert -0.1 <= dump["panic_uptime"] - row.uptime_seconds < 0.2
    apart = datetime.fromisoformat(row.date) - datetime.fromisoformat(dump["panic_time"])
    assert abs(apart.total_seconds()) < 2


def test_load(guest: Guest, reported: Report) -> None:
    """It is computed anew every five seconds: once more at most after it was read."""
    row = reported.table("system").rows[0]
    said = [float(word) for word in proc(guest, "loadavg").split()[:3]]
    for found, value in zip((row.load_1, row.load_5, row.load_15), said, strict=True):
        assert abs(found - value) < 0.6


def test_panic_settings(guest: Guest, reported: Report) -> None:
    kernel = settings(guest)
    rows = {row.name: row.setting for row in reported.table("panic").rows}
    assert len(rows) > 12
    # the guest sets these two right before it dies
    changed = {"kernel.panic_on_oops": 1, "kernel.sysrq": 1}
    assert rows == {name: int(kernel[name]) for name in rows} | changed


def test_cpus(guest: Guest, reported: Report) -> None:
    blocks: list[dict[str, Any]] = [
        dict(line.replace("\t", "").split(": ", 1) for line in block.splitlines() if ": " in line)
        for block in proc(guest, "cpuinfo").strip().split("\n\n")
    ]
    rows = reported.table("cpus").rows
    assert len(rows) == len(blocks) == 2
    for row, said in zip(rows, blocks, strict=True):
        numbers = [
            int(said[word])
            for word in (
                "processor", "cpu family", "model", "stepping", "physical id", "core id", "apicid",
            )
        ]  # fmt: skip
        found = [row.cpu, row.cpu_family, row.model, row.stepping, row.package, row.core, row.apicid]
        assert found == numbers
        assert (row.vendor_id, row.model_name) == (said["vendor_id"], said["model name"])
        assert row.microcode == said["microcode"]
        assert row.cache == int(said["cache size"].split()[0]) << 10


def numbers(text: str) -> tuple[int, ...]:
    """A list of CPUs as sysfs writes it: ``0-2,5``."""
    ranges = (part.split("-") for part in text.strip().split(",") if part.strip())
    return tuple(cpu for ends in ranges for cpu in range(int(ends[0]), int(ends[-1]) + 1))


def test_where_cpus_are(guest: Guest, reported: Report) -> None:
    rows = reported.table("topology").rows
    assert [row.cpu for row in rows] == [0, 1]
    for row in rows:
        folder = guest.folder / f"truth/sys/bus/cpu/devices/cpu{row.cpu}/topology"
        said = {path.name: path.read_text() for path in folder.iterdir()}
        assert row.package == int(said["physical_package_id"])
        assert (row.die, row.core) == (int(said["die_id"]), int(said["core_id"]))
        assert row.thread_siblings == numbers(said["thread_siblings_list"])
        assert row.package_cpus == numbers(said["core_siblings_list"])


def test_numa_nodes(guest: Guest, reported: Report) -> None:
    folders = {path.name: path for path in (guest.folder / "truth/sys/bus/node/devices").iterdir()}
    rows = {f"node{row.node}": row for row in reported.table("nodes").rows}
    assert rows.keys() == folders.keys()
    assert len(rows) == (1 if "csdlock" in guest.name else 2)
    near = {row.cpu: row.numa_node for row in reported.table("topology").rows}
    for name, folder in folders.items():
        row = rows[name]
        assert row.node_cpus == numbers((folder / "cpulist").read_text())
        assert {near[cpu] for cpu in row.node_cpus} == {row.node}
        distances = [int(word) for word in (folder / "distance").read_text().split()]
        assert list(row.node_distances.values()) == distances
    present = sum(
        int(line.split()[1]) for line in proc(guest, "zoneinfo").splitlines() if "  present" in line
    )
    assert sum(row.present_bytes for row in rows.values()) == present * 4096


def test_firmware(reported: Report) -> None:
    names = {row.name: row.value for row in reported.table("firmware").rows}
    assert names["sys_vendor"] == "QEMU"
    assert not any("serial" in name or "uuid" in name for name in names)
