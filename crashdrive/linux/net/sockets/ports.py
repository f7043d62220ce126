"""Local ports: the range that the kernel chooses from, and its ports in use.

Sources: net/ipv4/inet_connection_sock.c (inet_get_local_port_range), inet_hashtables.c.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from crashdrive.linux.net.sockets.rows import LISTENING, Socket
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Record

# a pair of ints behind a lock until d9f28735af87 (6.8), packed into one number since
_PAIRS = ("ipv4.ip_local_ports.range", "ipv4.sysctl_local_ports.range")
_MAPPED = "::ffff:"
_TRANSPORTS = frozenset({"tcp", "udp", "udplite"})
_HIGHEST = 65535


class Range(NamedTuple):
    """The ports that the kernel chooses from (net.ipv4.ip_local_port_range), both ends included."""

    low: int
    high: int

    @property
    def size(self) -> int:
        """The number of ports, net.ipv4.ip_local_reserved_ports included."""
        return self.high - self.low + 1


class PortUse(Record, frozen=True):
    """Ports of the range in use: towards one destination, or (``remote_address`` None) in all.

    ``range_size`` is the size of the namespace's range. A connection needs a port that is free towards its
    destination; bind() and UDP sockets without a destination need one that no socket has.
    """

    netns: str | None
    proto: str
    local_address: str | None
    remote_address: str | None
    remote_port: int | None
    used: int
    range_size: int


class SharedPort(Record, frozen=True):
    """Sockets that are bound to the same address and port (SO_REUSEPORT, SO_REUSEADDR)."""

    netns: str | None
    proto: str
    local_address: str | None
    local_port: int | None
    interface: str | None
    socket_count: int
    programs: tuple[str, ...]


def ranges(survey: NetSurvey) -> dict[str, Range]:
    """The range of each namespace by its label; a missing one is left out."""
    kernel, nets = survey.kernel, sorted(survey.chosen)
    pair = kernel.first_path("struct net", [f"{path}[0]" for path in _PAIRS])
    if pair is not None:
        paths = [pair, pair.removesuffix("[0]") + "[1]"]
    else:
        paths = [kernel.path("struct net", *_PAIRS)]
    columns = survey.gaps(kernel.read_many("struct net", nets, paths), "ranges of local ports")
    found = {survey.labels[net]: _range(row) for net, row in zip(nets, columns, strict=True)}
    return {label: one for label, one in found.items() if one is not None and 0 < one.size <= _HIGHEST}


def _range(row: Sequence[int | None]) -> Range | None:
    if None in row:
        return None
    numbers = [number for number in row if number is not None]
    return Range(*numbers) if len(numbers) == 2 else Range(numbers[0] & 0xFFFF, numbers[0] >> 16)


def port_use(rows: Iterable[Socket], known: Mapping[str, Range]) -> list[PortUse]:
    """Numbers of ports in use, the highest first; IPv4 and mapped IPv6 share ports."""
    used: dict[tuple[str, str, str | None, str | None, int | None], set[int]] = defaultdict(set)
    for row in rows:
        span = known.get(row.netns or "")
        transport = row.proto.removesuffix("6")
        if span is None or transport not in _TRANSPORTS or row.local_port is None:
            continue
        if not span.low <= row.local_port <= span.high:
            continue
        used[(row.netns or "", transport, None, None, None)].add(row.local_port)
        if row.state not in LISTENING:
            ends = (_plain(row.local_address), _plain(row.remote_address), row.remote_port)
            used[(row.netns or "", transport, *ends)].add(row.local_port)
    counted = [
        PortUse(
            netns=netns, proto=transport, local_address=local, remote_address=remote, remote_port=port,
            used=len(ports), range_size=known[netns].size,
        )
        for (netns, transport, local, remote, port), ports in used.items()
    ]  # fmt: skip
    return sorted(counted, key=lambda one: (-one.used / one.range_size, one.remote_address is not None))


def _plain(address: str | None) -> str | None:
    return address.removeprefix(_MAPPED) if address is not None else None


def shared_ports(rows: Iterable[Socket]) -> list[SharedPort]:
    """Ports that several unconnected sockets have, the most shared first."""
    groups: dict[tuple[str | None, str, str | None, int | None, str | None], list[Socket]] = defaultdict(list)
    for row in rows:
        if row.state in LISTENING and row.local_port and row.proto.removesuffix("6") in _TRANSPORTS:
            groups[(row.netns, row.proto, row.local_address, row.local_port, row.interface)].append(row)
    shared = [
        SharedPort(
            netns=netns, proto=proto, local_address=local, local_port=port, interface=interface,
            socket_count=len(held), programs=tuple(sorted({row.program for row in held if row.program})),
        )
        for (netns, proto, local, port, interface), held in groups.items() if len(held) > 1
    ]  # fmt: skip
    return sorted(shared, key=lambda one: -one.socket_count)
