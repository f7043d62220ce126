"""Recorded sessions of other kernels: the same reports, held against what their guests said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sessionkit import (
    KERNELS_CASES,
    KERNELS_RECORDED,
    Case,
    differences,
    document,
    expected,
    kernel_folders,
)

from crashdrive.crash import Crash
from tests.reports.foreign_truth import (
    check_memory_of_processes,
    check_sockets,
    check_stacks,
    check_verdict,
)
from tests.reports.system.test_block_truth import as_diskstats, diskstats

AGAIN = "where that is right, scripts/record --sessions --expect takes it over"
MOST_BYTES = 2_100_000


@pytest.fixture(scope="module", params=kernel_folders(), ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_all_are_there_and_small() -> None:
    assert [folder.name for folder in kernel_folders()] == ["-".join(one) for one in KERNELS_RECORDED]
    for folder in kernel_folders():
        assert sum(path.stat().st_size for path in folder.iterdir()) < MOST_BYTES


@pytest.mark.parametrize("case", KERNELS_CASES, ids=lambda case: case.name)
def test_reports_are_what_is_expected(crash: Crash, folder: Path, case: Case) -> None:
    report = crash.run_report(case.report, **case.options)
    assert report.complete, report.warnings
    assert not list(differences(expected(folder)[case.name], document(report))), AGAIN


@pytest.mark.parametrize("name", ["tcp", "tcp6", "udp", "udp6"])
def test_sockets_are_those_of_proc(crash: Crash, truth: Path, name: str) -> None:
    check_sockets(crash, truth / "proc", name)


@pytest.mark.parametrize("name", ["udp", "udp6"])
def test_sockets_lost_what_proc_says(crash: Crash, truth: Path, name: str) -> None:
    """Counted in the socket, or apart from it since kernels that do so by nodes of memory."""
    lines = [line.split() for line in (truth / "proc/net" / name).read_text().splitlines()[1:]]
    report = crash.report("netstat", all=True, detail=True, netns="init")
    rows = [row for row in report.table("sockets").rows if row.proto == name and row.inode]
    assert {row.inode: row.drops for row in rows} == {int(line[9]): int(line[12]) for line in lines}
    assert name == "udp6" or any(row.drops for row in rows)


def test_packet_sockets_run_as_proc_says(crash: Crash, truth: Path) -> None:
    lines = [line.split() for line in (truth / "proc/net/packet").read_text().splitlines()[1:]]
    report = crash.report("netstat", all=True, detail=True, netns="init")
    found = {row.inode: row.running for row in report.table("packet").rows}
    assert found == {int(line[8]): line[5] == "1" for line in lines}
    assert found


def test_disks_are_those_of_proc(crash: Crash, truth: Path) -> None:
    """Partitions and disks are ``struct hd_struct`` until 5.10."""
    report = crash.run_report("block")
    lines = (truth / "proc/partitions").read_text().splitlines()[2:]
    rows = [row for row in report.table("disks").rows if row.size]
    assert [[row.major, row.minor, row.size // 1024, row.name] for row in rows] == [
        [*map(int, line.split()[:3]), line.split()[3]] for line in lines
    ]
    said = diskstats((truth / "proc/diskstats").read_text())
    found = {row.name: as_diskstats(row) for row in report.table("counters").rows}
    # the guest writes its truth to vda, until it dies
    disk = found.pop("vda")
    assert all(now >= then for now, then in zip(disk, said.pop("vda"), strict=True))
    assert found == said


def test_a_qdisc_counts_what_tc_says(crash: Crash, truth: Path) -> None:
    """Counters of a qdisc without a lock are kept by CPU, since 5.16 in another structure."""
    (row,) = crash.run_report("qdisc", netns="init", device="eth0").table("qdiscs").rows
    said = next(one for one in json.loads((truth / "cmd/tc-qdisc-json").read_text()) if one["dev"] == "eth0")
    assert (row.kind, row.handle) == (said["kind"], said["handle"])
    assert (row.packets, row.bytes, row.drops) == (said["packets"], said["bytes"], said["drops"])
    assert row.packets


def test_stacks_are_those_of_proc(crash: Crash, truth: Path) -> None:
    check_stacks(crash, truth / "proc")


def test_the_verdict(crash: Crash) -> None:
    check_verdict(crash)


def test_memory_of_processes(crash: Crash) -> None:
    check_memory_of_processes(crash)
