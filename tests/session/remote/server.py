"""A real sshd on the loopback, of its own keys and settings."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from crashdrive.session.remote.host import Host

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

    def options(self, known: str = "known", port: int | None = None) -> list[str]:
        """Options of ssh that lead to it, and to no settings of the developer's; ``port``: a wire's."""
        return [
            f"Port={port or self.port}", f"HostKeyAlias=[127.0.0.1]:{self.port}",
            f"UserKnownHostsFile={self.folder / known}",
            "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "IdentityAgent=none",
        ]  # fmt: skip

    def host(self, key: str = "key") -> Host:
        """It, as a session has it."""
        return Host("127.0.0.1", self.options(), str(self.folder / key))

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
