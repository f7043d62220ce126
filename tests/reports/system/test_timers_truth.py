"""Timers as the report has them, against the guest's /proc/timer_list from right before its panic."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from sessionkit import replayed, report_folders

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.conftest import Guest

REPORT = "timers"
# what comes and goes, or is set anew all the time: ticks, the scheduler's, whoever sleeps for a moment
FLEETING = {
    "tick_sched_timer", "tick_nohz_handler", "hrtimer_wakeup", "dl_task_timer", "pm_suspend_timer_fn",
    "watchdog_timer_fn", "it_real_fn", "sched_rt_period_timer", "hrtick",
}  # fmt: skip

LATE = [folder for folder in report_folders(REPORT) if "-rcuother" in folder.name]


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT)


def cpus(guest: Guest) -> dict[int, str]:
    """The part of /proc/timer_list that is of each CPU."""
    text = (guest.folder / "truth/proc/timer_list").read_text()
    parts = re.split(r"^cpu: (\d+)$", text.partition("\n\nTick Device")[0], flags=re.MULTILINE)
    return {int(number): part for number, part in zip(parts[1::2], parts[2::2], strict=True)}


def test_timers_of_high_resolution(guest: Guest, reported: Report) -> None:
    """Each that stays is there, on its CPU, or another one where it moved to."""
    text = (guest.folder / "truth/proc/timer_list").read_text()
    names = re.findall(r"^ #\d+: <\w+>, (\w+), S:01$", text, re.MULTILINE)
    said = Counter(name for name in names if name not in FLEETING)
    rows = reported.table("hrtimers").rows
    found = Counter(row.timer_function for row in rows)
    # a small guest has none that stay
    assert said or "slableak" in guest.name
    for name, count in said.items():
        # a qdisc's watchdog may go off meanwhile
        assert found[name] >= count - (2 if name == "qdisc_watchdog" else 0), name
    ticks = [row.cpu for row in rows if row.timer_function in {"tick_sched_timer", "tick_nohz_handler"}]
    assert sorted(ticks) == [0, 1]


def test_when_they_expire(guest: Guest, reported: Report) -> None:
    """The soft lockup detector goes off every few seconds: so long is left of it, on each CPU."""
    for row in reported.table("hrtimers").rows:
        assert row.earliest_left <= row.expires_left
        # nothing is overdue but by the moment in which the guest died
        assert row.expires_left > -1
    text = (guest.folder / "truth/proc/timer_list").read_text()
    now = int(re.search(r"^now at (\d+) nsecs", text, re.MULTILINE)[1]) / 1e9  # type: ignore[index]
    said = sorted(
        int(one) / 1e9 - now
        for name, one in re.findall(
            r"^ #\d+: <\w+>, (\w+), S:01\n # expires at \d+-(\d+) nsecs", text, re.MULTILINE
        )
        if name in {"posix_timer_fn", "timerfd_tmrproc"}
    )
    found = sorted(
        row.expires_left
        for row in reported.table("hrtimers").rows
        if row.timer_function in {"posix_timer_fn", "timerfd_tmrproc"}
    )
    assert len(found) == len(said)
    for ours, theirs in zip(found, said, strict=True):
        assert theirs - 3 < ours <= theirs


def test_cpus(guest: Guest, reported: Report) -> None:
    for row in reported.table("cpus").rows:
        part = cpus(guest)[row.cpu]
        said = {name: int(value) for name, value in re.findall(r"^  \.(\w+) +: (\d+)", part, re.MULTILINE)}
        assert row.high_resolution is bool(said["hres_active"])
        assert said["nr_events"] <= row.events <= said["nr_events"] + 3000
        assert said["nr_retries"] <= row.retries <= said["nr_retries"] + 100
        assert row.hangs == said["nr_hangs"]
        assert row.timer_count == sum(one.cpu == row.cpu for one in reported.table("hrtimers").rows)


def test_the_wheel(reported: Report) -> None:
    timers, wheels = reported.table("timers").rows, reported.table("wheels").rows
    assert sum(row.timer_count for row in wheels) == len(timers)
    assert {row.cpu for row in timers} == {0, 1}
    assert [row.expires_left for row in timers] == sorted(row.expires_left for row in timers)
    assert "delayed_work_timer_fn" in {row.timer_function for row in timers}
    # the writeback of dirty pages runs every five seconds or so, this one once in twelve hours
    assert timers[-1].expires_left < 13 * 3600


def test_nothing_is_wrong_where_nothing_is(reported: Report) -> None:
    assert reported.complete
    assert not [one for one in reported.findings if one.kind != "hrtimer-hang"]


@pytest.mark.parametrize("folder", LATE, ids=lambda folder: folder.name)
def test_timers_of_a_cpu_with_interrupts_off(folder: Path) -> None:
    """CPU 1 spins for the four seconds after which RCU complains; the other one's timers go on."""
    with replayed(folder) as crash:
        report = crash.run_report(REPORT)
    assert report.complete
    (finding,) = report.findings
    assert finding.kind == "timers-late"
    (line,) = finding.evidence
    (seconds,) = re.fullmatch(r"CPU 1, standard: by (\d\.\d) s", line).groups()  # type: ignore[union-attr]
    assert 2 < float(seconds) < 6
    late = [row for row in report.table("timers").rows if row.expires_left < -2]
    assert late
    assert {row.cpu for row in late} == {1}


def test_there_is_a_guest_with_late_timers() -> None:
    assert LATE
