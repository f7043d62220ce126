"""Health checks: no false alarm, no silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crashdrive.errors import StartError
from crashdrive.session import Session
from crashdrive.session.health import greeting_warnings, task_table_warnings
from tests.dump.test_find import ID, vmcore, vmlinux
from tests.session.conftest import Fake

Make = Callable[..., Fake]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    kernel, dump = tmp_path / "kernel", tmp_path / "dump"
    kernel.write_bytes(vmlinux(ID))
    dump.write_bytes(vmcore(ID))
    return kernel, dump


@pytest.mark.parametrize(
    ("mode", "kinds", "doubtful"),
    [
        ("", [], False),
        ("warns", ["start-warning"], False),
        ("short-table", ["task-table"], True),
        ("odd-walk", ["unchecked"], True),
        ("minimal", ["unchecked"], True),
        ("needs--no_modules", ["degraded"], False),
    ],
)
def test_sessions(
    make_fake: Make,
    files: tuple[Path, Path],
    mode: str,
    kinds: list[str],
    doubtful: bool,  # noqa: FBT001 - a test's parameter
) -> None:
    with Session.open(*files, crash=[str(make_fake(mode).path)]) as session:
        assert [warning.kind for warning in session.health.warnings] == kinds
        assert bool(session.health.affecting("ps")) == doubtful
        assert not session.health.affecting("p")
        assert session.version == "8.0.2"
        assert session.identity["build_id"] == ID.hex()
        assert task_table_warnings(session) == [
            w for w in session.health.warnings if w.kind in {"task-table", "unchecked"}
        ]


def test_recorded_from_the_start(make_fake: Make, files: tuple[Path, Path], tmp_path: Path) -> None:
    with Session.open(*files, crash=[str(make_fake("warns").path)], record=tmp_path / "record") as session:
        session.run("echo 1")
    with Session.replay(tmp_path / "record") as replayed:
        assert replayed.health == session.health
        assert replayed.identity == session.identity
        assert replayed.run("echo 1").text == "1\n"


def test_nothing_is_left_of_a_start_that_failed(
    make_fake: Make, files: tuple[Path, Path], scratch: Path, tmp_path: Path
) -> None:
    with pytest.raises(StartError):
        Session.open(*files, crash=[str(make_fake("exits").path)], record=tmp_path / "record")
    assert not any(scratch.iterdir())
    assert not (tmp_path / "record").exists()


def test_greetings() -> None:
    warnings = greeting_warnings("\nWARNING: cannot read module x\n\nsame\nsame\n\x1b[31mred\n")
    assert [w.message for w in warnings] == [
        "WARNING: cannot read module x",
        "same (2 times)",
        r"\x1b[31mred",
    ]
    assert warnings[0].affects == ("mod", "sym")
