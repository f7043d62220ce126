"""crash's commands as PyKdump's scripts run them."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Sequence

import pytest

from crashdrive.errors import DeadlineError, UsageError
from crashdrive.pykdump.commands import Commands
from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.programs import Programs
from crashdrive.session.result import CommandResult, Failure


class Runs:
    """Answers commands; ``slow`` when it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.ran: list[str] = []
        self.timeouts: list[float | None] = []

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        self.ran.append(command)
        self.timeouts.append(timeout)
        if command.startswith("slow"):
            self.go.wait(20)
        text, kind = {
            "bt 99999": ("bt: invalid task or pid value: 99999\n", "message"),
            "foreach bt": ("PID: 1\nbt: cannot read stack\nPID: 2\n", "message"),
            "gdb p x": ('No symbol "x"\ngdb: gdb request failed: p x\n', "gdb"),
            "gdb p 1": ("$1 = 1\n", None),
            "none": ("", None),
            "large": ("line\n" * 100_000, None),
        }.get(command, (f"{command}\r\n", None))
        if command == "late":
            raise DeadlineError("late: took longer than 1 s", b"half\n")
        if command == "quit":
            raise UsageError("crash is left by closing the session")
        failure = Failure(kind=kind, message=text.splitlines()[-1]) if kind else None
        if command == "foreach bt":
            failure = Failure(kind="message", message="bt: cannot read stack")
        return CommandResult(command=command, raw=text.encode(), elapsed=0.0, failure=failure)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        return [self.run(command, timeout=timeout) for command in commands]


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def commands(runs: Runs) -> Commands:
    return Commands(runs, Programs(None))


def read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 1 << 16):
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts)


def test_text_comes_back(commands: Commands, runs: Runs) -> None:
    assert commands.run("  sys\n") == "sys\n"
    assert runs.ran == ["sys"]


@pytest.mark.parametrize("command", ["bt 99999", "none", "quit", "gdb p x"])
def test_what_crash_refuses_or_leaves_empty_is_an_error(commands: Commands, command: str) -> None:
    with pytest.raises(CrashError):
        commands.run(command)


def test_a_failure_in_the_middle_leaves_the_rest(commands: Commands) -> None:
    assert "PID: 2" in commands.run("foreach bt")


def test_gdb_says_none_where_it_refuses(commands: Commands) -> None:
    assert commands.gdb("p 1") == "$1 = 1\n"
    assert commands.gdb("p x") is None


@pytest.mark.parametrize(
    ("command", "output", "status"),
    [
        ("sys", b"sys\n", 0),
        ("bt 99999", b"bt: invalid task or pid value: 99999\n", 1),
        ("late", b"half\n", 1),
        ("large", b"line\n" * 100_000, 0),
    ],
)
def test_a_command_in_the_background(commands: Commands, command: str, output: bytes, status: int) -> None:
    descriptor, pid = commands.in_background(command)
    assert select.select([descriptor], [], [], 20)[0]
    assert read_all(descriptor) == output
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status


def test_several_in_the_background_come_each_by_its_own(commands: Commands, runs: Runs) -> None:
    started = [commands.in_background(f"command {number}") for number in range(4)]
    for number, (descriptor, pid) in reversed(list(enumerate(started))):
        assert read_all(descriptor) == f"command {number}\n".encode()
        os.waitpid(pid, 0)
    assert runs.ran == [f"command {number}" for number in range(4)]
    assert runs.timeouts == [120.0] * 4


def test_one_that_waits_has_the_timeout_that_it_was_given(commands: Commands, runs: Runs) -> None:
    started = [commands.in_background("slow one")]
    commands.timeout = 7
    started.append(commands.in_background("sys"))
    commands.timeout = 120
    runs.go.set()
    for descriptor, pid in started:
        read_all(descriptor)
        os.waitpid(pid, 0)
    assert runs.timeouts == [120.0, 7.0]


def test_one_that_is_killed_delays_no_other(commands: Commands, runs: Runs) -> None:
    descriptor, pid = commands.in_background("slow one")
    assert not select.select([descriptor], [], [], 0.05)[0]
    os.kill(pid, 9)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == 9
    os.close(descriptor)
    runs.go.set()
    assert commands.run("sys") == "sys\n"
    commands.close()
