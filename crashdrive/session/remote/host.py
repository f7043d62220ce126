"""Another host, as ssh reaches it: the words of a connection, and what is wrong where there is none."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from crashdrive.errors import HostError, UsageError
from crashdrive.text import printable

CONNECT_SECONDS: Final = 20
_CHECK_SECONDS = 10.0
# the caller's options come first: ssh takes the first value that it is given
_OPTIONS = (
    "BatchMode=yes", f"ConnectTimeout={CONNECT_SECONDS}", "ServerAliveInterval=10", "ServerAliveCountMax=3",
    "ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no", "PermitLocalCommand=no",
    "RemoteCommand=none", "EscapeChar=none", "LogLevel=ERROR", "StdinNull=no", "ForkAfterAuthentication=no",
)  # fmt: skip
_AND_REMOVE: Final = 'd=$1; shift; "$@"; s=$?; rm -f "$d/s"; rmdir "$d"; exit $s'
# OpenSSH's words, and what they come to
_WORDS: Final = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed",
     "its host key has changed: ask why, then remove the old one by `ssh-keygen -R {host}`"),
    (r"Host key verification failed|No \S+ host key is known",
     "its host key is not known here: say `ssh {host}` once, and check the key"),
    (r"Permission denied \(([^)]*)\)",
     "it wants a password or another key, and crashdrive asks for none: `ssh-copy-id {host}`, or an agent"),
    (r"Too many authentication failures", "too many keys were offered: name the right one by --identity"),
    (r"Could not resolve hostname", "no host of that name is known"),
    (r"Connection refused", "nothing takes ssh connections there"),
    (r"timed out|Operation timed out", "it does not answer"),
    (r"No route to host|Network is unreachable", "no way leads there"),
    (r"Bad configuration option|Unsupported option|command-line(?: line \d+)?:|Missing argument", "{said}"),
    (r"Identity file (\S+) not accessible", "{said}"),
)  # fmt: skip


class Host:
    """A host by the name that ssh knows it by (``user@box``, ``box``, ``ssh://user@box:2222``).

    ``options`` are ssh's ``-o``, ``identity`` is its ``-i``. Nothing is connected before a channel is opened;
    the first one carries all others (ControlMaster), unless the user has a connection of that kind already.
    """

    def __init__(self, name: str, options: Sequence[str] = (), identity: str | None = None) -> None:
        """UsageError for what is no host, or no option."""
        if not name or name.startswith("-") or not name.isprintable() or any(map(str.isspace, name)):
            raise UsageError(f"{name!a} is no host that ssh can be given (such as user@box)")
        for option in options:
            if "\n" in option or not re.match(r"\s*[A-Za-z][A-Za-z0-9]*(?:\s*=|\s)\s*\S", option):
                raise UsageError(f"{option!a} is no option of ssh (such as Port=2222)")
        if identity is not None and not Path(identity).expanduser().is_file():
            raise UsageError(f"no key at {identity!a} (--identity)")
        self.name = name
        self._chosen = [word for option in options for word in ("-o", option)]
        if identity is not None:
            self._chosen += ["-i", str(Path(identity).expanduser().absolute())]
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._own = False
        # questions so far, each of which took the time to there and back
        self.rounds = 0

    @property
    def program(self) -> str:
        """The ssh of this host; HostError where there is none."""
        found = shutil.which("ssh")
        if found is None:
            raise HostError("no ssh on this host: install the package `openssh-client`")
        return str(Path(found).absolute())

    def __str__(self) -> str:
        """As ssh knows it."""
        return self.name

    def begin(self) -> list[str]:
        """The words of a first connection, without the command that is run there."""
        self.end()
        self._own = not self._is_shared()
        if self._own:
            # a socket's path has 107 bytes at most
            self._folder = tempfile.TemporaryDirectory(prefix="cd-", dir="/tmp")
        words = self.words("-T", master=True)
        if self._folder is None:
            return words
        # whoever kills us: the folder goes with the connection
        return ["/bin/sh", "-c", _AND_REMOVE, "sh", self._folder.name, *words]

    def words(self, terminal: str, *, master: bool = False) -> list[str]:
        """ssh's words up to the command; ``terminal``: ``-tt`` or ``-T``."""
        options = [word for option in _OPTIONS for word in ("-o", option)]
        if self._own and self._folder is not None:
            role = "yes" if master else "no"
            options += [
                f"-oControlMaster={role}",
                f"-oControlPath={self._folder.name}/s",
                "-oControlPersist=no",
            ]
        return [self.program, *self._chosen, *options, terminal, self.name]

    def _is_shared(self) -> bool:
        """Whether the user's own settings share a connection that is up."""
        try:
            done = subprocess.run(
                [self.program, *self._chosen, "-o", "BatchMode=yes", "-O", "check", self.name],
                capture_output=True, timeout=_CHECK_SECONDS, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    def end(self) -> None:
        """Remove what a connection had here."""
        folder, self._folder = self._folder, None
        if folder is not None:
            with contextlib.suppress(FileNotFoundError):
                folder.cleanup()

    def failure(self, said: str, *, connected: bool = False) -> HostError:
        """The error of a connection that failed or broke, by what ssh said."""
        line = _last_line(said)
        for words, meaning in _WORDS:
            if re.search(words, said):
                plain = self.name.rpartition("@")[2].removeprefix("ssh://")
                return HostError(f"{self.name}: {meaning.format(host=plain, said=line)}")
        if connected:
            return HostError(f"{self.name}: the connection broke{f': {line}' if line else ''}")
        return HostError(f"{self.name}: no connection: {line or 'ssh ended without a word'}")


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return printable(lines[-1])[:200] if lines else ""


def nonce() -> str:
    """A name that no output can hold."""
    return f"x{secrets.token_hex(8)}"


def ssh_environment() -> dict[str, str]:
    """What ssh sees of the environment: the user's, for agents and settings, with no window to ask in."""
    environment = {
        name: value for name, value in os.environ.items() if name not in {"DISPLAY", "SSH_ASKPASS"}
    }
    return {**environment, "TERM": "dumb", "SSH_ASKPASS_REQUIRE": "never"}
