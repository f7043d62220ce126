"""``set``: the context block, a hostile command name in it, variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.set import ActiveTask, Context, Variable
from tests.parsers.recorded import each, output
from tests.strategies import CPUS, KERNEL_ADDRESSES, PIDS

OLD = '     PID: 698\n COMMAND: "gen12"\n    TASK: f9d78000\n     CPU: 2\n   STATE: TASK_RUNNING (PANIC)\n'


def shown(context: Context) -> str:
    """A context as ``show_context()`` prints it."""
    note = f"({context.note})" if context.note else ""
    return (
        f'    PID: {context.pid}\nCOMMAND: "{context.command}"\n   TASK: {context.task:x}  '
        f"{f'(1 of {context.threads})  ' if context.threads > 1 else ''}"
        f"{f'[THREAD_INFO: {context.thread_info:x}]' if context.thread_info else ''}\n"
        f"    CPU: {context.cpu}{' [OFFLINE]' if context.offline else ''}\n  STATE: {context.state} {note}\n"
    )


@given(
    st.builds(
        Context,
        pid=PIDS,
        command=st.text(st.characters(exclude_characters="\0"), max_size=15),
        task=KERNEL_ADDRESSES,
        thread_info=st.one_of(st.none(), KERNEL_ADDRESSES),
        threads=st.integers(1, 9),
        cpu=CPUS,
        offline=st.booleans(),
        state=st.sampled_from(["TASK_RUNNING", "TASK_INTERRUPTIBLE|TASK_NOLOAD", "TASK_DEAD"]),
        note=st.sampled_from([None, "PANIC", "ACTIVE", "HARDWARE RESET"]),
    )
)
def test_what_is_shown_is_read(context: Context) -> None:
    assert parse("set", shown(context)).one() == context


def test_old_context() -> None:
    found = parse("set -p", OLD).one()
    assert (found.pid, found.command, found.task, found.note) == (698, "gen12", 0xF9D78000, "PANIC")
    assert found.thread_info is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        OLD[:-50],
        OLD.replace("     CPU: 2\n", ""),
        OLD + OLD,
        OLD + "more\n",
        "set: invalid task or pid value: 9\n",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse("set 9", text)


@pytest.mark.parametrize(
    ("command", "text", "variable"),
    [
        ("set scroll off", "scroll: off (/usr/bin/less)\n", Variable("scroll", "off", "/usr/bin/less")),
        ("set radix 16", "output radix: 16 (hex)\n", Variable("output radix", "16", "hex")),
        ("hex", "output radix: 16 (hex)\n", Variable("output radix", "16", "hex")),
        ("set scope", "scope: 0 (not set)\n", Variable("scope", "0", "not set")),
        ("set null-stop", "null-stop: on\n", Variable("null-stop", "on")),
        ("set namelist", "namelist: /a b/vmlinux\n", Variable("namelist", "/a b/vmlinux")),
        (
            "set core",
            "core: off (do NOT drop core) on error message)\n",
            Variable("core", "off", "do NOT drop core) on error message"),
        ),
        ("set free", "12 pages freed\n", Variable("free", "12", "pages")),
    ],
)
def test_variables(command: str, text: str, variable: Variable) -> None:
    assert parse(command, text).one() == variable


def test_a_variable_that_is_not_the_one_asked_for() -> None:
    with pytest.raises(ParseError):
        parse("set scroll off", "radix: 10 (decimal)\n")


def test_nothing_is_said_under_silence() -> None:
    assert parse("set radix 16", "").records == ()


def test_active_task() -> None:
    text = '"finish" task ffff8e2a01258000 has been marked as the active task on cpu 1\n'
    assert parse("set -a 1", text).one() == ActiveTask("finish", 0xFFFF8E2A01258000, 1)


@each("set", "set_-v")
def test_recorded_variables(case: Path) -> None:
    command, text = output(case)
    assert len(parse(command, text)) == len(re.findall(r"^ *[a-z_-]+: ", text, re.MULTILINE)) > 15
