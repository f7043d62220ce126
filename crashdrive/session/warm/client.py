"""A warm session used as any other session."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from crashdrive.errors import CrashdriveError, StartError
from crashdrive.session.failure import judge
from crashdrive.session.health import Health
from crashdrive.session.opening import Known
from crashdrive.session.session import Session
from crashdrive.session.transport import OutOfTimeError, Transport
from crashdrive.session.warm.find import Notify, Wanted, connected
from crashdrive.session.warm.transport import SocketTransport

# a client waits for its first turn as long as a crash of its own would take, within these seconds
LEAST_PATIENCE, MOST_PATIENCE = 2.0, 30.0


def warm_session(
    wanted: Wanted, *, timeout: float, notify: Notify, otherwise: Callable[[], Session]
) -> Session | None:
    """A session on the crash of the warm session; None where there is none, or others use it for long.

    ``otherwise`` opens one of this process's own, where the server goes away meanwhile.
    """
    found = connected(wanted, notify)
    if found is None:
        return None
    transport, welcome = SocketTransport(*found), found[1]
    try:
        patience = min(max(welcome.patience, LEAST_PATIENCE), MOST_PATIENCE)
        if not transport.take(patience):
            notify(f"the warm session of this dump is busy for {patience:.0f} s: not waited for any longer")
            transport.close()
            return None
        health = msgspec.msgpack.decode(welcome.health, type=Health)
    except (CrashdriveError, OutOfTimeError, msgspec.DecodeError) as error:
        notify(f"the warm session of this dump is not used: {error}")
        transport.close()
        return None
    notify(f"the warm session of process {welcome.pid} is used: {welcome.binary}")
    known = Known(welcome.identity, welcome.vmcoreinfo, welcome.marks)
    again = _Again(wanted, timeout, notify, otherwise)
    return Session(transport, health, known, timeout=timeout, restart=again, holes=welcome.holes)


class _Again:
    """The way back to a crash: the same warm session where it lives, else a crash of this process's own."""

    def __init__(
        self, wanted: Wanted, timeout: float, notify: Notify, otherwise: Callable[[], Session]
    ) -> None:
        self._wanted = wanted
        self._timeout = timeout
        self._notify = notify
        self._otherwise = otherwise

    def __call__(self, context: Sequence[str]) -> tuple[Transport, list[str]]:
        found = connected(self._wanted, self._notify)
        transport: Transport
        transport = SocketTransport(*found) if found is not None else _crash_of(self._otherwise())
        try:
            said = ((command, transport.exchange(command, self._timeout)) for command in context)
            return transport, [command for command, output in said if judge(command, output).failure]
        except BaseException:
            transport.close()
            raise


def _crash_of(session: Session) -> Transport:
    """The crash of a session that was opened for it alone."""
    transport, session._transport = session._transport, None  # noqa: SLF001 - a session has no other use for this
    session.close()
    if transport is None:
        raise StartError("crash could not be started again")
    return transport
