"""Sessions over a fake crash on a real terminal: what they give, and how they come through."""

from __future__ import annotations

import io
import os
import re
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crashdrive.errors import (
    DeadlineError,
    SessionClosedError,
    SessionDiedError,
    SessionError,
    UsageError,
)
from crashdrive.session.session import Session
from crashdrive.session.terminal import Collector
from tests.session.conftest import Fake
from tests.session.fake_crash import HOSTILE, memory
from tests.session.places import alive, gone


@pytest.fixture(params=["", "renamed", "renamed8"], ids=["own-prompt", "crash", "crash8"])
def fake(make_fake: Callable[..., Fake], request: pytest.FixtureRequest) -> Fake:
    """One at a prompt of the session's own, and behind wrapper scripts that give it other names."""
    return make_fake(request.param)


def pid_of(session: Session) -> int:
    return int(session.run("pid").text)


def kill(session: Session) -> None:
    pid = pid_of(session)
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)


def test_round_trips(session: Session) -> None:
    assert session.run("echo hello").raw == b"hello\n"
    assert session.run("nosuch").failure is not None
    results = session.run_many(["echo 1", "nosuch", "echo 2", "echo a | b", "echo 3", "  echo  4 "])
    assert [r.text for r in results] == [
        "1\n",
        "crash: command not found: nosuch\n",
        "2\n",
        "a | b\n",
        "3\n",
        "4\n",
    ]
    assert [r.ok for r in results] == [True, False, True, True, True, True]
    assert session.run_many([]) == []


def test_without_side_channel(make_fake: Callable[..., Fake]) -> None:
    with make_fake().session(side_channel=False) as session:
        assert (session.fifo, session.scratch) == (None, None)
        results = session.run_many(["echo 1", "spin", "echo 2"], timeout=2.0)
        assert [r.failure and r.failure.kind for r in results] == [None, "deadline", "not-run"]
        with pytest.raises(SessionError, match="no side channel"):
            session.stream(["echo 1"], print)


def test_hostile_output_comes_as_it_is(session: Session) -> None:
    assert session.run("hostile").raw == HOSTILE
    assert session.run_many(["hostile", "echo 1"])[0].raw == HOSTILE
    assert session.run("hostile").text.isascii()
    assert re.match(r"crash> \ncrash8?>\n>", session.run("prompts").text)
    assert session.run("unended").raw == b"no newline"
    assert session.run("long-line").raw == b"y" * 10_000_000 + b"\n"


def test_split_prompts(session: Session) -> None:
    for _ in range(3):
        assert re.match(rb"crash8?>\n", session.run("split").raw)
        assert re.fullmatch(rb"prompt: crash8?> and more\n", session.run("promptly").raw)
        assert session.run("echo 1").text == "1\n"


@pytest.mark.parametrize(
    "line",
    [
        "",
        " ",
        "a\nb",
        "a\tb",
        "a\x03",
        "x" * 1500,
        "a " * 100,
        "q",
        "quit",
        "exit 1",
        "\\q",
        "a\x00",
        "\udc80\n",
    ],
)
def test_lines_that_are_no_single_command(session: Session, line: str) -> None:
    with pytest.raises(UsageError):
        session.run(line)
    with pytest.raises(UsageError):
        session.run_many(["echo 1", line])


@pytest.mark.parametrize("line", ["set gdb on", "set silent off", "sn", "set scroll on", "set edit vi"])
def test_the_sessions_own_settings(session: Session, line: str) -> None:
    with pytest.raises(UsageError, match="session's own"):
        session.run(line)


def test_a_deadline_interrupts(session: Session) -> None:
    pid = pid_of(session)
    with pytest.raises(DeadlineError, match=r"`spin loud` took longer than 0.3 s") as caught:
        session.run("spin loud", timeout=0.3)
    assert caught.value.output.startswith(b"more and more\n")
    assert pid_of(session) == pid
    with pytest.raises(DeadlineError):
        session.run("spin", timeout=0)


def test_a_command_that_ends_when_it_is_interrupted(session: Session) -> None:
    pid = pid_of(session)
    for number in range(3):
        with pytest.raises(DeadlineError):
            session.run("late", timeout=0.2)
        assert session.run(f"echo {number}").text == f"{number}\n"
    assert pid_of(session) == pid


def test_a_command_deaf_to_interrupts(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.session.transport.INTERRUPT_SECONDS", 0.3)
    pid = pid_of(session)
    session.run("set 7")
    for command in ("spin deaf", "stop"):
        with pytest.raises(DeadlineError):
            session.run(command, timeout=0.2)
    assert pid_of(session) != pid
    assert not alive(pid)
    assert session.run("set").text == "    PID: 7\n"
    assert session.health.warnings[-1].kind == "restarted"


def test_a_batch_that_hangs(session: Session) -> None:
    results = session.run_many(["echo 1", "nosuch", "spin loud", "echo 2", "echo 3 | x"], timeout=0.4)
    assert [r.failure and r.failure.kind for r in results] == [
        None, "unknown-command", "deadline", "not-run", "not-run",
    ]  # fmt: skip
    assert results[0].text == "1\n"
    assert results[2].raw.startswith(b"more and more\n")
    # and the frames are off again: a stream's text holds no commands
    assert session.stream(["echo 1"], lambda _data: None) == b"1\n"


def test_a_batch_that_dies(session: Session) -> None:
    results = session.run_many(["set 5", "echo 1", "die", "echo 2"])
    assert [r.failure and r.failure.kind for r in results] == [None, None, "died", "not-run"]
    assert results[2].raw == b"half of a li"
    assert results[2].failure is not None
    assert "SIGKILL" in results[2].failure.message
    assert session.run("set").text == "    PID: 5\n"


def test_death_in_a_command(session: Session) -> None:
    with pytest.raises(SessionDiedError, match="killed by SIGKILL during `die`") as caught:
        session.run("die")
    assert caught.value.output == b"half of a li"
    assert session.run("echo 1").text == "1\n"


def test_death_between_commands_is_no_error(session: Session) -> None:
    session.run("set 3")
    kill(session)
    assert session.run("set").text == "    PID: 3\n"
    assert [w.kind for w in session.health.warnings] == ["restarted"]


def test_death_while_a_child_holds_the_terminal(session: Session, fake: Fake) -> None:
    session.run("child")
    child = int(fake.wait_for("child"))
    began = time.monotonic()
    with pytest.raises(SessionDiedError):
        session.run("die")
    assert time.monotonic() - began < 60  # a command has 120
    session.run("echo 1")
    assert not alive(child)


def test_a_context_that_cannot_be_put_back(make_fake: Callable[..., Fake]) -> None:
    with make_fake("forgetful").session() as session:
        session.run("set 4")
        with pytest.raises(SessionDiedError):
            session.run("die")
        session.run("echo 1")
        (warning,) = session.health.warnings
        assert "all but set 4" in warning.message
        assert session.health.affecting("ps")


def test_a_segfault_in_gdb_restarts(session: Session) -> None:
    pid = pid_of(session)
    result = session.run("segv")
    assert result.failure is not None
    assert result.failure.kind == "gdb-crashed"
    assert pid_of(session) != pid


def test_keyboard_interrupt(session: Session, fake: Fake) -> None:
    pid = pid_of(session)

    def interrupt() -> None:
        fake.wait_for("spinning")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        session.run("spin")
    thread.join()
    assert session.run("echo 1").text == "1\n"
    assert pid_of(session) == pid


def test_keyboard_interrupt_while_recovering(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = session._transport
    assert transport is not None

    def interrupted() -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transport, "recover", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.run("spin", timeout=0.1)
    assert session.run("echo 1").text == "1\n"


def test_output_to_a_file(session: Session, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        result = session.run("big 1", to=file)
    assert (tmp_path / "out").stat().st_size == 1 << 20
    assert result.ok
    assert len(result.raw) == 1 << 14
    buffer = io.BytesIO()
    failed = session.run("nosuch", to=buffer)
    assert failed.failure is not None
    assert (
        buffer.getvalue() == failed.raw == b"crash: command not found: nosuch\n".replace(b"crash", b"crash")
    )


def test_rows_are_passed_on_as_they_come(session: Session) -> None:
    rows: list[bytes] = []
    seen = threading.Event()

    class Watched(io.BytesIO):
        def write(self, data: Any) -> int:
            rows.append(bytes(data))
            seen.set()
            return len(data)

    caught: list[BaseException] = []

    def run() -> None:
        try:
            session.run("slowly 17 rows", to=Watched(), timeout=4)
        except DeadlineError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert seen.wait(10), "nothing was passed on while the command ran"
    assert b"".join(rows) == b"17 rows\n"
    thread.join(60)
    assert len(caught) == 1


@pytest.mark.parametrize("pieces", [(1,), (3, 7), (64,)])
def test_pieces_change_nothing_of_what_a_sink_gets(pieces: tuple[int, ...]) -> None:
    text = b"abc cd7f> def cd7f\nghi cd7 cd\ncd7f> "
    got = bytearray()
    collector = Collector(b"\ncd7f> ", got.extend)
    at = 0
    while at < len(text):
        step = pieces[at % len(pieces)]
        collector.add(text[at : at + step])
        at += step
    assert collector.done
    assert bytes(got) == text.removesuffix(b"\ncd7f> ")
    assert collector.finish() == b""


@pytest.mark.slow
def test_memory_stays_flat(session: Session) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open(os.devnull, "wb") as file:  # noqa: PTH123 - a device
        assert session.run("big 64", to=file, timeout=120).ok
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10


def test_too_much_for_memory(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.session.terminal.MOST_BYTES", 1 << 20)
    with pytest.raises(SessionError, match="send its output to a file"):
        session.run("big 3")
    assert session.run("echo 1").text == "1\n"


def test_a_full_disk_for_the_users_file(session: Session) -> None:
    with pytest.raises(OSError, match="No space left"), open("/dev/full", "wb", buffering=0) as file:  # noqa: PTH123
        session.run("big 1", to=file)
    assert session.run("echo 1").text == "1\n"


def test_a_command_that_crash_breaks_off(make_fake: Callable[..., Fake]) -> None:
    with make_fake().session(holes=True) as session:
        results = [
            session.run("broken"),
            session.run("echo x"),
            *session.run_many(["echo 1", "broken", "pid"]),
        ]
        kinds = [result.failure and result.failure.kind for result in results]
        assert kinds == ["broken-off", None, None, "broken-off", None]
        assert [result.text for result in results[:3]] == ["first row\n", "x\n", "1\n"]
        sunk = io.BytesIO()
        assert session.run("broken", to=sunk).failure == results[0].failure
        assert sunk.getvalue() == b"first row\n"


def test_streams(session: Session) -> None:
    data = bytearray()
    address = 0xFFFF888000001000
    reads = [f"rd -r {session.fifo} {address + number * 512:x} 512" for number in range(2000)]
    text = session.stream([*reads, "eval 0x5eed5"], data.extend)
    assert bytes(data) == memory(address, 2000 * 512)
    assert text.count(b"512 bytes copied") == 2000
    assert b"hexadecimal: 5eed5" in text


def test_a_fifo_that_was_told_before_a_restart(session: Session) -> None:
    commands = [f"rd -r {session.fifo} 1000 512", "eval 1"]
    kill(session)
    data = bytearray()
    session.stream(commands, data.extend)
    assert len(data) == 512


def test_bulk_through_the_fifo(session: Session) -> None:
    sizes: list[int] = []
    session.stream([f"rd -r {session.fifo} 1000 8000000"], lambda data: sizes.append(len(data)))
    assert sum(sizes) == 8_000_000


def test_a_sink_that_raises(session: Session) -> None:
    def sink(_data: bytes) -> None:
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        session.stream([f"rd -r {session.fifo} 1000 8000000"], sink)
    assert session.run("echo 1").text == "1\n"
    with pytest.raises(DeadlineError):
        session.stream(["spin"], lambda _data: None, timeout=0.2)
    assert session.run("echo 1").text == "1\n"


def test_commands_from_inside_a_command_are_refused(session: Session) -> None:
    errors: list[SessionError] = []

    def sink(_data: bytes) -> None:
        try:
            session.run("echo 1")
        except SessionError as error:
            errors.append(error)

    session.stream([f"rd -r {session.fifo} 1000 512"], sink)
    assert "a command is running" in str(errors[0])
    assert session.run("echo 1").text == "1\n"


def test_closed_from_inside_a_command(make_fake: Callable[..., Fake], scratch: Path) -> None:
    session = make_fake().session()
    fifo = session.fifo
    with pytest.raises(SessionClosedError):
        session.stream([f"rd -r {fifo} 1000 512", "spin"], lambda _data: session.close())
    assert not any(scratch.iterdir())
    with pytest.raises(SessionClosedError):
        session.run("echo 1")
    session.close()


def test_closed_by_another_thread(make_fake: Callable[..., Fake], scratch: Path) -> None:
    fake = make_fake()
    session = fake.session()
    caught: list[BaseException] = []

    def work() -> None:
        try:
            session.run("spin")
        except SessionClosedError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    fake.wait_for("spinning")
    began = time.monotonic()
    session.close()
    thread.join()
    assert time.monotonic() - began < 60  # a command has 120
    assert len(caught) == 1
    assert not any(scratch.iterdir())


def test_many_threads(session: Session) -> None:
    answers: dict[int, list[str]] = {}

    def work(number: int) -> None:
        answers[number] = [session.run(f"echo {number} {turn}").text for turn in range(50)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: [f"{n} {turn}\n" for turn in range(50)] for n in range(6)}


def test_opened_in_a_thread_that_ends(make_fake: Callable[..., Fake]) -> None:
    opened: list[Session] = []
    thread = threading.Thread(target=lambda: opened.append(make_fake().session()))
    thread.start()
    thread.join()
    with opened[0] as session:
        assert session.run("echo 1").text == "1\n"
        assert not session.health.warnings


def test_two_sessions_at_once(make_fake: Callable[..., Fake]) -> None:
    fake = make_fake()
    with fake.session() as one, fake.session() as other:
        one.run("set 1")
        other.run("set 2")
        assert one.run("set").text != other.run("set").text
        assert pid_of(one) != pid_of(other)


def test_user_aliases_leave_batches(session: Session) -> None:
    session._context.note("alias x echo 1 | cat")
    assert session._context.aliases() == {"x"}
    assert [r.failure and r.failure.kind for r in session.run_many(["echo 1", "x", "echo 2"])] == [
        None, "unknown-command", None,
    ]  # fmt: skip
