"""Finding the warm session of a dump: the one whose dump, vmlinux, crash and code are the client's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from crashdrive.cache.code import code_digest, difference
from crashdrive.dump.contents import current_mark, is_same
from crashdrive.errors import CrashdriveError
from crashdrive.session.warm import frames, place
from crashdrive.session.warm.frames import Channel

_HELLO_SECONDS = 5.0
Notify = Callable[[str], object]


class Wanted(NamedTuple):
    """What a client wants a session on: paths as the user gave them; ``crash``: binaries that he named."""

    vmlinux: str | None
    vmcore: str
    crash: Sequence[str] = ()


def greet(folder: int, key: str) -> tuple[Channel, frames.Welcome] | None:
    """A connection to a session, and what it says of itself; None where none lives.

    UnsafeSessionsError where it is another user's; frames' errors where it can't be understood.
    """
    connection = place.connect(folder, key)
    if connection is None:
        return None
    channel = Channel(connection, frames.MOST_SAID)
    try:
        channel.send(frames.Hello(protocol=frames.PROTOCOL, code=code_digest()), lambda: False)
        welcome = channel.receive(frames.WELCOME, _HELLO_SECONDS)
    except BaseException:
        channel.close()
        raise
    return channel, welcome


def connected(wanted: Wanted, notify: Notify) -> tuple[Channel, frames.Welcome] | None:
    """A connection to the warm session that fits; None where there is none, ``notify`` is told why not."""
    try:
        with place.opened_folder() as folder:
            # one look at the folder, before the dump is read: mostly there is no session at all
            if folder is None or not place.names(folder) or (key := place.dump_key(wanted.vmcore)) is None:
                return None
            found = greet(folder, key)
    except place.UnsafeSessionsError as error:
        notify(f"warm sessions are not used: {error}")
        return None
    except (frames.ClosedError, frames.GarbledError, frames.StalledError, OSError) as error:
        notify(f"the warm session of this dump is not used: {error}")
        return None
    if found is None:
        return None
    channel, welcome = found
    against = unfit(wanted, welcome)
    if against is None:
        return channel, welcome
    channel.close()
    notify(f"the warm session of this dump (process {welcome.pid}) is not used: {against}")
    return None


def other_code(welcome: frames.Welcome) -> str | None:
    """Why a session's code is not this one; None where it is."""
    what = difference(welcome.code, code_digest())
    if what is None:
        return None if welcome.protocol == frames.PROTOCOL else "it is of another version of crashdrive"
    return f"it is of another version of crashdrive: {what} changed"


def unfit(wanted: Wanted, welcome: frames.Welcome) -> str | None:
    """Why a session is not the one that this client would open; None where it is."""
    from crashdrive.session.binaries import binary_paths

    if (against_code := other_code(welcome)) is not None:
        return against_code
    identity, marks = welcome.identity, welcome.marks
    try:
        paths = binary_paths(wanted.crash)
    except CrashdriveError as error:
        return str(error)
    if wanted.crash and paths == (welcome.binary,):
        paths = tuple(welcome.binaries)  # the one that is wanted came up
    against = {
        "the dump was changed": is_same(current_mark(wanted.vmcore), marks.get("vmcore", "")),
        "its vmlinux was changed": current_mark(identity.get("vmlinux", "")) == marks.get("vmlinux"),
        "it has another vmlinux": wanted.vmlinux is None
        or current_mark(wanted.vmlinux) == marks.get("vmlinux"),
        "it has other crash binaries to choose from": list(paths) == welcome.binaries,
        "a crash binary was changed": [current_mark(path) or "" for path in paths] == welcome.binary_marks,
    }
    return next((why for why, holds in against.items() if not holds), None)
