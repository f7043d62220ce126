"""A session on a live kernel: nothing is kept of it, and tasks come and go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crashdrive.cache.store import open_store
from crashdrive.crash import open_dump
from crashdrive.dump.identity import DumpIdentity
from crashdrive.session.health import task_table_warnings
from crashdrive.session.remote.ahead import Ahead
from crashdrive.session.result import CommandResult
from tests.dump.test_find import ID, vmlinux
from tests.kernel.session_double import SessionDouble
from tests.session.conftest import Fake


def test_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: Fake, session_files: tuple[str, str]
) -> None:
    """Each session asks a crash of its own, whose answers are marked, and leaves nothing in the store."""
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "cache"))
    kernel, kcore = session_files
    for starts in (1, 2):
        with open_dump(kernel, kcore, crash=[str(fake.path)], warm=True) as crash:
            assert (crash.live, crash.identity["format"], crash.identity.get("id")) == (True, "live", None)
            assert crash.run("eval 5").check().source == crash.run("eval 5").check().source == "crash"
        assert len((fake.folder / "started").read_text()) == starts
    store = open_store()
    assert store is not None
    for kind in ("commands", "starts-of-dumps", "pages", "rung", "files"):
        assert not store.names(kind, ""), kind
    store.close()


@pytest.fixture
def session_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A vmlinux, and a live kernel in a dump's place."""
    kernel, kcore = tmp_path / "vmlinux", tmp_path / "kcore"
    kernel.write_bytes(vmlinux(ID))
    kcore.write_bytes(b"")

    def identity(path: str) -> DumpIdentity:
        return DumpIdentity(
            path=path,
            format="live",
            flattened=False,
            size=0,
            mtime_ns=0,
            build_id=ID.hex(),
            machine=62,
            mark="boot 1",
        )

    def source(path: Any) -> str | None:
        return str(path) if str(path) == str(kcore) else None

    monkeypatch.setattr("crashdrive.dump.find.dump_identity", identity)
    for module in ("crash", "dump.identity", "cli._opening"):
        monkeypatch.setattr(f"crashdrive.{module}.live_source", source)
    return str(kernel), str(kcore)


def test_tasks_that_come_between_two_looks_are_no_fault() -> None:
    """Of a live kernel crash's table is doubted only where it never has what a walk finds."""

    class Busy(SessionDouble):
        looks = 0

        def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
            del timeout
            self.looks += command.startswith("list")
            known = 3 if self.looks == self.whole_at else 2
            text = "".join(
                f"[1] [IN]  PID: {number}  TASK: ffff88800000000{number}  CPU: 0\n" for number in range(known)
            )
            walk = "".join(f"ffff88800000000{number}\n" for number in range(3))
            raw = (walk if command.startswith("list") else text).encode()
            return CommandResult(command=command, raw=raw, elapsed=0.0)

        whole_at = 2

    assert task_table_warnings(Busy())[0].kind == "task-table"
    assert not task_table_warnings(Busy(), looks=4)
    never = Busy()
    never.whole_at = 9
    assert task_table_warnings(never, looks=4)[0].kind == "task-table"
    assert never.looks == 4


def test_on_another_host_its_memory_is_read_each_time() -> None:
    """What is read ahead of a dump is kept as long as the session."""
    rounds: list[list[str]] = []

    def read(commands: Any, _deadline: float) -> tuple[bytes, list[bytes]]:
        rounds.append(list(commands))
        return b"x" * 4096 * len(commands), [b"4096 bytes copied from 0x1000 to /f\n" for _ in commands]

    got: list[bytes] = []
    ahead = Ahead(((0x8000, 0x1000),), keeps=False)
    for _ in range(2):
        ahead.stream(read, ["rd -p -r /f 1000 4096"], got.append, 1.0)
    assert rounds == [["rd -p -r /f 1000 4096"]] * 2
    assert got == [b"x" * 4096] * 2
