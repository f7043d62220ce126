"""IPC objects against /proc/sysvipc and /dev/mqueue of the guest, and against crash's own ipcs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crashdrive.crash import Crash, open_dump
from crashdrive.records import Report
from tests.live.conftest import crash_binary, dump_file
from tests.reports.conftest import Guest
from tests.reports.guest_truth import settings

REPORT = "ipc"


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT, limits=True)


@pytest.fixture(scope="module")
def home(guest: Guest) -> int:
    """The first IPC namespace: /proc/sysvipc was read in it."""
    text = (guest.folder / "truth/proc/1/ns").read_text()
    found = re.search(r"^ipc ipc:\[(\d+)\]", text, re.MULTILINE)
    assert found
    return int(found[1])


def said(guest: Guest, name: str) -> list[dict[str, int]]:
    """Rows of a file of /proc/sysvipc; permissions are octal there."""
    head, *lines = (guest.folder / "truth/proc/sysvipc" / name).read_text().splitlines()
    columns = head.split()
    return [
        {
            column: int(word, 8) if column == "perms" else int(word)
            for column, word in zip(columns, line.split(), strict=True)
        }
        for line in lines
    ]


def rows_of(reported: Report, table: str, home: int) -> list[Any]:
    return [row for row in reported.table(table).rows if row.ipc_namespace == home]


def never(value: int | None) -> int:
    return value or 0


def owners(row: Any) -> list[int]:
    return [row.uid, row.gid, row.creator_uid, row.creator_gid]


def told(line: dict[str, int]) -> list[int]:
    return [line[name] for name in ("uid", "gid", "cuid", "cgid")]


def test_shared_memory(guest: Guest, reported: Report, home: int) -> None:
    lines = said(guest, "shm")
    rows = rows_of(reported, "segments", home)
    assert len(rows) == len(lines) == 2
    for row, line in zip(rows, lines, strict=True):
        assert (row.key, row.shmid, row.shm_bytes, row.nattch) == (
            line["key"], line["shmid"], line["size"], line["nattch"],
        )  # fmt: skip
        assert int(row.mode_octal, 8) == line["perms"] & 0o777
        assert (row.resident_bytes, row.swapped_bytes) == (line["rss"], line["swap"])
        assert (never(row.creator_pid), never(row.last_pid)) == (line["cpid"], line["lpid"])
        assert owners(row) == told(line)
        assert [never(row.attach_time), never(row.detach_time), never(row.change_time)] == [
            line["atime"], line["dtime"], line["ctime"],
        ]  # fmt: skip
        # each process has it once
        assert len(row.attached) == row.nattch
        for pid in row.attached:
            assert (guest.folder / f"truth/proc/{pid}").exists()


def test_semaphores(guest: Guest, reported: Report, home: int) -> None:
    lines = said(guest, "sem")
    rows = rows_of(reported, "semaphores", home)
    assert len(rows) == len(lines) == 2
    for row, line in zip(rows, lines, strict=True):
        assert (row.key, row.semid, row.nsems) == (line["key"], line["semid"], line["nsems"])
        assert int(row.mode_octal, 8) == line["perms"] & 0o777
        assert (never(row.operation_time), never(row.change_time)) == (line["otime"], line["ctime"])
        assert owners(row) == told(line)
    # what the guest's program did
    assert [row.sem_values for row in rows] == [(5, 0, 0), (2, 0, 3, 0)]
    assert [len(row.undone_by) for row in rows] == [0, 1]
    assert [row.waiters for row in rows] == [1, 1]


def test_message_queues(guest: Guest, reported: Report, home: int) -> None:
    lines = said(guest, "msg")
    rows = rows_of(reported, "queues", home)
    assert len(rows) == len(lines) == 3
    for row, line in zip(rows, lines, strict=True):
        assert (row.key, row.msqid, row.used_bytes, row.messages) == (
            line["key"], line["msqid"], line["cbytes"], line["qnum"],
        )  # fmt: skip
        assert int(row.mode_octal, 8) == line["perms"] & 0o777
        assert (never(row.sender_pid), never(row.receiver_pid)) == (line["lspid"], line["lrpid"])
        assert owners(row) == told(line)
        times = [row.send_time, row.receive_time, row.change_time]
        # a queue's own creation is its last change, which it has none of in older kernels
        assert [never(time) for time in times] == [line["stime"], line["rtime"], line["ctime"]]
    others = [row for row in reported.table("queues").rows if row.ipc_namespace != home]
    assert [(row.key, row.messages) for row in others] == [(0x77, 0)]


def test_posix_queues(guest: Guest, reported: Report, home: int) -> None:
    rows = {row.name: row for row in rows_of(reported, "mqueues", home)}
    files = {path.name: path.read_text() for path in (guest.folder / "truth/dev/mqueue").iterdir()}
    assert rows.keys() == files.keys()
    for name, text in files.items():
        (size,) = re.findall(r"QSIZE:(\d+)", text)
        (notified,) = re.findall(r"NOTIFY_PID:(\d+)", text)
        assert rows[name].used_bytes == int(size)
        assert never(rows[name].notify_pid) == int(notified)


def test_who_waits(guest: Guest, reported: Report) -> None:
    rows = {row.comm: row for row in reported.table("waiters").rows}
    expected = {
        "sem waiter": ("sem", "semaphore 1: -1"),
        "zero waiter": ("sem", "semaphore 0 to be 0"),
        "msg reader": ("msg", "a message of type 5"),
        "msg sender": ("msg", "room for 40 bytes"),
        "mq reader": ("mqueue", "a message"),
        "mq sender": ("mqueue", "room for a message"),
    }
    assert {comm: (row.ipc_type, row.waits_for_what) for comm, row in rows.items()} == expected
    for row in rows.values():
        comm = (guest.folder / f"truth/proc/{row.pid}/comm").read_text().rstrip("\n")
        assert comm == row.comm
        assert row.state_seconds > 1


def test_limits(guest: Guest, reported: Report, home: int) -> None:
    (row,) = rows_of(reported, "limits", home)
    kernel = settings(guest)
    assert row.segments_max == int(kernel["kernel.shmmni"])
    assert row.segment_bytes_max == int(kernel["kernel.shmmax"])
    assert row.shm_total_max == int(kernel["kernel.shmall"]) * 4096
    assert row.queues_max == int(kernel["kernel.msgmni"])
    assert (row.message_bytes_max, row.queue_bytes_max) == (
        int(kernel["kernel.msgmax"]), int(kernel["kernel.msgmnb"]),
    )  # fmt: skip
    semaphores = [int(word) for word in kernel["kernel.sem"].split()]
    assert (row.semaphores_max, row.sets_max) == (semaphores[1], semaphores[3])
    assert row.mqueues_max == int(kernel["fs.mqueue.queues_max"])
    assert (row.segments, row.queues, row.sets, row.semaphores, row.mqueues) == (2, 3, 2, 7, 3)


@pytest.mark.live
@pytest.mark.parametrize(
    ("dump", "version"),
    [("6.1-elf-sysrq", "8.0.6"), ("6.12-kdump-sysrq", "9.0.2")],
)
def test_crash_says_the_same(dump: str, version: str) -> None:
    vmcore = dump_file(dump)
    with open_dump(vmcore.parent / "vmlinux", vmcore, crash=[str(crash_binary(version))]) as crash:
        report = crash.run_report(REPORT)
        home = min(row.ipc_namespace for row in report.table("segments").rows)
        found = {
            (row.shmid_kernel, row.shmid, row.key, row.uid, row.shm_bytes, row.nattch)
            for row in report.table("segments").rows
            if row.ipc_namespace == home
        }
        theirs: Any = crash.ipcs("memory")
        assert {(r.shmid_kernel, r.shmid, r.key, r.uid, r.bytes, r.nattch) for r in theirs} == found
        theirs = crash.ipcs("semaphores")
        assert {(r.sem_array, r.semid, r.nsems) for r in theirs} == {
            (row.sem_array, row.semid, row.nsems)
            for row in report.table("semaphores").rows
            if row.ipc_namespace == home
        }
        theirs = crash.ipcs("queues")
        assert {(r.msg_queue, r.msqid, r.used_bytes, r.messages) for r in theirs} == {
            (row.msg_queue, row.msqid, row.used_bytes, row.messages)
            for row in report.table("queues").rows
            if row.ipc_namespace == home
        }
