"""Disks and their counters, against the guest's /proc from right before its panic."""

from __future__ import annotations

import pytest
from sessionkit import replayed, report_folders

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.conftest import Guest

REPORT = "block"
# /proc/diskstats of the guest 6.12-kdump-stuckrequest, whose request is stuck; the truth itself went to vda
STUCK = """\
 254      16 vdb 1 0 8 11 0 0 0 0 0 12 11 0 0 0 0 0 0
   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
   7       1 loop1 0 0 0 0 0 0 0 0 1 8052 0 0 0 0 0 0 0
   7       2 loop2 5 0 488 25 0 0 0 0 0 24 25 0 0 0 0 0 0
 259       0 loop2p1 4 0 480 6 0 0 0 0 0 8 6 0 0 0 0 0 0
 253       0 dm-0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT)


@pytest.fixture(scope="module")
def stuck() -> Report:
    return of_dump("6.12-kdump-stuckrequest")


@pytest.fixture(scope="module")
def failed() -> Report:
    return of_dump("6.1-kdump-diskerror")


def of_dump(dump: str) -> Report:
    (folder,) = (folder for folder in report_folders(REPORT) if folder.name.startswith(dump))
    with replayed(folder) as crash:
        return crash.run_report(REPORT)


def diskstats(text: str) -> dict[str, list[int]]:
    """By name: major, minor, and the numbers behind the name."""
    rows = [line.split() for line in text.splitlines()]
    return {row[2]: [int(word) for word in (*row[:2], *row[3:])] for row in rows}


def as_diskstats(row: object) -> list[int]:
    """A row of the report as the kernel prints it: sectors, whole milliseconds."""
    names = (
        "major", "minor", "reads", "reads_merged", "read_bytes", "read_seconds", "writes", "writes_merged",
        "written_bytes", "write_seconds", "in_flight", "busy_seconds", "queue_seconds", "discards",
        "discards_merged", "discarded_bytes", "discard_seconds", "flushes", "flush_seconds",
    )  # fmt: skip
    return [_printed(name, getattr(row, name)) for name in names]


def _printed(name: str, value: float) -> int:
    if name.endswith("_bytes"):
        return int(value) // 512
    return int(value * 1000 + 1e-6) if name.endswith("_seconds") else int(value)


def test_counters(guest: Guest, reported: Report) -> None:
    said = diskstats((guest.folder / "truth/proc/diskstats").read_text())
    found = {row.name: as_diskstats(row) for row in reported.table("counters").rows}
    assert found.keys() == said.keys()
    # the guest writes its truth to vda, until it dies
    disk = found.pop("vda")
    assert all(now >= then for now, then in zip(disk, said.pop("vda"), strict=True))
    assert found == said


def test_partitions(guest: Guest, reported: Report) -> None:
    lines = (guest.folder / "truth/proc/partitions").read_text().splitlines()[2:]
    rows = [row for row in reported.table("disks").rows if row.size]
    assert [[row.major, row.minor, row.size // 1024, row.name] for row in rows] == [
        [*map(int, line.split()[:3]), line.split()[3]] for line in lines
    ]
    assert not any(row.read_only for row in rows)


def test_nothing_is_wrong_where_nothing_is(reported: Report) -> None:
    assert not reported.findings
    assert reported.complete
    assert {row.driver_age for row in reported.table("requests").rows} <= {None}


def test_counters_with_a_request_in_flight_and_a_partition(stuck: Report) -> None:
    said = diskstats(STUCK)
    found = {row.name: as_diskstats(row) for row in stuck.table("counters").rows if row.name in said}
    busy = found["loop1"].pop(11) - said["loop1"].pop(11)
    # the request was there while the truth went on being read
    assert 0 <= busy < 2000
    assert found == said


def test_a_request_that_is_stuck(stuck: Report) -> None:
    first, second = stuck.table("requests").rows
    assert (first.device, first.state, first.operation, first.sector) == ("loop1", "in flight", "READ", 0)
    assert (first.filesystem, first.counted_for) == ("bdev", ("loop1",))
    assert first.age > 8
    assert first.age >= first.driver_age
    assert (second.device, second.state, second.age, second.size) == ("dm-0", "deferred", None, 4096)


def test_a_partition(stuck: Report) -> None:
    disk, part = (row for row in stuck.table("disks").rows if row.disk == "loop2")
    assert (disk.name, disk.partition, disk.start_sector, disk.size) == ("loop2", None, None, 4 << 20)
    assert (part.name, part.partition, part.start_sector, part.size) == ("loop2p1", 1, 2048, 2 << 20)
    assert disk.read_only
    assert part.read_only


def test_the_device_mapper(stuck: Report, failed: Report) -> None:
    (row,) = stuck.table("mapped").rows
    assert (row.name, row.mapped_name, row.suspended, row.deferred) == ("dm-0", "lab-disk", True, 1)
    assert (row.target_types, row.devices) == (("linear",), ("loop0",))
    (target,) = stuck.table("targets").rows
    assert (target.start_sector, target.size, target.target_type) == (0, 16384 * 512, "linear")
    (row,) = failed.table("mapped").rows
    assert (row.suspended, row.deferred, row.target_types) == (False, 0, ("flakey",))


def test_findings(stuck: Report, failed: Report) -> None:
    assert {one.kind for one in stuck.findings} == {"old-request", "suspended-device"}
    assert {one.kind for one in failed.findings} == {"disk-errors"}


def test_errors_in_the_log(failed: Report) -> None:
    rows = {(row.device, row.kind): row.count for row in failed.table("errors").rows}
    assert rows == {
        ("dm-0", "filesystem error"): 8,
        ("dm-0", "I/O error"): 9,
        ("dm-0", "journal aborted"): 1,
        ("dm-0", "remounted read-only"): 5,
    }
