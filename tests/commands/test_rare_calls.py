"""Typed calls of ``repeat``, ``rustfilt`` and ``s390dbf``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from crashdrive.commands.repeat import repeat
from crashdrive.commands.rustfilt import rustfilt
from crashdrive.commands.s390dbf import s390dbf, s390dbf_views
from crashdrive.errors import ArgumentError, CommandFailedError, DeadlineError
from crashdrive.parsers.repeat import Round
from crashdrive.parsers.s390dbf import DebugSetting
from crashdrive.session.failure import judge
from crashdrive.session.result import CommandResult


class Runner:
    """Gives one prepared text after another, and notes what it was asked."""

    def __init__(self, *texts: str, takes: float = 0.0) -> None:
        self.texts = list(texts)
        self.takes = takes
        self.asked: list[str] = []

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        self.asked.append(command)
        if timeout is not None and timeout < self.takes:
            raise DeadlineError("too long")
        time.sleep(self.takes)
        text = self.texts[min(len(self.asked), len(self.texts)) - 1].encode()
        return CommandResult(command=command, raw=text, elapsed=0.0, failure=judge(command, text).failure)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        return [self.run(command, timeout=timeout) for command in commands]


def test_rounds() -> None:
    crash = Runner("jiffies = $1 = 41\n", "jiffies = $2 = 42\n", "jiffies = $3 = 43\n")
    answer = repeat(crash, "p jiffies", 3, seconds=0.001)
    assert crash.asked == ["p jiffies"] * 3
    assert [(one.number, one.shape, one.records[0].value) for one in answer] == [
        (1, "value", 41),
        (2, "value", 42),
        (3, "value", 43),
    ]
    assert answer.complete
    starts = [one.start for one in answer]
    assert starts == sorted(starts)
    assert isinstance(answer[0], Round)


def test_a_round_that_fails_ends_it() -> None:
    good, bad = "jiffies = $1 = 41\n", "p: gdb request failed: p jiffies\n"
    answer = repeat(Runner(good, good, bad), "p jiffies", 9)
    assert (len(answer), answer.complete, answer.warnings[-1].kind) == (2, False, "error")
    with pytest.raises(CommandFailedError):
        repeat(Runner(bad), "p jiffies", 9)


def test_no_more_time() -> None:
    crash = Runner("jiffies = $1 = 41\n", takes=0.02)
    answer = repeat(crash, "p jiffies", 1000, timeout=0.1)
    assert 1 <= len(answer) < 1000
    assert (answer.complete, answer.warnings[-1].kind) == (False, "deadline")
    started = time.monotonic()
    repeat(Runner("jiffies = $1 = 41\n"), "p jiffies", 3, seconds=3600, timeout=0.05)
    assert time.monotonic() - started < 60
    with pytest.raises(DeadlineError):
        repeat(crash, "p jiffies", timeout=0.0)


@pytest.mark.parametrize(
    "command",
    ["", "repeat ps", "ps | sh", "ps > x", "!id", "ps\nsys", "q", "exit", "nosuch", "< file", "p jiffies\tx"],
)
def test_refused_commands(command: str) -> None:
    crash = Runner("")
    with pytest.raises(ArgumentError):
        repeat(crash, command)
    assert crash.asked == []


@pytest.mark.parametrize("bounds", [{"times": 0}, {"times": 1 << 40}, {"seconds": -1}, {"seconds": 1e9}])
def test_refused_bounds(bounds: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        repeat(Runner(""), "p jiffies", **bounds)


def test_rustfilt() -> None:
    name = "_RNvNtCshc5sK6KjdJJ_6kernel5print11call_printk"
    crash = Runner("kernel::print::call_printk\n")
    assert rustfilt(crash, name).one().name == "kernel::print::call_printk"
    assert crash.asked == [f"rustfilt {name}"]
    answer = rustfilt(Runner("Not a rust symbol: \nschedule\n"), "schedule")
    assert (len(answer), answer.complete) == (0, False)
    with pytest.raises(CommandFailedError):
        rustfilt(Runner("crash: command not found: rustfilt\n"), name)
    with pytest.raises(ArgumentError):
        rustfilt(crash, "x | sh")


def test_s390dbf() -> None:
    logs = Runner("Debug Logs:\n==================\n - cio_msg\n")
    assert [log.name for log in s390dbf(logs)] == ["cio_msg"]
    level = Runner("3\n")
    setting = s390dbf(level, "cio_msg", "level").one()
    assert isinstance(setting, DebugSetting)
    assert setting.value == 3
    views = Runner("REGISTERED VIEWS\n=====================\n - hex_ascii\n")
    assert [view.name for view in s390dbf_views(views)] == ["hex_ascii"]
    assert logs.asked + level.asked + views.asked == ["s390dbf", "s390dbf cio_msg level", "s390dbf -v"]
    for arguments in ((None, "level"), ("a b", None), ("-s", "/tmp"), ("x", "y>z")):
        with pytest.raises(ArgumentError):
            s390dbf(logs, *arguments)
    with pytest.raises(CommandFailedError):
        s390dbf(Runner("crash: command not found: s390dbf\n"))
