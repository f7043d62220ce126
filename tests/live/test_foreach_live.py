"""``foreach`` out of real crashes: no task is lost without a word, each command says what it says alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crashdrive.commands import command_function
from crashdrive.records import Answer
from crashdrive.session import Session
from tests.live.conftest import Lab, crash_binary, dump_file

pytestmark = pytest.mark.live
COMMANDS = ("bt", "files", "set", "ps")
# crash 8.0.6 keeps sizes of frames, some of them wrong for the next task's: bt depends on what ran before
FORGET = "bt -D clear"


@pytest.fixture(scope="module")
def holes() -> Iterator[Session]:
    """A dump that lacks pages which ps needs."""
    vmcore = dump_file("6.12-kdump-holes")
    with Session.open(vmcore.parent / "vmlinux", vmcore, crash=[str(crash_binary("9.0.2"))]) as session:
        yield session


def test_several_commands_are_what_each_one_says(lab: Lab) -> None:
    foreach = command_function("foreach")
    lab.session.run(FORGET)
    several = foreach(lab.session, COMMANDS, "user")
    for command in COMMANDS:
        lab.session.run(FORGET)
        alone = foreach(lab.session, command, "user")
        assert [record for one in several if one.command == command for record in one.records] == list(alone)
    for one in several:
        assert {record.task for record in one.records} <= {one.task}


def test_tasks_are_those_of_ps(lab: Lab) -> None:
    listed = {row.task for row in command_function("ps")(lab.session)}
    assert {row.task for row in command_function("foreach")(lab.session, "ps")} == listed
    assert {one.task for one in command_function("foreach")(lab.session, ["set"])} == listed


def test_tasks_that_ps_passes_over(holes: Session) -> None:
    """Which pages are missing differs by dump: ps passes over some tasks, or none."""
    foreach = command_function("foreach")
    told = foreach(holes, "set")
    contexts = {context.task: context.pid for context in told}
    rows = foreach(holes, "ps")
    missing = contexts.keys() - {row.task for row in rows}
    assert not (missing and rows.complete)
    if not broken_off(told, rows):
        assert rows.complete == (not missing)
        said = f"{len(missing)} of {len(contexts)} tasks"
        assert bool(missing) == any(said in notice.message for notice in rows.warnings)
    several = foreach(holes, ["ps", "bt"])
    if not broken_off(told, rows, several):
        assert {one.task for one in several if one.command == "ps" and not one.records} == missing
        assert {one.task for one in several if one.command == "bt" and one.records} == contexts.keys()


def broken_off(*answers: Answer[Any]) -> bool:
    """Whether crash left one of the commands at a page that is missing."""
    return any(notice.kind in {"broken-off", "excluded"} for one in answers for notice in one.warnings)
