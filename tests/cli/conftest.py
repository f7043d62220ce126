"""A dump that is none: the command line over a fake of `crashdrive.open_dump`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

import pytest

from crashdrive.cli import main
from crashdrive.crash import Crash
from crashdrive.session.health import Health, HealthWarning
from crashdrive.session.result import CommandResult, Failure
from tests.kernel.session_double import SessionDouble

HOSTILE = b"\x1b]0;pwned\x07[red]\x9b"


PS = b"""\
      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM
>       0       0   0  ffffffff82a1b940  RU   0.0        0        0  [swapper/0]
        1       0   1  ffff888003a54000  IN   0.1     2388      800  init
"""


class FakeCrash:
    """Answers a few commands, and remembers how it was opened."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | CommandResult | Failure | BaseException] = {
            "btop 512a": b"512a: 512a000\n",
            "ps": PS,
            "hostile": b"a\tb\n" + HOSTILE + b"\n",
            "ps 999999": Failure(kind="message", message="ps: invalid task or pid value: 999999"),
        }
        self.opened: tuple[Any, ...] = ()
        self.options: dict[str, Any] = {}
        self.closed = 0
        self.ran: list[str] = []
        self.warnings: tuple[HealthWarning, ...] = ()

    def open(self, vmlinux: str | None, vmcore: str | None, **options: Any) -> FakeCrash:
        self.opened, self.options = (vmlinux, vmcore), options
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed += 1

    @property
    def health(self) -> Health:
        return Health(
            binary="/usr/bin/crash", version="8.0.2", gdb_version="10.2", options=("-s",), attempts=(),
            warnings=self.warnings, missing=(),
        )  # fmt: skip

    identity: ClassVar = {"vmcore": "vmcore", "build_id": "b1"}
    live = False
    session: ClassVar = SessionDouble()
    marked = Crash.marked

    def run(self, command: str, *, timeout: float | None = None, to: BinaryIO | None = None) -> CommandResult:
        self.ran.append(command)
        result = self._run(command, timeout)
        if to is not None:
            to.write(result.raw)
        return result

    def _run(self, command: str, timeout: float | None) -> CommandResult:
        assert timeout is None
        answer = self.answers.get(command, b"")
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, CommandResult):
            return answer
        if isinstance(answer, Failure):
            raw = answer.message.encode() + b"\n"
            return CommandResult(command=command, raw=raw, elapsed=0.0, failure=answer)
        return CommandResult(command=command, raw=answer, elapsed=0.0)


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> FakeCrash:
    fake = FakeCrash()
    monkeypatch.setattr("crashdrive.crash.open_dump", fake.open)
    return fake


@pytest.fixture(autouse=True)
def _unchanged_interpreter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scripts replace __main__, sys.argv and sys.path; tests get theirs back."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


def elf(path: Path, kind: int) -> str:
    """A file that begins as an ELF file of this kind does."""
    path.write_bytes(b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + kind.to_bytes(2, "little") + bytes(100))
    return str(path)


@pytest.fixture
def vmlinux(tmp_path: Path) -> str:
    return elf(tmp_path / "vmlinux", 2)


@pytest.fixture
def vmcore(tmp_path: Path) -> str:
    return elf(tmp_path / "vmcore", 4)


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., tuple[int, bytes, str]]:
    """Run the command line in this process: (exit status, stdout, stderr)."""

    def call(*words: str) -> tuple[int, bytes, str]:
        status = main(words)
        out, err = capfdbinary.readouterr()
        return status, out, err.decode()

    return call
