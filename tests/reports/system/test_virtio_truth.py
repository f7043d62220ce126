"""Virtio devices against the guest's sysfs, the balloon against what the guest's own memory lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.crash import Crash, open_dump
from crashdrive.records import Report
from tests.live.conftest import crash_binary, dump_file
from tests.reports.conftest import Guest

REPORT = "virtio"
KINDS = {
    "network": "0x0001", "block": "0x0002", "console": "0x0003", "entropy": "0x0004", "balloon": "0x0005",
    "SCSI": "0x0008",
}  # fmt: skip


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT)


def devices(guest: Guest) -> dict[str, Path]:
    return {path.name: path for path in (guest.folder / "truth/sys/bus/virtio/devices").iterdir()}


def test_devices(guest: Guest, reported: Report) -> None:
    folders = devices(guest)
    rows = {row.virtio_device: row for row in reported.table("devices").rows}
    assert rows.keys() == folders.keys()
    for name, folder in folders.items():
        row = rows[name]
        assert (folder / "device").read_text().strip() == KINDS[row.virtio_kind]
        bits = (folder / "features").read_text().strip()
        assert row.virtio_features == sum(1 << number for number, bit in enumerate(bits) if bit == "1")
        assert row.transport_features[-1] == "ring reset" or "version 1" in row.transport_features
        links = dict(line.split(" ", 1) for line in (folder / "links").read_text().splitlines())
        assert row.driver_name == links["driver"].rpartition("/")[2]
        assert not row.driver_gave_up


def test_queues(reported: Report) -> None:
    rows = reported.table("queues").rows
    known = [row.virtio_device for row in reported.table("devices").rows]
    assert list(dict.fromkeys(row.virtio_device for row in rows)) == known
    for row in rows:
        assert row.broken is False
        assert 0 <= row.ring_free <= row.ring_size
        assert 0 <= row.answered <= row.outstanding <= row.ring_size
    balloon = [row.virtqueue_name for row in rows if row.queue_callback == "balloon_ack [virtio_balloon]"]
    assert balloon == ["inflate", "deflate"]
    # the host keeps one buffer of statistics until it wants new ones
    (stats,) = (row for row in rows if row.virtqueue_name == "stats")
    assert (stats.outstanding, stats.ring_size - stats.ring_free) == (1, 1)


def test_the_balloon(guest: Guest, reported: Report) -> None:
    (row,) = reported.table("balloons").rows
    lines = (guest.folder / "truth/proc/meminfo").read_text().splitlines()
    meminfo = {name: int(value.split()[0]) << 10 for name, value in (line.split(":") for line in lines)}
    assert row.managed_bytes == meminfo["MemTotal"]
    # the host asked for all but 400 MB
    assert row.balloon_bytes == (640 - 400 + (192 if "kdump" in guest.name else 0)) << 20
    assert row.deflates_on_oom is False
    assert [finding.kind for finding in reported.findings] == ["balloon-inflated"]


def test_the_machine_of_the_guest_itself(guest: Guest, reported: Report) -> None:
    (row,) = reported.table("machines").rows
    assert (guest.folder / f"truth/proc/{row.owner_pid}/comm").read_text() == "lab-host\n"
    assert (row.created_vcpus, row.online_vcpus, row.memory_bytes) == (2, 2, 2 << 20)
    assert row.machine_state == "usable"
    assert reported.complete


def test_one_device(guest: Guest, reported: Report) -> None:
    crash = Crash(guest.session, keep=False)
    alone = crash.run_report(REPORT, device=("virtio1",))
    assert [row.virtio_device for row in alone.table("devices").rows] == ["virtio1"]
    assert [row for row in reported.table("queues").rows if row.virtio_device == "virtio1"] == list(
        alone.table("queues").rows
    )


@pytest.mark.live
@pytest.mark.parametrize(("dump", "version"), [("6.1-elf-sysrq", "8.0.6"), ("6.12-kdump-sysrq", "9.0.2")])
def test_disks_are_those_of_the_report_block(dump: str, version: str) -> None:
    vmcore = dump_file(dump)
    with open_dump(vmcore.parent / "vmlinux", vmcore, crash=[str(crash_binary(version))]) as crash:
        report = crash.run_report(REPORT)
        kinds = {row.virtio_device: row.virtio_kind for row in report.table("devices").rows}
        own = {row.virtqueue for row in report.table("queues").rows if kinds[row.virtio_device] == "block"}
        others = crash.run_report("block", queues=True).table("virtqueues").rows
        assert own == {row.address for row in others}
        assert own
