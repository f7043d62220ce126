"""Outputs of real crashes that no recorded example shows: cut by debug lines, source, several flags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.commands import command_function
from crashdrive.commands.base import answer_of
from crashdrive.parsers.dis import SourceLine
from tests.live.conftest import Lab

pytestmark = pytest.mark.live
# Commands that say nothing of their own about how they work.
PLAIN = (
    "rd init_task 4",
    "ps 1",
    "files 1",
    "task -R pid,comm 1",
    "struct list_head modules",
    "list -H modules",
    "log -m",
    "net",
    "mod",
    "set",
    "sym init_task",
    "swap",
)


@pytest.mark.parametrize("level", [4, 8])
def test_debug_lines_change_nothing(lab: Lab, level: int) -> None:
    commands = [command for command in PLAIN if lab.session.run(command).failure is None]
    assert len(commands) > 8
    plain = [answer_of(lab.session.run(command)) for command in commands]
    lab.session.run(f"set debug {level}")
    try:
        noisy = [lab.session.run(command) for command in commands]
    finally:
        lab.session.run("set debug 0")
    assert sum("<readmem: " in result.text for result in noisy) > 3
    for before, result in zip(plain, noisy, strict=True):
        answer = answer_of(result)
        assert result.failure is None, result.command
        assert (answer.records, answer.complete) == (before.records, before.complete), result.command
        assert ("<readmem: " in result.text) <= ("debug" in {note.kind for note in answer.warnings})


def test_lines_of_source(lab: Lab, tmp_path: Path) -> None:
    """The kernel's source isn't there: a file of its name is, and gdb is told where."""
    said = lab.session.run("dis -s panic").text
    place = re.match(r"FILE: (\S+)\nLINE: (\d+)\n", said)
    assert place is not None
    source = tmp_path / place[1]
    source.parent.mkdir(parents=True)
    source.write_text("".join(f"\tline {number};\n" for number in range(1, 3000)))
    lab.session.run(f"gdb directory {tmp_path}")
    try:
        lines = answer_of(lab.session.run("dis -s panic 6"))
        function = answer_of(lab.session.run("dis -s panic"))
    finally:
        lab.session.run("gdb set directories $cdir:$cwd")
    assert all(isinstance(one, SourceLine) and one.text.strip() == f"line {one.line};" for one in lines)
    assert [one.line for one in lines if one.current] == [int(place[2])]
    assert {one.line for one in lines} & {one.line for one in function}
    assert {one.file for one in function} == {place[1]}


def test_several_reports_are_the_single_ones(lab: Lab) -> None:
    kmem = command_function("kmem")
    names = {"n": "nodes", "z": "zones", "i": "info", "V": "statistics", "o": "offsets"}
    for first in ("info", "statistics", "offsets"):
        answer = kmem(lab.session, first, also=["nodes", "zones"])
        assert {names[part.option] for part in answer} == {first, "nodes", "zones"}
        for part in answer:
            assert part.records == kmem(lab.session, names[part.option]).records


def test_rounds(lab: Lab) -> None:
    answer = command_function("repeat")(lab.session, "p jiffies", 3)
    (alone,) = command_function("p")(lab.session, "jiffies")
    assert [one.number for one in answer] == [1, 2, 3]
    assert {one.records[0].value for one in answer} == {alone.value}
    text = answer_of(lab.session.run("repeat p jiffies | head -3"))
    assert [record.value for record in text] == [alone.value] * 3
