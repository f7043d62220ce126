"""Fake crashes behind a real sshd on the loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crashdrive.session.opening import Known, prepare
from crashdrive.session.remote.ahead import Ahead
from crashdrive.session.remote.link import Link
from crashdrive.session.remote.transport import SshTransport
from crashdrive.session.session import Session
from crashdrive.session.transport import PtyTransport
from tests.session.conftest import Fake
from tests.session.places import HEALTH
from tests.session.remote.server import Sshd


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """One for all tests of a process."""
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()


@pytest.fixture
def link(sshd: Sshd) -> Iterator[Link]:
    """A connection to it."""
    made = Link(sshd.host())
    yield made
    made.close()


Start = Callable[..., SshTransport]


@pytest.fixture
def start(link: Link, tmp_path: Path) -> Iterator[Start]:
    """Starts a fake crash there, and ends it."""
    made: list[SshTransport] = []

    def begin(mode: str = "", files: tuple[str | bytes, ...] = (), *, holes: bool = True) -> SshTransport:
        fake = Fake(tmp_path / "fake", mode)
        transport = SshTransport(link, str(fake.path), ["-s"], files, (), Ahead(holes=holes))
        made.append(transport)
        transport.greeting(20)
        return transport

    yield begin
    for transport in made:
        transport.close()


@pytest.fixture
def session(start: Start) -> Iterator[Session]:
    """A session on a fake crash there."""

    def again(context: object) -> tuple[PtyTransport, list[str]]:
        fresh = start()
        return fresh, prepare(
            fresh, list(context) if isinstance(context, list) else [], 20, side_channel=True
        )

    with Session(again([])[0], HEALTH, Known({}), timeout=20, restart=again, holes=False) as made:
        yield made
