"""Mounts, locks and open files, against the guest's /proc from right before its panic."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sessionkit import replayed, report_folders

from crashdrive.crash import Crash, open_dump
from crashdrive.linux.fs.open_files import HeldFile, held_files
from crashdrive.linux.survey import Survey
from crashdrive.records import Report
from tests.live.conftest import crash_binary, dump_file
from tests.reports.conftest import Guest
from tests.reports.guest_truth import settings

REPORT = "files"


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT)


def of_dump(dump: str) -> Report:
    (folder,) = (folder for folder in report_folders(REPORT) if folder.name.startswith(dump))
    with replayed(folder) as crash:
        return crash.run_report(REPORT)


def proc(guest: Guest, name: str) -> str:
    return (guest.folder / "truth" / "proc" / name).read_text()


def unescaped(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)


def test_mounts(guest: Guest, reported: Report) -> None:
    """The kernel prints ro where either the mount or its filesystem is, and a type's own options behind."""
    lines = [line.split() for line in proc(guest, "mounts").splitlines()]
    rows = reported.table("mounts").rows
    found = [(row.source, row.mount_point, row.type, row.mount_options) for row in rows]
    said = [(*map(unescaped, line[:3]), line[3]) for line in lines]
    assert [row[:3] for row in found] == [line[:3] for line in said]
    assert all(f"{line[3]},".startswith(f"{row[3]},") for row, line in zip(found, said, strict=True))


def test_locks(guest: Guest, reported: Report) -> None:
    rows = reported.table("locks").rows
    held = {row.address: number for number, row in enumerate(row for row in rows if not row.waits_for)}
    lines = [line.split() for line in proc(guest, "locks").splitlines()]
    said = [[line[0], *line[-7:-6], *line[-5:]] for line in lines]
    assert [
        [
            f"{held[row.waits_for or row.address] + 1}:",
            row.lock_type,
            row.lock_mode,
            # an open file's lock is nobody's in /proc, though the kernel keeps who took it
            "-1" if row.lock_type == "OFDLCK" else str(row.pid),
            str(row.inode),
            str(row.first_byte),
            "EOF" if row.last_byte is None else str(row.last_byte),
        ]
        for row in rows
    ] == [[line[0], line[1], *line[2:4], line[4].rpartition(":")[2], *line[5:]] for line in said]
    assert {row.comm for row in rows if row.waits_for} == {"lock waiter", "range waiter"}


def test_descriptors(guest: Guest) -> None:
    """All but those of the process that looked: it was gone, or had closed them, when the guest died."""
    held: dict[tuple[int, str], HeldFile] = {
        (row.pid, row.held_by): row for row in held_files(Survey(Crash(guest.session, keep=False).kernel))
    }
    said = dict(_descriptors(guest))
    found = {place: _shown(held[place]) for place in said if place in held}
    others = {
        place: (found.get(place), target) for place, target in said.items() if found.get(place) != target
    }
    assert len(found) > 600
    assert len(others) <= 4
    # a name with a line end is cut in the truth
    assert all(target.startswith(("/proc", "net:", "/tmp/odd [dir]/new")) for _, target in others.values())


def _descriptors(guest: Guest) -> Iterator[tuple[tuple[int, str], str]]:
    for path in (guest.folder / "truth/proc").glob("[0-9]*/fd"):
        for line in path.read_text().splitlines():
            number, _, target = line.partition(" ")
            if number.isdecimal():
                yield (int(path.parent.name), number), target


def _shown(row: HeldFile) -> str:
    return f"{row.path} (deleted)" if row.deleted else str(row.path)


def test_counts(guest: Guest, reported: Report) -> None:
    """Whoever collected the truth opened thousands of files of /proc afterwards."""
    (row,) = reported.table("counts").rows
    kernel = settings(guest)
    dentries, unused, *_, negative, _ = map(int, kernel["fs.dentry-state"].split())
    assert row.dentries >= dentries
    assert row.unused_dentries >= unused
    assert abs(row.negative_dentries - negative) < 5
    assert row.inodes >= int(kernel["fs.inode-nr"].split()[0])
    assert row.most_files == int(kernel["fs.file-max"])
    # the kernel's count without what each CPU holds of it, which are some dozens
    assert abs(row.open_files - int(kernel["fs.file-nr"].split()[0])) < 250


def test_who_holds_what(guest: Guest) -> None:
    report = Crash(guest.session, keep=False).run_report(REPORT, who=("/mnt", "/tmp"), deleted=True)
    holders = {(row.comm, row.held_by, row.path) for row in report.table("holders").rows}
    assert ("files", "7", "/mnt/ext4/file") in holders
    assert ("in a cgroup", "cwd", "/mnt") in holders
    (gone,) = (row for row in report.table("deleted").rows if row.path == "/tmp/odd [dir]/deleted")
    assert (gone.comm, gone.held_by, gone.size, gone.file_kind) == ("files", "6", 4, "file")
    memory = [row.path for row in report.table("deleted").rows if row.path.startswith("/memfd:")]
    assert memory == ["/memfd:memory [file]"]


def test_filesystems_of_a_healthy_guest(reported: Report) -> None:
    (ext4,) = (row for row in reported.table("filesystems").rows if row.type == "ext4")
    assert (ext4.name, ext4.major, ext4.mount_point, ext4.state) == ("loop0", 7, "/mnt/ext4", "ok")
    assert (ext4.frozen, ext4.super_options) == ("unfrozen", "rw")
    assert ext4.dirty_bytes is not None
    assert not reported.findings


@pytest.mark.parametrize(
    ("dump", "state", "finding"),
    [
        ("6.1-kdump-diskerror", "aborted", "filesystem-read-only"),
        ("6.1-kdump-shutdown", "shut down", "filesystem-shut-down"),
    ],
)
def test_filesystems_that_failed(dump: str, state: str, finding: str) -> None:
    report = of_dump(dump)
    (ext4,) = (row for row in report.table("filesystems").rows if row.type == "ext4")
    assert ext4.state == state
    assert [one.kind for one in report.findings] == [finding]


@pytest.mark.live
@pytest.mark.parametrize("dump", ["6.1-kdump-sysrq", "6.12-kdump-sysrq"])
def test_mountinfo_of_all_namespaces(dump: str) -> None:
    vmcore = dump_file(dump)
    with open_dump(vmcore.parent / "vmlinux", vmcore, crash=[str(crash_binary("9.0.2"))]) as crash:
        rows = crash.run_report(REPORT, all=True).table("mounts").rows
    by_pid = {pid: [row for row in rows if row.first_pid == pid] for pid in {row.first_pid for row in rows}}
    compared = 0
    for pid, mounts in by_pid.items():
        found = {
            row.mount_id: [
                str(row.parent_id), f"{row.major}:{row.minor}", row.root, row.mount_point, row.mount_options,
                row.propagation, row.type, row.source,
            ]
            for row in mounts
        }  # fmt: skip
        for line in (vmcore.parent / f"truth/proc/{pid}/mountinfo").read_text().splitlines():
            before, _, behind = line.partition(" - ")
            number, *words = map(unescaped, before.split())
            kind, source, _ = behind.split()
            said = [*words[:5], " ".join(words[5:]), kind, unescaped(source)]
            assert found[int(number)] == said
            compared += 1
    assert compared > 40
