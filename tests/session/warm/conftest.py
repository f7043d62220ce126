"""A warm session on the fake crash, served by a thread of the test's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from crashdrive.session import Session
from crashdrive.session.binaries import binary_paths
from crashdrive.session.warm import held, place
from crashdrive.session.warm.client import warm_session
from crashdrive.session.warm.find import Wanted
from crashdrive.session.warm.held import lasts
from crashdrive.session.warm.server import Server, Told, served
from tests.dump.test_find import ID, vmcore, vmlinux
from tests.session.conftest import Fake
from tests.session.fake_crash import COMMANDS


class Warm:
    """A server in a thread, and clients of it."""

    def __init__(self, fake: Fake, folder: Path) -> None:
        self.fake = fake
        self.kernel, self.dump = folder / "kernel", folder / "dump"
        self.kernel.write_bytes(vmlinux(ID))
        self.dump.write_bytes(vmcore(ID))
        self.said: list[str] = []
        self.ended: list[str] = []
        self.idle = 0.0
        self._stack = ExitStack()
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        assert self._server is not None
        return self._server

    @property
    def key(self) -> str:
        key = place.dump_key(str(self.dump))
        assert key is not None
        return key

    @property
    def wanted(self) -> Wanted:
        return Wanted(str(self.kernel), str(self.dump), [str(self.fake.path)])

    def own(self) -> Session:
        """A session without a server."""
        return Session.open(self.kernel, self.dump, crash=[str(self.fake.path)], timeout=20)

    def start(self) -> None:
        folder = self._stack.enter_context(place.opened_folder(make=True))
        assert folder is not None
        told = Told(self.idle, binary_paths([str(self.fake.path)]), 1.0)
        self._server = self._stack.enter_context(served(self.key, folder, lambda: (self.own(), told)))
        thread = threading.Thread(target=lambda: self.ended.append(self.server.serve()))
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(self.server.stop)

    def client(self, timeout: float = 20) -> Session:
        found = self.try_client(timeout)
        assert found is not None, self.said
        return found

    def try_client(self, timeout: float = 20) -> Session | None:
        return warm_session(self.wanted, timeout=timeout, notify=self.said.append, otherwise=self.own)

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sockets of the test's own."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    return runtime / "crashdrive"


@pytest.fixture
def make_warm(
    make_fake: Callable[..., Fake], sockets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Warm]]:
    """Servers by the fake's mode; nothing is left behind."""
    # the fake's own commands are none of crash's, which may be anything
    monkeypatch.setattr(
        held, "lasts", lambda line, said: line.split()[0] not in COMMANDS and lasts(line, said)
    )
    made: list[Warm] = []
    before = len(list(Path("/proc/self/fd").iterdir()))

    def make(mode: str = "", idle: float = 0.0) -> Warm:
        warm = Warm(make_fake(mode), tmp_path)
        warm.idle = idle
        warm.start()
        made.append(warm)
        return warm

    yield make
    for warm in made:
        warm.stop()
    assert not any(sockets.iterdir())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.fixture
def warm(make_warm: Callable[..., Warm]) -> Warm:
    """One whose crash behaves."""
    return make_warm()
