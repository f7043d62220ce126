"""Texts for sockets, interfaces and ports in the evidence of network rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from crashdrive.linux.net.counters.losses import Losses, lost
from crashdrive.rules import Match

if TYPE_CHECKING:
    from crashdrive.linux.net.counters.snmp import Counter
    from crashdrive.linux.net.links import Link
    from crashdrive.linux.net.sockets.ports import PortUse


class Held(Protocol):
    """A row about a socket, with the process that has it open."""

    @property
    def proto(self) -> str: ...
    @property
    def netns(self) -> str | None: ...
    @property
    def local(self) -> str | None: ...
    @property
    def remote(self) -> str | None: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def program(self) -> str | None: ...


def who(row: Held) -> str:
    """A row's socket in a few words: see `socket_words`."""
    return socket_words(row.proto, (row.local, row.remote), row.netns, row.pid, row.program)


def socket_words(
    proto: str, ends: Iterable[str | None], netns: str | None, pid: int | None, program: str | None
) -> str:
    """A socket's protocol, local and remote end, namespace and process: ``tcp 10.0.0.1:80 (netns init,
    7/nginx)``.
    """
    # the remote port of a socket without a peer is 0
    told = " -> ".join(end for end in ends if end and not end.endswith(":0")) or "(unnamed)"
    holder = f", {pid}/{program}" if pid is not None else ""
    return f"{proto} {told} (netns {netns}{holder})"


def interface(row: Link) -> str:
    """An interface and its namespace."""
    return f"{row.device} (netns {row.netns})"


def ports_used(row: PortUse) -> str:
    """How many ports of a range are in use, and towards which destination."""
    from crashdrive.linux.net.sockets.detail import endpoint

    towards = endpoint(row.remote_address, row.remote_port)
    way = f"{row.local_address} -> {towards}" if towards is not None else "all sockets"
    return f"{row.proto} {way} (netns {row.netns}): {row.used} of {row.range_size} ports"


def losses(counters: Iterable[Counter], kind: Losses, message: str) -> Iterator[Match]:
    """A match for each namespace whose counters of this kind of loss aren't all 0."""
    for netns, rows in lost(counters, kind):
        evidence = tuple(f"{one.group}{one.name} {one.value}" for one in rows)
        yield Match(evidence=evidence, message=f"{message} (netns {netns})")
