"""``runq``: run queues of three schedulers."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.parsers.runq import Lag, Queue, QueuedTask, RunQueue
from tests.parsers.recorded import each, output

FAIR = """\
CPU 0 RUNQUEUE: ffff8800090436c0
  CURRENT: PID: 588    TASK: ffff88007e4877a0  COMMAND: "udevd"
  RT PRIO_ARRAY: ffff8800090437c8
     [no tasks queued]
  CFS RB_ROOT: ffff880009043740
     [118] PID: 2110   TASK: ffff88007d470860  COMMAND: "a "b" [118]"

CPU 1 [OFFLINE]

CPU 2 RUNQUEUE: ffff88000905b6c0
  CURRENT: ffff88007e8ac140
"""


def test_queues() -> None:
    first, second, third = answer = parse("runq", FAIR)
    queued = QueuedTask(pid=2110, task=0xFFFF88007D470860, comm='a "b" [118]', priority=118)
    assert first == RunQueue(
        cpu=0,
        runqueue=0xFFFF8800090436C0,
        current=TaskHeader(pid=588, task=0xFFFF88007E4877A0, comm="udevd"),
        queues=(
            Queue(name="RT PRIO_ARRAY", address=0xFFFF8800090437C8, tasks=()),
            Queue(name="CFS RB_ROOT", address=0xFFFF880009043740, tasks=(queued,)),
        ),
    )
    assert second == RunQueue(cpu=1, offline=True)
    assert third.current_address == 0xFFFF88007E8AC140
    assert answer.complete


def test_equal_priorities_of_old_kernels() -> None:
    text = (
        'CPU 0 RUNQUEUE: c1cdb460\n  CURRENT: PID: 1      TASK: c20fa7e0  COMMAND: "bash"\n'
        '  ACTIVE PRIO_ARRAY: c1cdb4d8\n     [115] PID: 1      TASK: c20fa7e0  COMMAND: "bash"\n'
        '           PID: 2      TASK: c217d820  COMMAND: "syslogd"\n  EXPIRED PRIO_ARRAY: c1cdbdb8\n'
        "     [no tasks queued]\n"
    )
    active, _expired = parse("runq", text).one().queues
    assert [task.priority for task in active.tasks] == [115, 115]
    text = (
        'PID: 1      TASK: c20fa000  CPU: 0   COMMAND: "x"\nPID: ?      TASK: c217d820  CPU: ?   COMMAND: ?\n'
    )
    tasks = parse("runq", text)
    assert list(tasks) == [
        TaskHeader(pid=1, task=0xC20FA000, cpu=0, comm="x"),
        TaskHeader(pid=None, task=0xC217D820, cpu=None, comm=None),
    ]


def test_a_queue_that_lost_its_tasks_is_marked() -> None:
    lines = FAIR.splitlines(keepends=True)
    assert not parse("runq", "".join(lines[:3] + lines[4:])).complete
    assert not parse("runq", "".join(lines[:5] + lines[6:])).complete
    with pytest.raises(ParseError):
        parse("runq", "".join(lines[:1] + lines[2:]))
    with pytest.raises(ParseError):
        parse("runq", FAIR + FAIR)


def test_groups() -> None:
    text = """\
CPU 3
  CURRENT: PID: 2948   TASK: ffff88022af2a100  COMMAND: "bash"
  ROOT_TASK_GROUP: ffffffff81e1a780  RT_RQ: ffff880028216148
     [  0] TASK_GROUP: ffff88022c6bbc00  RT_RQ: ffff880139fc9800 (THROTTLED)
           [  1] PID: 14750  TASK: ffff88013a4dd540  COMMAND: "rtloop99"
     [ 54] PID: 14749  TASK: ffff8800378e0800  COMMAND: "rtloop45"
  ROOT_TASK_GROUP: ffffffff81e1a780  CFS_RQ: ffff880028216028
     [120] PID: 2948   TASK: ffff88022af2a100  COMMAND: "bash" [CURRENT]
     TASK_GROUP: ffff88012b880800  CFS_RQ: ffff88012c5d1000  <libvirt> (THROTTLED)
        TASK_GROUP: ffff88012c078000  CFS_RQ: ffff88012c663e00  <q <x> y>
           [no tasks queued]
        [120] PID: 3248   TASK: ffff88012a9d4100  COMMAND: "qemu-kvm"
"""
    groups = parse("runq -g", text).one().groups
    assert [(g.root, g.name, g.throttled, len(g.tasks)) for g in groups] == [
        (True, None, False, 1),
        (False, None, True, 1),
        (True, None, False, 1),
        (False, "libvirt", True, 1),
        (False, "q <x> y", False, 0),
    ]
    assert groups[1].parent == groups[0].task_group
    assert groups[4].parent == groups[3].task_group
    assert groups[2].tasks[0].current
    assert groups[0].tasks[0].comm == "rtloop45"
    with pytest.raises(ParseError):
        parse("runq -g", text.replace("  ROOT_TASK_GROUP: ffffffff81e1a780  RT_RQ: ffff880028216148\n", ""))


def test_clocks() -> None:
    text = (
        " CPU 0: 2680990637359\n"
        '        2680986653330  PID: 28228  TASK: ffff880037ca2ac0  COMMAND: "loop"\n CPU 1: [OFFLINE]\n'
    )
    first, second = parse("runq -t", text)
    assert (first.timestamp, first.last_run, first.current.pid) == (2680990637359, 2680986653330, 28228)
    assert second.offline
    with pytest.raises(ParseError):
        parse("runq -t", text + text)


def test_lags_and_running() -> None:
    assert list(parse("runq -T", "  CPU 1: 0.00 secs\n  CPU 0: 12.25 secs\n")) == [
        Lag(cpu=1, lag=0.0),
        Lag(cpu=0, lag=12.25),
    ]
    text = (
        ' CPU 0: [1 00:00:00.014]  PID: 5275  TASK: f5dbcaa0  COMMAND: "sh"\n'
        " CPU 1: [OFFLINE]\n CPU 2: [unknown]\n"
    )
    running, offline, unknown = parse("runq -m", text)
    assert (running.running, running.current.comm) == (86400.014, "sh")
    assert (offline.offline, unknown.offline, unknown.running) == (True, False, None)


def test_all_on_queue() -> None:
    text = (
        'CPU 0\n     [120] PID: 1      TASK: ffff88007d470860  COMMAND: "x"\n\n'
        "CPU 1\n     [no tasks queued]\n\nCPU 2 [OFFLINE]\n"
    )
    first, second, third = parse("runq -d", text)
    assert (len(first.tasks), second.tasks, third.offline) == (1, (), True)


@pytest.mark.parametrize("command", ["runq", "runq -t", "runq -T", "runq -m", "runq -g", "runq -d"])
@pytest.mark.parametrize("text", ["", "runq: invalid cpu specification: 9\n", "Usage:\n", " " * 10_000_000])
def test_refused(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


@each("runq", "runq")
def test_running_tasks_are_the_active_ones_of_ps(case: Path) -> None:
    table = case.parent.with_name("ps") / "ps.cmd"
    if table.with_suffix(".json").exists():
        active = {(task.cpu, task.task) for task in parse(*output(table)) if task.active}
        running = {(queue.cpu, queue.current.task) for queue in parse(*output(case)) if queue.current}
        assert active <= running
