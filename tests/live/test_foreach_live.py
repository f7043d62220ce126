"""``foreach`` out of real crashes: no task is lost without a word, each command says what it says alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crashdrive.commands import command_function
from crashdrive.session import Session
from tests.live.conftest import Lab, crash_binary, dump_file

pytestmark = pytest.mark.live
COMMANDS = ("bt", "files", "set", "ps")


@pytest.fixture(scope="module")
def holes() -> Iterator[Session]:
    """A dump that lacks pages which ps needs."""
    vmcore = dump_file("6.12-kdump-holes")
    with Session.open(vmcore.parent / "vmlinux", vmcore, crash=[str(crash_binary("9.0.2"))]) as session:
        yield session


def test_several_commands_are_what_each_one_says(lab: Lab) -> None:
    foreach = command_function("foreach")
    several = foreach(lab.session, COMMANDS, "user")
    for command in COMMANDS:
        alone = foreach(lab.session, command, "user")
        assert [record for one in several if one.command == command for record in one.records] == list(alone)
    for one in several:
        assert {record.task for record in one.records} <= {one.task}


def test_tasks_are_those_of_ps(lab: Lab) -> None:
    listed = {row.task for row in command_function("ps")(lab.session)}
    assert {row.task for row in command_function("foreach")(lab.session, "ps")} == listed
    assert {one.task for one in command_function("foreach")(lab.session, ["set"])} == listed


def test_tasks_that_ps_passes_over(holes: Session) -> None:
    foreach = command_function("foreach")
    contexts = {context.task: context.pid for context in foreach(holes, "set")}
    rows = foreach(holes, "ps")
    missing = contexts.keys() - {row.task for row in rows}
    assert rows.complete == (not missing)
    assert bool(missing) == any(
        f"{len(missing)} of {len(contexts)} tasks" in n.message for n in rows.warnings
    )
    several = foreach(holes, ["ps", "bt"])
    assert {one.task for one in several if one.command == "ps" and not one.records} == missing
    assert {one.task for one in several if one.command == "bt" and one.records} == contexts.keys()
