"""What is done once on the way of one command, from the session to its records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from crashdrive import commandline, crash, parsers
from crashdrive.session import failure
from crashdrive.session.opening import Known
from crashdrive.session.session import Session
from crashdrive.session.terminal import Sink
from tests.session.places import HEALTH

ROW = b'PID: 1        TASK: ffff888003a54000  CPU: 0    COMMAND: "init"\nARG: /sbin/init\nENV: HOME=/\n\n'
DEBUG = b'<readmem: ffff888003a54000, KVADDR, "task", 8, (FOE), 7ffd1b5a1a40>\n'


class Saying:
    """A transport to a crash that always says the same."""

    # ruff: noqa: ARG002 - as Transport

    scratch = fifo = None

    def __init__(self, said: bytes) -> None:
        self._said = said

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        return self._said

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        return [self._said for _ in commands]

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        return b""

    def broke_off(self, command: str, timeout: float) -> bool:
        return False

    def waiting(self) -> bool:
        return True

    recover = waiting

    def abort(self) -> None: ...

    close = abort


class Counted(NamedTuple):
    lines: list[str]
    texts: list[str]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """The lines that are taken apart, the texts in which chatter is looked for."""
    found = Counted([], [])

    def count(module: Any, name: str, told: Callable[..., None]) -> None:
        function = getattr(module, name)

        def counting(*arguments: Any) -> Any:
            told(*arguments)
            return function(*arguments)

        monkeypatch.setattr(module, name, counting)

    count(commandline, "split_words", found.lines.append)
    for module in (failure, parsers):
        count(module, "quieted", lambda _line, text: found.texts.append(text))
    commandline.command_line.cache_clear()
    return found


def opened(said: bytes) -> crash.Crash:
    return crash.Crash(Session(Saying(said), HEALTH, Known({})), keep=False)


@pytest.mark.parametrize("said", [ROW, ROW + DEBUG, DEBUG + ROW])
def test_a_typed_call_takes_its_line_apart_once_and_looks_for_chatter_once(
    counted: Counted, said: bytes
) -> None:
    (answer,) = opened(said).ps(show="arguments")
    assert (answer.comm, answer.arguments) == ("init", "/sbin/init")
    assert counted == Counted(["ps -a"], [said.decode()])


def test_so_does_a_raw_command_whose_result_is_parsed(counted: Counted) -> None:
    dump = opened(ROW)
    result = dump.run("ps -a")
    assert len(result.parse().records) == len(dump.parse(result).records) == 1
    assert counted == Counted(["ps -a"], [ROW.decode()])


def test_commands_of_one_round_trip(counted: Counted) -> None:
    for result in opened(ROW).run_many(["ps -a", "ps -a 1"]):
        assert len(result.parse().records) == 1
    assert counted == Counted(["ps -a", "ps -a 1"], [ROW.decode()] * 2)


def test_chatter_is_looked_for_in_all_of_a_text_that_was_judged_by_its_ends(counted: Counted) -> None:
    many = ROW * 400 + DEBUG + ROW * 400
    answer = opened(many).parse(opened(many).run("ps -a"))
    assert len(answer.records) == 800
    assert answer.warnings[0].kind == "debug"
    assert counted.texts[-1] == many.decode()


def test_an_alias_is_judged_as_what_it_stands_for_and_read_as_itself(counted: Counted) -> None:
    dump = opened(b"")
    dump.run("alias args ps -a")
    counted.texts.clear()
    dump.session._transport = Saying(ROW)
    result = dump.run("args 1")
    assert result.quiet is msgspec.UNSET  # what was looked at was ps's
    assert counted.texts == [ROW.decode()]


def test_lines_are_taken_apart_nowhere_else() -> None:
    package = Path(commandline.__file__).parent
    users = {path.relative_to(package) for path in package.rglob("*.py") if "split_words" in path.read_text()}
    assert users == {Path("commandline.py")}
