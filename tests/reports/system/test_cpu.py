"""A CPU that is stuck in the kernel, and what waits for it."""

from __future__ import annotations

import json

import pytest
from sessionkit import REPORTS, replayed

from crashdrive.records import Report

FOLDER = REPORTS / "cpu" / "6.1-kdump-softlockup-8.0.6"


@pytest.fixture(scope="module")
def stuck() -> Report:
    with replayed(FOLDER) as crash:
        return crash.run_report("cpu")


def test_what_waits(stuck: Report) -> None:
    """As crash's ``runq`` has it, which knows no stopper: RB_ROOT of CPU 1 has these two."""
    tasks = {row.comm: row for row in stuck.table("queued").rows}
    assert list(tasks) == ["victim", "migration/1", "ksoftirqd/1", "kworker/1:2"]
    assert {row.cpu for row in tasks.values()} == {1}
    assert [tasks[name].sched_class for name in tasks] == ["fair", "stop", "fair", "fair"]
    assert tasks["victim"].running
    assert tasks["kworker/1:2"].waiting_seconds > 7
    cpu = stuck.table("cpus").rows[1]
    assert cpu.runnable == len(tasks)
    assert cpu.fair_tasks == 3
    assert cpu.comm == "victim" == json.loads((FOLDER / "death.json").read_text())["panicked"]["comm"]
    assert cpu.running_seconds > 7


def test_findings(stuck: Report) -> None:
    assert {finding.kind for finding in stuck.findings} == {"task-starved", "softirq-backlog"}
