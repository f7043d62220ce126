"""A real sshd on the loopback, of its own keys and settings, and fake crashes behind it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crashdrive.session.opening import Known, prepare
from crashdrive.session.remote.ahead import Ahead
from crashdrive.session.remote.host import Host
from crashdrive.session.remote.link import Link
from crashdrive.session.remote.transport import SshTransport
from crashdrive.session.session import Session
from crashdrive.session.transport import PtyTransport
from tests.session.conftest import Fake
from tests.session.places import HEALTH

_SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin") or ""
_KEYGEN = shutil.which("ssh-keygen") or ""
_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


class Sshd:
    """The server: its port, the key that it lets in, the file that knows its own."""

    def __init__(self, folder: Path) -> None:
        if not _SSHD:
            pytest.fail("no sshd: install the package openssh-server (scripts/test does)")
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("host", "key", "other"):
            subprocess.run([_KEYGEN, "-qt", "ed25519", "-N", "", "-f", folder / name], check=True)
        shutil.copy(folder / "key.pub", folder / "authorized")
        self.know("known", "host")
        (folder / "config").write_text(_CONFIG.format(port=self.port, folder=folder))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [_SSHD, "-D", "-f", folder / "config", "-E", folder / "log"], stdin=subprocess.DEVNULL
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"sshd did not come up: {(self.folder / 'log').read_text()}")

    def know(self, name: str, key: str) -> Path:
        """A file that has this key for the server."""
        words = (self.folder / f"{key}.pub").read_text().split()[:2]
        file = self.folder / name
        file.write_text(f"[127.0.0.1]:{self.port} {' '.join(words)}\n")
        return file

    def options(self, known: str = "known") -> list[str]:
        """Options of ssh that lead to it, and to no settings of the developer's."""
        return [
            f"Port={self.port}", f"UserKnownHostsFile={self.folder / known}",
            "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "IdentityAgent=none",
        ]  # fmt: skip

    def host(self, key: str = "key") -> Host:
        """It, as a session has it."""
        return Host("127.0.0.1", self.options(), str(self.folder / key))

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


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
