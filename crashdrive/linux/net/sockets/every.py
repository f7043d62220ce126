"""Sockets of all families."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from crashdrive.linux.net.sockets import (
    netlink,
    packet,
    raw,
    tcp,
    udp,
    unix,
)
from crashdrive.linux.net.sockets.rows import Batch, Socket, Wanted, socket_rows
from crashdrive.linux.net.survey import NetSurvey

FINDERS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("TCP sockets", tcp.find),
    ("UDP sockets", udp.find),
    ("UDP-Lite sockets", udp.find_lite),
    ("raw sockets", raw.find),
    ("ping sockets", raw.find_ping),
    ("unix sockets", unix.find),
    ("packet sockets", packet.find),
    ("netlink sockets", netlink.find),
)

# as rows have them: netstat's words
PROTOCOLS = (
    "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "unix", "packet",
    "netlink",
)  # fmt: skip


def sockets(survey: NetSurvey, wanted: Wanted, *, processes: bool) -> list[Socket]:
    """The wanted sockets of all families; ``processes``: find the process that has each open."""
    batches: list[Batch] = []
    for what, find in FINDERS:
        batches += survey.attempt(what, partial(find, survey, wanted))
    return socket_rows(survey, batches, processes=processes)
