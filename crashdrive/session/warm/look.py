"""The warm sessions that there are: looked at, and ended."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from crashdrive.dump.contents import current_mark
from crashdrive.session.warm import frames, place
from crashdrive.session.warm.find import greet, other_code

_SECONDS = 5.0


class Seen(NamedTuple):
    """A session; ``told`` is None where it doesn't answer as asked (``trouble`` says why), and ``welcome``
    may be.
    """

    key: str
    pid: int | None
    welcome: frames.Welcome | None
    told: frames.Told | None
    trouble: str = ""

    @property
    def vmcore(self) -> str:
        """The dump's path, as far as it is known."""
        return "" if self.welcome is None else self.welcome.identity.get("vmcore", "")

    @property
    def against(self) -> str | None:
        """Why this code, or a client with the dump as it is now, can't use it; None where it can."""
        if self.welcome is None or self.told is None:
            return self.trouble
        if (why := other_code(self.welcome)) is not None:
            return why
        same = current_mark(self.vmcore) == self.welcome.marks.get("vmcore")
        return None if same else "the dump was changed after it was opened"


def sessions() -> Iterator[Seen]:
    """Those of the user that live; what a killed one left behind is removed. UnsafeSessionsError."""
    with place.opened_folder() as folder:
        if folder is None:
            return
        for key in place.names(folder):
            if (seen := _seen(folder, key)) is not None:
                yield seen


def session_of(vmcore: str) -> Seen | None:
    """The one of a dump; None where there is none."""
    key = place.dump_key(vmcore)
    with place.opened_folder() as folder:
        if folder is None or key is None:
            return None
        return _seen(folder, key)


def _seen(folder: int, key: str) -> Seen | None:
    pid: int | None = None
    try:
        connection = place.connect(folder, key)
        if connection is None:
            return None
        pid = place.peer(connection)[0]
        connection.close()
        found = greet(folder, key)
        if found is None:
            return None
    except (frames.ClosedError, frames.GarbledError, frames.StalledError, OSError) as error:
        return Seen(key, pid, None, None, f"it doesn't answer: {error}")
    channel, welcome = found
    try:
        channel.send(frames.Tell(number=1), lambda: False)
        told = channel.receive(frames.REPLY, _SECONDS)
    except (frames.ClosedError, frames.GarbledError, frames.StalledError) as error:
        return Seen(key, pid, welcome, None, f"it doesn't answer: {error}")
    finally:
        channel.close()
    if isinstance(told, frames.Told):
        return Seen(key, pid, welcome, told)
    return Seen(key, pid, welcome, None, f"it gives an answer of another kind: {type(told).__name__}")


def end(seen: Seen) -> bool:
    """End a session, by force where it doesn't answer; whether it is gone."""
    if seen.pid is None:
        return False
    try:
        process = os.pidfd_open(seen.pid)
    except OSError:
        return True
    try:
        if seen.told is None or not _asked_to_stop(seen.key) or not _gone(process):
            with suppress(OSError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
        if not _gone(process):
            return False
    finally:
        os.close(process)
    with place.opened_folder() as folder:
        if folder is not None:
            place.remove_stale(folder, seen.key)
    return True


def _asked_to_stop(key: str) -> bool:
    with place.opened_folder() as folder:
        if folder is None:
            return False
        try:
            found = greet(folder, key)
            if found is None:
                return False
            with_channel = found[0]
            try:
                with_channel.send(frames.Stop(number=1), lambda: False)
                return isinstance(with_channel.receive(frames.REPLY, _SECONDS), frames.Done)
            finally:
                with_channel.close()
        except (frames.ClosedError, frames.GarbledError, frames.StalledError, OSError):
            return False


def _gone(process: int) -> bool:
    poller = select.poll()
    poller.register(process, select.POLLIN)
    return bool(poller.poll(2 * _SECONDS * 1000))
