"""A crash without its tables: what it is asked, and what takes its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crashdrive.cache.rungs import Went
from crashdrive.commandline import is_physical
from crashdrive.errors import SessionDiedError, StartError
from crashdrive.kernel.memory.transfer import Transfer
from crashdrive.session import launch
from crashdrive.session.health import Attempt
from crashdrive.session.launch import MINIMAL, Start, health_of, rung_name, start_minimal, start_one, went
from crashdrive.session.session import Session
from crashdrive.session.standin import standin
from crashdrive.session.transport import OutOfTimeError
from tests.session.conftest import Fake

Make = Callable[..., Fake]
START = Start(files=("/vmlinux", "/vmcore"), rung_seconds=20)


@pytest.mark.parametrize(
    ("command", "physical"),
    [
        ("rd -p -r /dev/shm/x/fifo 1000 4096", True),
        ("rd -p -8 1000 4096", True),
        ("eval 0x5eed5", True),
        ("rd -r /dev/shm/x/fifo 1000 4096", False),
        ("rd -p 1000", False),
        ("rd -p -8 1000 16 | sh", False),
        ("rd -p -8 1000 16\nps", False),
        ("rd -p -r /a > /b 1000 1", False),
        ("eval jiffies", False),
        ("ps", False),
    ],
)
def test_what_reads_physical_memory_alone(command: str, *, physical: bool) -> None:
    assert is_physical(command) is physical


def test_a_minimal_start_lacks_nothing_yet(make_fake: Make) -> None:
    found = start_minimal(make_fake().binary, START)
    assert found is not None
    transport, launched = found
    transport.close()
    health = health_of(launched)
    assert launched.minimal
    assert (health.options, health.warnings, health.missing) == (MINIMAL, (), ())


def test_a_binary_that_does_not_come_up_so(make_fake: Make, scratch: Path) -> None:
    lines: list[str] = []
    assert start_minimal(make_fake("exits").binary, START, lines.append) is None
    assert [line.endswith("--minimal (without the vmlinux)") for line in lines[::2]] == [True, False]
    assert all("something is wrong" in line for line in lines[1::2])
    assert not any(scratch.iterdir())


def test_it_is_given_a_stand_in_for_the_vmlinux(make_fake: Make, scratch: Path) -> None:
    found = start_minimal(make_fake().binary, START)
    assert found is not None
    transport, launched = found
    image = next(scratch.glob("*/file0"))
    assert launched.standin
    assert image.read_bytes() == standin()
    words = transport.exchange("arguments", 20).decode()
    assert f"{str(image)!r}" in words
    assert "/vmlinux'" not in words
    assert "'/vmcore'" in words
    transport.close()
    assert not any(scratch.iterdir())


def test_a_crash_that_refuses_the_stand_in_gets_the_vmlinux(make_fake: Make) -> None:
    found = start_minimal(make_fake("wants-vmlinux").binary, START)
    assert found is not None
    transport, launched = found
    transport.close()
    assert not launched.standin
    assert [attempt.outcome for attempt in launched.attempts] == ["failed", "prompt"]


def test_a_binary_that_hangs_so_is_left_soon(
    make_fake: Make, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_MINIMAL_PATIENCE", 0.5)
    lines: list[str] = []
    assert start_minimal(make_fake("hangs").binary, START, lines.append) is None
    assert lines[1].startswith("deadline after")
    assert not any(scratch.iterdir())


def test_a_start_without_tables_that_failed_is_not_tried_again(make_fake: Make) -> None:
    known: dict[tuple[str, ...], Went] = {}

    def learn(attempt: Attempt) -> None:
        how = went(attempt)
        assert how is not None
        known[rung_name(attempt)] = how

    def tried() -> list[str]:
        lines: list[str] = []
        found = start_minimal(
            make_fake("wants-vmlinux").binary, START, lines.append,
            past=lambda _path, options: known.get(tuple(options)), learn=learn,
        )  # fmt: skip
        assert found is not None
        found[0].close()
        return [line for line in lines if line.startswith("starting")]

    assert len(tried()) == 2
    assert [line.endswith("--minimal") for line in tried()] == [True]


def test_one_that_works_is_waited_for_and_one_that_works_for_ever_is_not(make_fake: Make) -> None:
    transport, _ = start_one(make_fake("works").binary, (), START, 20, 30.0)
    transport.close()
    with pytest.raises(OutOfTimeError):
        start_one(make_fake("works-for-ever").binary, (), START, 60, 0.6)


@pytest.fixture
def minimal(make_fake: Make, scratch: Path) -> Session:
    session = make_fake("minimal").session()
    session._full = make_fake().session
    assert any(scratch.iterdir())
    return session


def test_another_command_brings_the_full_crash(minimal: Session, scratch: Path) -> None:
    with minimal as session:
        assert session.run("eval 0x5eed5").ok
        states, first = [session.minimal], session._transport
        assert session.run("eval 7").ok
        states.append(session.minimal)
        assert states == [True, False]
        assert session._transport is not first
        assert [result.ok for result in session.run_many(["eval 1", "eval 2"])] == [True, True]
        assert session.words == {"eval"}
    assert not any(scratch.iterdir())


def test_a_full_crash_that_does_not_come_up_is_told(minimal: Session, scratch: Path) -> None:
    def fails() -> Session:
        raise StartError("crash can't open this dump")

    minimal._full = fails
    with minimal as session:
        with pytest.raises(StartError, match="can't open"):
            session.run("ps")
        # physical memory can be read all the same
        assert session.run("eval 0x5eed5").ok
    assert not any(scratch.iterdir())


def test_one_that_dies_while_it_reads_makes_way(make_fake: Make, scratch: Path) -> None:
    with make_fake("dies-reading").session() as session:
        session._full = make_fake().session
        found = Transfer(session, "-p").fetch([1, 5], 0)
        assert [(address, len(data)) for address, data in found.blocks] == [(0x1000, 4096), (0x5000, 4096)]
        assert not session.minimal
        assert not session.make_full()
    with make_fake("dies-reading").session() as session, pytest.raises(SessionDiedError):
        Transfer(session, "-p").fetch([1], 0)
    assert not any(scratch.iterdir())
