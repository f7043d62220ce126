"""Sockets of all families: `read` gives them as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crashdrive.choices import no_such
from crashdrive.linux.net.sockets.every import PROTOCOLS, sockets
from crashdrive.linux.net.sockets.rows import Socket, Wanted
from crashdrive.linux.net.survey import NetSurvey

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Reading

__all__ = ["PROTOCOLS", "Socket", "read"]


def read(
    kernel: Machine,
    *,
    netns: str | None = None,
    protocols: Iterable[str] = PROTOCOLS,
    listening: bool = True,
    connected: bool = True,
    processes: bool = False,
) -> Reading[Socket]:
    """Sockets of a namespace (of all where None), of these protocols (``tcp``, ``udp6``, ``unix``, ...).

    ``listening`` and ``connected``: which of both; ``processes``: find the process that has each open.
    UsageError for an unknown protocol or namespace.
    """
    chosen = frozenset(protocols)
    if unknown := chosen - set(PROTOCOLS):
        raise no_such("protocol", min(unknown), PROTOCOLS)
    survey = NetSurvey.of(kernel, netns)
    wanted = Wanted(chosen, listening=listening, connected=connected)
    found = sockets(survey, wanted, processes=processes)
    return survey.reading(row for row in found if row.proto in chosen and wanted.state(row.state))
