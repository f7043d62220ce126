"""Events of other reports' rows: whose clock counts, what is marked, what is missing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sessionkit import replayed, report_folders

from crashdrive.errors import KernelError, UsageError
from crashdrive.records import Report, Table, Timeline
from crashdrive.reports.system import timeline
from crashdrive.reports.system._timeline import TimelineEvent, events_of


def report(name: str, **tables: list[Any]) -> Report:
    return Report(report=name, tables=tuple(Table(name=one, rows=rows) for one, rows in tables.items()))


def row(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(**fields)


LOG = report(
    "dmesg",
    log=[
        row(timestamp=90.0, age=10.0, level="info", caller="T7", text="hello"),
        row(timestamp=100.0, age=0.0, level="emerg", caller="C1", text="panic"),
    ],
)
TASK = {"cpu": 1, "pid": 7, "comm": "sh", "task": 0x10, "running": False}
TASKS = report(
    "ps",
    tasks=[
        row(**TASK, state="IN", state_letter="S", state_seconds=3.0),
        row(**TASK, state="UN", state_letter="D", state_seconds=4.0),
        row(**TASK, state="RU", state_letter="R", state_seconds=5.0),
        row(**{**TASK, "running": True}, state="RU", state_letter="R", state_seconds=6.0),
        row(**TASK, state="IN", state_letter="S", state_seconds=None),
    ],
)


def events(source: str, part: Report, behind: float = 0.0) -> list[TimelineEvent]:
    name = {"log": "dmesg", "task": "ps", "timer": "timers", "io": "block", "packet": "netstat"}[source]
    return list(events_of({name: part}, [source], behind))


def test_the_logs_end_is_not_the_end() -> None:
    found = events("log", LOG, behind=2.5)
    assert [(one.seconds_before, one.event, one.is_wrong) for one in found] == [
        (12.5, "info", False),
        (2.5, "emerg", True),
    ]
    assert [(one.pid, one.cpu) for one in found] == [(7, None), (None, 1)]


def test_tasks_by_what_they_were_doing() -> None:
    found = events("task", TASKS, behind=2.5)
    assert [(one.seconds_before, one.event, one.is_wrong) for one in found] == [
        (3.0, "last run", False),
        (4.0, "last run", True),
        (5.0, "queued since", False),
        (6.0, "running since", False),
    ]


def test_only_overdue_timers_are_of_the_past() -> None:
    timer = {"cpu": 0, "timer_function": "f", "timer_address": 1}
    part = report(
        "timers", timers=[row(**timer, expires_left=-2.0), row(**timer, expires_left=2.0)],
        hrtimers=[row(**timer, expires_left=left, pid=1, comm="a") for left in (None, -1.0)],
    )  # fmt: skip
    found = events("timer", part)
    assert [(one.seconds_before, one.pid, one.text) for one in found] == [(2.0, None, "f"), (1.0, 1, "f")]
    assert all(one.is_wrong for one in found)


def test_a_deferrable_timer_waits_for_its_cpu_to_wake_up() -> None:
    timer = {"cpu": 0, "timer_function": "f", "timer_address": 1, "expires_left": -4.0}
    part = report(
        "timers", timers=[row(**timer, wheel=wheel) for wheel in ("standard", "deferrable")], hrtimers=[]
    )
    assert [one.is_wrong for one in events("timer", part)] == [True, False]


def test_requests_have_two_times_and_connections_three() -> None:
    request = row(
        operation="write",
        device="vda",
        sector=8,
        path="/x",
        age=5.0,
        driver_age=None,
        pid=1,
        comm="a",
        address=2,
    )
    assert [(one.event, one.text) for one in events("io", report("block", requests=[request]))] == [
        ("made", "write on vda, sector 8, /x")
    ]
    connection = row(
        proto="tcp", local="a:1", remote="b:2", state="ESTABLISHED", address=3,
        last_sent_ago=1.0, last_received_ago=2.0, last_ack_ago=None,
    )  # fmt: skip
    found = events("packet", report("netstat", sockets=[], tcp=[connection]))
    assert [(one.event, one.seconds_before) for one in found] == [("sent", 1.0), ("received", 2.0)]


class Fake:
    """A dump whose reports are given, or fail."""

    kernel: Any = None

    def __init__(self, **parts: Report) -> None:
        self.parts = parts

    def run_report(self, name: str, **options: Any) -> Report:
        if options.get("oops"):
            return report("dmesg", reports=[row(timestamp=99.0, cause=True, title="null in f")], log=[])
        if name not in self.parts:
            raise KernelError("no such member")
        return self.parts[name]


def made(crash: Fake, **asked: Any) -> Report:
    defaults = {option.name: option.absent for option in timeline.OPTIONS}
    return timeline.report(crash, **{**defaults, **asked})


@pytest.fixture(autouse=True)
def _queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "run_queues", lambda _survey: SimpleNamespace(now=101_000_000_000))


def test_the_whole_in_order_of_time() -> None:
    found = made(Fake(dmesg=LOG, ps=TASKS), source=("log", "task"))
    assert found.complete
    assert [one.seconds_before for one in found.table("events").rows] == [6.0, 5.0, 4.0, 3.0, 1.0]
    (picture,) = found.pictures
    assert isinstance(picture, Timeline)
    assert [lane.name for lane in picture.lanes] == ["log", "task"]
    assert [(mark.seconds_before, mark.label) for mark in picture.moments] == [(2.0, "null in f")]


def test_a_part_that_fails_marks_the_report() -> None:
    found = made(Fake(dmesg=LOG))
    assert not found.complete
    assert {notice.message for notice in found.warnings} == {
        f"report {name} failed: no such member" for name in ("ps", "timers", "block", "netstat")
    }
    assert [one.event for one in found.table("events").rows] == ["emerg"]


def test_tasks_and_requests_of_unknown_times_are_told() -> None:
    assert [notice.message for notice in made(Fake(dmesg=LOG, ps=TASKS), source=("task",)).warnings] == [
        "tasks: the time of 1 isn't known; left out"
    ]
    idle = row(**{**TASK, "pid": 0}, state="RU", state_letter="R", state_seconds=None)
    blind = row(operation="write", device="vda", sector=8, path=None, age=None, driver_age=None, pid=None)
    crash = Fake(dmesg=LOG, ps=report("ps", tasks=[idle]), block=report("block", requests=[blind]))
    assert [notice.message for notice in made(crash, source=("task", "io")).warnings] == [
        "requests: the time of 1 isn't known; left out"
    ]


def test_what_names_no_task_is_told_to_be_left_out() -> None:
    found = made(Fake(dmesg=LOG), source=("log",), last=60.0, pid=(7,))
    assert [one.pid for one in found.table("events").rows] == [7]
    assert [notice.message for notice in found.warnings] == ["events that name no task are left out (log: 1)"]
    assert not made(Fake(dmesg=LOG), source=("log",), last=60.0).warnings


def test_options_narrow_it_down() -> None:
    assert len(made(Fake(dmesg=LOG), source=("log",), last=60.0).table("events").rows) == 2
    assert [
        one.pid for one in made(Fake(dmesg=LOG), source=("log",), last=60.0, pid=(7,)).table("events").rows
    ] == [7]
    for last in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="number of seconds"):
            made(Fake(), last=last)


@pytest.mark.parametrize("folder", report_folders("timeline"), ids=lambda folder: folder.name)
def test_of_a_recorded_dump_the_log_agrees(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says itself when it died: the last message that the report has is the log's last one."""
    monkeypatch.undo()
    with replayed(folder) as crash:
        found = crash.run_report("timeline")
        log = crash.run_report("dmesg").table("log").rows
    shown = [one for one in found.table("events").rows if one.event_source == "log"]
    assert [one.text for one in shown] == [one.text for one in log if one.age <= 10.0][-len(shown) :]
    assert 0 <= shown[-1].seconds_before < 1
