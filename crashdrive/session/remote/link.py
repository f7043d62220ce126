"""The connection to another host that a session has, made anew where it broke."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from crashdrive.errors import CrashNotFoundError
from crashdrive.session.binaries import Binary, told_versions
from crashdrive.session.remote.channel import Channel, lines_of
from crashdrive.session.remote.files import Seen, look
from crashdrive.session.remote.host import Host
from crashdrive.text import printable

Notify = Callable[[str], object]


class Link:
    """A channel for files, which carries the others; nothing is connected before the first question."""

    def __init__(self, host: Host, notify: Notify = lambda _line: None) -> None:
        self.host = host
        self.notify = notify
        self._channel: Channel | None = None
        # what was looked at just now, to be looked at again by who opens it
        self._fresh: dict[str, Seen | None] = {}

    def channel(self) -> Channel:
        """The channel to ask for files; HostError where there is no way."""
        if self._channel is not None and not self._channel.alive():
            self.close()
        if self._channel is None:
            self.notify(f"connecting to {self.host}")
            channel = Channel(self.host, first=True)
            try:
                channel.wait_up()
            except BaseException:
                channel.close()
                self.host.end()
                raise
            self._channel = channel
        return self._channel

    def side(self) -> Channel:
        """A further channel, for a crash."""
        self.channel()
        return Channel(self.host)

    def ask(self, *lines: str) -> list[str]:
        """The lines of an answer."""
        return os.fsdecode(self.channel().ask(*lines)).splitlines()

    def close(self) -> None:
        """End the connection; a next question makes another one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
            self.notify(f"{self.host.rounds} round trips to {self.host}, beside those of ssh's own")
        self.host.end()

    def seen(self, paths: Sequence[str]) -> list[Seen | None]:
        """What files are there, by paths that may be relative to where a login begins."""
        channel = self.channel()
        fresh, self._fresh = self._fresh, {}
        if not all(path in fresh for path in paths):
            whole = [str(PurePosixPath(channel.place or "/", path)) for path in paths]
            fresh = dict(zip(paths, look(channel, whole), strict=True))
        return [fresh[path] for path in paths]

    def look_first(self, paths: Sequence[str]) -> list[Seen | None]:
        """As `seen`, for who asks for the same files next: that takes no round trip then."""
        found = self.seen(paths)
        self._fresh = dict(zip(paths, found, strict=True))
        return found

    def binaries(self, chosen: Sequence[str]) -> tuple[Binary, ...]:
        """The crash binaries there to try: the caller's, else the one that a login finds there.

        CrashNotFoundError where one is missing.
        """
        wanted = list(chosen) or ["crash"]
        channel = self.channel()
        told = os.fsdecode(channel.ask("crashes", *lines_of(wanted))).split(f"\n{channel.nonce}\n")
        found = []
        for path, part in zip(wanted, told, strict=False):
            real, _, said = part.partition("\n")
            if real == "-":
                which = (
                    f"no crash at {printable(path)} (named by --crash)" if chosen else "no crash in its PATH"
                )
                cure = "" if chosen else ": install the package `crash` there, or name one by --crash"
                raise CrashNotFoundError(f"{self.host}: {which}{cure}")
            version, gdb = told_versions(said)
            found.append(Binary(path=real, version=version, gdb_version=gdb))
        return tuple(found)
