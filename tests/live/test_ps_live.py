"""Rows of report ps against crash's own ps and against drgn, on real dumps."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.linux.processes.rows import TaskRow, TaskTable
from crashdrive.linux.survey import Survey

pytestmark = pytest.mark.live
drgn = pytest.importorskip("drgn")


@pytest.fixture(scope="module")
def crash(lab: Any) -> Crash:
    return Crash(lab.session, keep=False)


@pytest.fixture(scope="module")
def rows(crash: Crash) -> dict[int, TaskRow]:
    survey = Survey(crash.kernel)
    found = TaskTable(survey, idle=True).threads()
    assert survey.complete
    return {row.task: row for row in found}


def test_crash_says_the_same(crash: Crash, rows: dict[int, TaskRow]) -> None:
    """Of those tasks that crash knows: 8.0.2 knows four of 6.1's."""
    known: Any = crash.ps()
    assert len(known) >= 4
    for theirs in known:
        ours = rows[theirs.task]
        assert (ours.pid, ours.cpu, ours.state) == (theirs.pid, theirs.cpu, theirs.state)
        # of a name in a table blanks and line ends get lost
        if re.fullmatch(r"[\w/:.-]+", ours.comm or ""):
            assert ours.comm == theirs.comm
        # of swappers crash says 0; the kernel made those of further CPUs in init's name
        if theirs.ppid is None:  # a parent that crash doesn't know
            assert ours.ppid not in {one.pid for one in known}
        else:
            assert ours.ppid == theirs.ppid or not ours.pid
        assert ours.running == theirs.active
        assert (ours.vsz or 0) == theirs.vsz
        assert ours.stack_pointer is not None


def test_drgn_finds_the_same(peer: Any, rows: dict[int, TaskRow]) -> None:
    from drgn.helpers.linux import cgroup, pid, sched

    seen = 0
    for task in pid.for_each_task(peer):
        ours = rows[task.value_()]
        assert ours.pid == task.pid.value_()
        assert ours.state_letter == sched.task_state_to_char(task)
        assert ours.cgroup == cgroup.cgroup_path(task.cgroups.dfl_cgrp).decode()
        assert ours.nice == task.static_prio.value_() - 120
        assert ours.runtime_seconds == pytest.approx(task.se.sum_exec_runtime.value_() / 1e9)
        assert (ours.no_new_privs or False) == bool(task.atomic_flags.value_() & 1)
        seen += 1
    # the swapper of each CPU besides
    assert seen == sum(bool(row.pid) for row in rows.values())
