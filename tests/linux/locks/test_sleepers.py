"""Sleepers that blocked tasks wait for, and groups whose chains lead through them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crashdrive.linux.locks import sleepers
from crashdrive.linux.locks.graph import cycles
from crashdrive.linux.locks.groups import groups, locks
from crashdrive.linux.locks.sleepers import sleeping_owners
from crashdrive.linux.locks.waits import Wait
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import FakeMemory, fake_kernel


def wait(task: int, owner: int | None, **more: object) -> Wait:
    usual = {
        "pid": task, "comm": f"task-{task}", "task": task, "seconds": 9.0, "function": "f", "caller": None,
        "type": "mutex", "lock": None, "module": None, "address": 0x1000 + (owner or 0), "owner_pid": owner,
        "owner_comm": f"task-{owner}" if owner else None, "owner_task": owner, "owner_reads": False,
        "owner_doubt": None, "holder_pids": (), "note": None,
    }  # fmt: skip
    return Wait(**usual | more)  # type: ignore[arg-type] # members by their names


BLOCKED = [wait(1, 2), wait(5, 2)]
ASLEEP = {2: wait(2, 3, type="unix"), 3: wait(3, 4, type="futex", owner_doubt="glibc")}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[int]]:
    found: list[Sequence[int]] = []

    def resolved(_: Survey, tasks: Sequence[int]) -> list[Wait]:
        found.append(tasks)
        return [ASLEEP[task] for task in tasks if task in ASLEEP]

    monkeypatch.setattr(sleepers, "_resolved", resolved)
    return found


def test_chains_of_sleeping_owners_are_followed_to_their_ends(asked: list[Sequence[int]]) -> None:
    survey = Survey(fake_kernel(FakeMemory(), {}, {}))
    found = sleeping_owners(survey, BLOCKED)
    assert found == [ASLEEP[2], ASLEEP[3]]
    assert asked == [[2], [3], [4]]
    (group,) = groups(BLOCKED, found)
    assert (group.tasks, group.root_pid, group.deadlocked) == (2, 4, False)
    (without,) = groups(BLOCKED)
    assert without.root_pid == 2


def test_a_circle_over_sleepers_ends_the_chain(asked: list[Sequence[int]]) -> None:
    survey = Survey(fake_kernel(FakeMemory(), {}, {}))
    circle = [wait(4, 1)]
    found = sleeping_owners(survey, [*BLOCKED, *circle])
    assert asked == [[2], [3]]
    (cycle,) = cycles([*BLOCKED, *circle, *found])
    assert cycle.pids == (1, 2, 3, 4)
    assert (cycle.sure, cycle.doubts) == (False, ("glibc",))
    assert all(group.deadlocked for group in groups([*BLOCKED, *circle], found))


def test_no_owner_costs_nothing(asked: list[Sequence[int]]) -> None:
    assert sleeping_owners(Survey(fake_kernel(FakeMemory(), {}, {})), [wait(1, None)]) == []
    assert asked == []


def test_futexes_of_two_processes_at_one_address_are_two() -> None:
    both = [wait(one, None, type="futex", address=0x4000, lock=f"4000 of {one}") for one in (1, 2)]
    assert [group.pids for group in groups(both)] == [(1,), (2,)]
    assert [lock.waiters for lock in locks(both)] == [1, 1]
