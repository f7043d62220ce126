"""The fake crash, installed as a program, and sessions on it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crashdrive.session.binaries import Binary
from crashdrive.session.launch import Start, start_one
from crashdrive.session.opening import Known, prepare
from crashdrive.session.session import Session
from crashdrive.session.transport import PtyTransport
from tests.session.places import HEALTH

FAKE = Path(__file__).with_name("fake_crash.py")


class Fake:
    """A fake crash as an executable file, in a folder of the test's."""

    def __init__(self, folder: Path, mode: str = "", name: str = "crash") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.path = folder / name
        self.path.write_text(
            f"#!{sys.executable} -IS\n"
            "import os\n"
            f"os.environ.update(FAKE_MODE={mode!r}, FAKE_FILES={str(folder)!r})\n"
            f"exec(compile(open({str(FAKE)!r}).read(), 'fake_crash', 'exec'))\n"
        )
        self.path.chmod(0o755)

    @property
    def binary(self) -> Binary:
        """As the ladder takes it."""
        return Binary(path=str(self.path), version="8.0.2", gdb_version=None)

    def transport(self, *files: str, seconds: float = 20) -> PtyTransport:
        """At its first prompt."""
        return start_one(self.binary, (), Start(files=files, rung_seconds=seconds))[0]

    def session(
        self,
        *files: str,
        timeout: float = 20,
        side_channel: bool = True,
        holes: bool = False,
        known: Known = Known({}),  # noqa: B008 - a constant
    ) -> Session:
        """A session without the checks of dump and vmlinux."""

        def again(context: object) -> tuple[PtyTransport, list[str]]:
            fresh = self.transport(*files)
            commands = list(context) if isinstance(context, list) else []
            return fresh, prepare(fresh, commands, 20, side_channel=side_channel)

        transport = again([])[0]
        return Session(
            transport,
            HEALTH,
            known,
            timeout=timeout,
            restart=again,
            side_channel=side_channel,
            holes=holes,
        )

    def wait_for(self, name: str, seconds: float = 20) -> str:
        """What the fake noted, as soon as it has."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if text := (self.folder / name).read_text():
                    return text
            time.sleep(0.005)
        raise AssertionError(f"the fake crash never noted {name}")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where private folders go: empty again when nothing was left behind."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("CRASHDRIVE_TMPDIR", str(folder))
    return folder


@pytest.fixture
def make_fake(tmp_path: Path, scratch: Path) -> Callable[..., Fake]:
    """Fakes by mode; ``scratch`` holds their private folders."""
    assert scratch.is_dir()

    def make(mode: str = "", name: str = "crash") -> Fake:
        return Fake(tmp_path / f"fake-{mode or 'good'}-{name}", mode, name)

    return make


@pytest.fixture
def fake(make_fake: Callable[..., Fake]) -> Fake:
    """One that behaves."""
    return make_fake()


@pytest.fixture
def session(fake: Fake, scratch: Path) -> Iterator[Session]:
    """A session on it; nothing is left behind."""
    with fake.session() as session:
        yield session
    assert not any(scratch.iterdir())
