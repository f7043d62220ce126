"""Sessions over a server: they give what sessions of one's own give, and hurt nobody else."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from crashdrive.errors import DeadlineError, SessionClosedError, SessionDiedError
from crashdrive.session import Session
from crashdrive.session.warm import server as server_module
from crashdrive.session.warm.frames import Channel
from tests.session.fake_crash import memory
from tests.session.places import gone
from tests.session.warm.conftest import Warm

COMMANDS = ["echo 1", "nosuch", "hostile", "echo a | b", "prompts", "unended", "log", "echo 3"]


def pid_of(session: Session) -> int:
    return int(session.run("pid").text)


def test_the_same_as_without(warm: Warm) -> None:
    with warm.client() as session, warm.own() as own:
        assert session.health.binary == own.health.binary
        assert session.identity == own.identity
        assert session.marks == own.marks
        assert session.vmcoreinfo == own.vmcoreinfo
        for command in COMMANDS:
            one, other = session.run(command), own.run(command)
            assert (one.raw, one.failure) == (other.raw, other.failure)
        together = zip(session.run_many(COMMANDS), own.run_many(COMMANDS), strict=True)
        assert all((one.raw, one.failure) == (other.raw, other.failure) for one, other in together)


def test_output_into_a_file_and_by_the_megabyte(warm: Warm) -> None:
    with warm.client() as session:
        file = io.BytesIO()
        result = session.run("big 5", to=file)
        assert result.ok
        assert len(file.getvalue()) == 5 << 20
        assert session.run("big 3").raw == (b"x" * 63 + b"\n") * (3 * 16384)


def test_bulk_memory(warm: Warm) -> None:
    with warm.client() as session:
        parts: list[bytes] = []
        reads = [f"rd -r {session.fifo} {0x1000 * number:x} 4096" for number in range(1, 200)]
        said = session.stream(reads, parts.append)
        assert b"".join(parts) == memory(0x1000, 199 * 4096)
        assert said.count(b"bytes copied from") == 199
        assert str(session.fifo).encode() in said


def test_what_crash_left_before_its_end(
    make_warm: Callable[..., Warm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crashdrive.session.opening.Opening.holes", property(lambda _how: True))
    with make_warm().client() as session:
        failure = session.run("broken").failure
        assert failure is not None
        assert failure.kind == "broken-off"
        assert session.run("echo 1").ok


def test_contexts_do_not_mix(warm: Warm) -> None:
    with warm.client() as one, warm.client() as other:
        assert one.run("set 17").ok
        assert "PID: 0" in other.run("set").text
        assert other.run("set 18").ok
        assert "PID: 17" in one.run("set").text
        assert "PID: 18" in other.run("set").text
    with warm.client() as third:
        assert "PID: 0" in third.run("set").text


def test_what_lasts_keeps_others_waiting(warm: Warm) -> None:
    with warm.client() as one:
        pid = pid_of(one)
        one.run("mod -S")
        with pytest.raises(AssertionError, match="busy"):
            warm.client()
        assert pid_of(one) == pid
    with warm.client() as other:
        assert pid_of(other) != pid


def test_clients_take_turns(warm: Warm) -> None:
    """Each of several threads gets its own answers only."""
    wrong: list[object] = []

    def ask(number: int) -> None:
        with warm.client() as session:
            for turn in range(20):
                expected = f"{number} {turn}\n"
                wrong.extend(
                    [text for text in [session.run(f"echo {number} {turn}").text] if text != expected]
                )
                results = session.run_many([f"echo {number}", f"echo {turn}"])
                wrong.extend([r for r, n in zip(results, (number, turn), strict=True) if r.text != f"{n}\n"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert warm.server.told(0).restarts == 0


def test_a_deadline_ends_the_command_alone(warm: Warm) -> None:
    with warm.client() as session:
        pid = pid_of(session)
        with pytest.raises(DeadlineError, match="took longer than") as caught:
            session.run("slowly 1 2 3", timeout=0.5)
        assert caught.value.output == b"1 2 3\n"
        assert pid_of(session) == pid
        results = session.run_many(["echo 1", "spin", "echo 2"], timeout=0.5)
        assert [r.failure and r.failure.kind for r in results] == [None, "deadline", "not-run"]
        assert (results[0].text, pid_of(session)) == ("1\n", pid)
        assert [w.kind for w in session.health.warnings] == []


def test_a_deaf_command_costs_its_crash(warm: Warm) -> None:
    with warm.client() as session, warm.client() as other:
        session.run("set 17")
        pid = pid_of(session)
        with pytest.raises(DeadlineError):
            session.run("spin deaf", timeout=0.3)
        assert "PID: 17" in session.run("set").text
        assert pid_of(session) != pid
        assert "PID: 0" in other.run("set").text


def test_an_interrupt_ends_the_command_alone(warm: Warm) -> None:
    def interrupt() -> None:
        warm.fake.wait_for("spinning")
        os.kill(os.getpid(), signal.SIGINT)

    with warm.client() as session, warm.client() as other:
        pid = pid_of(session)
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            session.run("spin loud")
        thread.join()
        assert session.run("echo 1").text == "1\n"
        assert (pid_of(session), pid_of(other)) == (pid, pid)
        assert not session.health.warnings


def _fails(session: Session, command: str, to: BinaryIO | None = None) -> None:
    with pytest.raises((SessionDiedError, SessionClosedError)):
        session.run(command, to=to)


@pytest.mark.parametrize("command", ["spin", "spin loud"])
def test_a_client_that_dies_hurts_nobody(warm: Warm, command: str) -> None:
    session = warm.client()
    pid = pid_of(session)
    thread = threading.Thread(target=_fails, args=(session, command))
    thread.start()
    warm.fake.wait_for("spinning")
    transport = session._transport
    assert transport is not None
    transport.close()  # as the kernel does when a process ends
    with warm.client() as other:
        assert other.run("echo 1").text == "1\n"
        assert pid_of(other) == pid
    thread.join()
    session.close()


def test_a_client_that_takes_nothing_is_not_waited_for(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Channel.send
    monkeypatch.setattr(Channel, "send", lambda self, frame, patient=bool: send(self, frame, patient, 0.2))
    with warm.client() as session:
        halted, go_on = threading.Event(), threading.Event()

        def slow(_data: bytes) -> int:
            halted.set()
            go_on.wait(20)
            return 0

        file = io.BytesIO()
        file.write = slow  # type: ignore[method-assign,assignment]
        thread = threading.Thread(target=_fails, args=(session, "big 64", file))
        thread.start()
        halted.wait(20)
        with warm.client() as other:
            assert other.run("echo 1").text == "1\n"
        go_on.set()
        thread.join()


def test_a_crash_that_dies_is_one_error(warm: Warm) -> None:
    with warm.client() as session, warm.client() as other:
        session.run("set 17")
        other.run("set 18")
        with pytest.raises(SessionDiedError, match="killed by SIGKILL during `die`"):
            session.run("die")
        assert "PID: 18" in other.run("set").text
        assert "PID: 17" in session.run("set").text
        assert [w.kind for w in session.health.warnings] == ["restarted"]


def test_a_crash_that_is_killed_meanwhile(warm: Warm) -> None:
    with warm.client() as session:
        session.run("set 17")
        pid = pid_of(session)
        os.kill(pid, signal.SIGKILL)
        assert gone(pid)
        assert "PID: 17" in session.run("set").text


def test_without_its_server_a_client_goes_on(warm: Warm) -> None:
    with warm.client() as session:
        session.run("set 17")
        pid = pid_of(session)
        warm.stop()
        assert gone(pid)
        assert "PID: 17" in session.run("set").text
        assert [w.kind for w in session.health.warnings] == ["restarted"]
    assert warm.ended == ["stopped"]


def test_nobody_asks_any_more(make_warm: Callable[..., Warm], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_TICK_SECONDS", 0.05)
    warm = make_warm(idle=0.5)
    with warm.client() as session:
        assert session.run("echo 1").ok
    deadline = time.monotonic() + 20
    while not warm.ended and time.monotonic() < deadline:
        time.sleep(0.02)
    assert warm.ended == ["nothing was asked for 0.5 s"]


def test_a_dump_that_changes_ends_it(
    make_warm: Callable[..., Warm], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server_module, "_TICK_SECONDS", 0.05)
    warm = make_warm()
    (tmp_path / "dump").write_bytes(warm.dump.read_bytes())
    deadline = time.monotonic() + 20
    while not warm.ended and time.monotonic() < deadline:
        time.sleep(0.02)
    assert warm.ended == ["the dump was changed or removed"]
