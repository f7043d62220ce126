"""Several binaries: the first that is whole is taken, else the best."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crashdrive.errors import DumpError, SessionDiedError, StartError, VmlinuxError
from crashdrive.session import Session, room
from crashdrive.session.health import HealthWarning, doubted, option_warnings
from crashdrive.session.launch import LADDER
from tests.dump.test_find import ID, vmcore, vmlinux
from tests.session.conftest import Fake
from tests.session.places import gone

Make = Callable[..., Fake]
Open = Callable[..., Session]


@pytest.fixture
def lines() -> list[str]:
    """What is told of the start."""
    return []


@pytest.fixture
def opened(tmp_path: Path, lines: list[str]) -> Open:
    """Sessions on a made dump."""
    kernel, dump = tmp_path / "kernel", tmp_path / "dump"
    kernel.write_bytes(vmlinux(ID))
    dump.write_bytes(vmcore(ID))

    def open_(*fakes: Fake) -> Session:
        return Session.open(kernel, dump, crash=[str(fake.path) for fake in fakes], notify=lines.append)

    return open_


def starts(fake: Fake) -> int:
    """How often it was started."""
    file = fake.folder / "started"
    return file.stat().st_size if file.exists() else 0


@pytest.mark.parametrize("order", [1, -1])
def test_the_one_that_knows_all_tasks_is_taken_in_either_order(
    make_fake: Make, opened: Open, lines: list[str], scratch: Path, order: int
) -> None:
    short, whole = make_fake("short-table"), make_fake()
    with opened(*(short, whole)[::order]) as session:
        assert session.binary == str(whole.path)
        assert session.health.warnings == ()
        tried = session.health.attempts
        assert session.run("ps").ok
    assert (starts(short), starts(whole)) == ((1, 1) if order == 1 else (0, 1))
    if order == 1:
        assert [(a.binary, a.outcome) for a in tried] == [(str(f.path), "prompt") for f in (short, whole)]
        assert ["crash knows 1 task," in " ".join(a.doubts) for a in tried] == [True, False]
        assert any(f"{short.path} (8.0.2) came up, but: crash knows 1 task," in line for line in lines)
        assert lines[-1] == f"taken: {whole.path} (8.0.2)"
    assert not any(scratch.iterdir())


def test_where_none_is_whole_the_best_is_used_and_marked(make_fake: Make, opened: Open) -> None:
    short, poor, exits = make_fake("short-table"), make_fake("needs--no_modules"), make_fake("exits")
    with opened(short, exits, poor) as session:
        assert session.binary == str(poor.path)
        assert session.health.options == ("--no_modules",)
        assert session.health.missing
        assert [a.outcome for a in session.health.attempts] == [
            "prompt",
            "failed",
            "failed",
            "failed",
            "prompt",
        ]
        assert session.health.affecting("mod")
        assert not session.health.affecting("ps")
    # with --minimal it could only be worse, so that isn't tried
    assert starts(exits) == 3 - 1


def test_of_two_that_are_alike_the_first_is_kept(make_fake: Make, opened: Open, lines: list[str]) -> None:
    first, second = make_fake("short-table"), make_fake("odd-walk")
    with opened(first, second) as session:
        assert session.binary == str(first.path)
        assert [w.kind for w in session.health.warnings] == ["task-table"]
        assert [bool(a.doubts) for a in session.health.attempts] == [True, True]
    assert (starts(first), starts(second)) == (1, 1)
    assert lines[-1].startswith(f"taken: {first.path}")


@pytest.mark.parametrize("first", ["dies-at-once", "short-table"])
def test_one_that_comes_up_and_dies_is_no_end(make_fake: Make, opened: Open, first: str) -> None:
    modes = (first, "dies-at-once" if first == "short-table" else "")
    fakes = [make_fake(mode, name) for mode, name in zip(modes, ("one", "two"), strict=True)]
    with opened(*fakes) as session:
        assert session.binary == str(fakes[first == "dies-at-once"].path)
        assert [a.outcome for a in session.health.attempts if "SIGSEGV" in a.said] == ["failed"]
        assert session.run("echo 1").ok


def test_where_all_die_it_is_told(make_fake: Make, opened: Open) -> None:
    with pytest.raises(StartError, match="came up, and ended at once: crash ended: killed by SIGSEGV"):
        opened(make_fake("dies-at-once"))


def test_one_alone_is_started_once(make_fake: Make, opened: Open) -> None:
    short = make_fake("short-table")
    with opened(short) as session:
        assert [w.kind for w in session.health.warnings] == ["task-table"]
    assert starts(short) == 1


@pytest.mark.parametrize(("second", "taken", "counts"), [("", 1, (1, 1)), ("odd-walk", 0, (2, 1))])
def test_with_little_memory_there_is_one_at_a_time(
    make_fake: Make,
    opened: Open,
    monkeypatch: pytest.MonkeyPatch,
    scratch: Path,
    second: str,
    taken: int,
    counts: tuple[int, int],
) -> None:
    asked: list[int] = []

    def no_room(pid: int | None) -> bool:
        assert pid is not None
        asked.append(pid)
        return False

    monkeypatch.setattr("crashdrive.session.choice.room_for_another", no_room)
    fakes = make_fake("short-table"), make_fake(second)
    with opened(*fakes) as session:
        assert session.binary == str(fakes[taken].path)
        assert len(asked) == 1
        assert gone(asked[0])
        assert len(list(scratch.iterdir())) == 1
        assert session.run("echo 1").text == "1\n"
    assert (starts(fakes[0]), starts(fakes[1])) == counts


@pytest.mark.parametrize(("name", "error"), [("kernel", VmlinuxError), ("dump", DumpError)])
def test_a_file_that_changed_is_not_opened_again(
    make_fake: Make, opened: Open, tmp_path: Path, name: str, error: type[Exception]
) -> None:
    with opened(make_fake()) as session:
        (tmp_path / name).chmod(0o600)  # no change of what is in it
        with pytest.raises(SessionDiedError):
            session.run("die")
        assert session.run("echo 1").ok
        with pytest.raises(SessionDiedError):
            session.run("die")
        with (tmp_path / name).open("ab") as file:
            file.write(b"more")
        with pytest.raises(error, match="was changed since crash opened it"):
            session.run("echo 1")


def test_what_a_start_leaves_in_doubt() -> None:
    assert doubted(()) == 0
    costs = [doubted(option_warnings(options)) for options in LADDER]
    assert costs == sorted(set(costs))
    assert costs[0] == 0
    # no other crash would make these better
    assert doubted([HealthWarning(kind="incomplete-dump", message="", affects=("*",))]) == 0
    assert doubted([HealthWarning(kind="start-warning", message="")]) == 0


def test_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    used = room.resident(os.getpid())
    assert used is not None
    assert used > 1 << 20
    assert room.resident(None) is None
    assert room.resident(1 << 30) is None
    monkeypatch.setattr(room, "_host", lambda: 10 * used)
    monkeypatch.setattr(room, "_groups", list)
    assert room.room_for_another(os.getpid())
    monkeypatch.setattr(room, "_groups", lambda: [used])
    assert not room.room_for_another(os.getpid())
    for name, text in (("max", "900"), ("current", "800"), ("stat", "anon 1\ninactive_file 300\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert room._left(tmp_path) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert room._left(tmp_path) is None
