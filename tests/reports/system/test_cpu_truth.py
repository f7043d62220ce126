"""CPUs as the report has them, against the guest's /proc from right before its panic.

The guest went on for a moment after it was read: counters have grown by what fits into that moment.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.conftest import Guest

REPORT = "cpu"
# as /proc/stat has them
COLUMNS = (
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
)  # fmt: skip
USER_HZ = 100


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT)


def lines(guest: Guest, name: str) -> list[list[str]]:
    text = (guest.folder / "truth" / "proc" / name).read_text()
    return [line.split() for line in text.splitlines()]


def since(guest: Guest, name: str) -> tuple[float, float]:
    """How many seconds before the panic the guest read a file, at least and at most."""
    read = json.loads((guest.folder / "truth" / "index.json").read_text())[f"proc/{name}"]
    panic = json.loads((guest.folder / "dump.json").read_text())["panic_uptime"]
    return panic - read["after"], panic - read["before"]


def test_times(guest: Guest, reported: Report) -> None:
    """Each state has grown or stayed, all together by the time that passed."""
    said = {line[0]: [int(word) / USER_HZ for word in line[1:]] for line in lines(guest, "stat")}
    least, most = since(guest, "stat")
    rows = reported.table("times").rows
    assert len(rows) == 2
    for row in rows:
        found = [getattr(row, f"{name}_seconds") for name in COLUMNS]
        grown = [now - then for now, then in zip(found, said[f"cpu{row.cpu}"], strict=True)]
        # /proc/stat rounds down to a hundredth
        assert all(-1 / USER_HZ <= one <= most + 0.1 for one in grown)
        # TICK_NSEC is what a tick counts for; one that comes late counts for one as well
        assert least - 0.3 <= sum(grown) <= most + 0.1
        assert row.steal_percent == 0


def test_softirqs(guest: Guest, reported: Report) -> None:
    said = {line[0].rstrip(":"): [int(word) for word in line[1:]] for line in lines(guest, "softirqs")[1:]}
    rows = reported.table("softirqs").rows
    assert [row.softirq for row in rows] == list(said)
    ticks = since(guest, "softirqs")[1] * 250
    for row in rows:
        for cpu, then in enumerate(said[row.softirq]):
            # at most a few of a kind go with each tick, and RCU's run at once where there is much to free
            assert then <= row.counts[cpu] <= then + 4 * ticks + 10


def test_activity(guest: Guest, reported: Report) -> None:
    (row,) = reported.table("activity").rows
    said = {line[0]: int(line[1]) for line in lines(guest, "stat")}
    # a shell that writes to sysrq-trigger makes a process or two
    assert 0 <= row.forks - said["processes"] <= 2
    assert 0 <= row.switches - said["ctxt"] < 1000
    # the panicking task, and the spinner, which runs on the other CPU for ever
    assert row.runnable == said["procs_running"] == 2
    assert row.iowait == said["procs_blocked"] == 0
    load = lines(guest, "loadavg")[0]
    assert row.threads - int(load[3].partition("/")[2]) in (0, 1)


def test_cpus(reported: Report) -> None:
    """One CPU panicked, the other one ran the spinner, whose tick went on until the end."""
    rows: Any = reported.table("cpus").rows
    assert {row.comm for row in rows} == {"finish", "spinner"}
    for row in rows:
        assert row.rq_online
        assert (row.runnable, row.fair_tasks, row.realtime_tasks, row.deadline_tasks, row.sched_class) == (
            1,
            1,
            0,
            0,
            "fair",
        )
        assert row.lag_seconds < 0.1
        assert row.tick_seconds < 0.1
        assert row.tick_stopped is False
    assert sum(row.switches for row in rows) == reported.table("activity").rows[0].switches


def test_queued(reported: Report) -> None:
    """The spinner is nice (19), and is what runs: nobody waits."""
    rows = {row.comm: row for row in reported.table("queued").rows}
    assert all(row.running and row.waiting_seconds is None for row in rows.values())
    assert rows["spinner"].priority == 139
    assert rows["finish"].priority == 120
    running = {row.task for row in reported.table("cpus").rows}
    assert {row.task for row in rows.values()} == running
    assert not reported.findings
