"""Ports that several sockets are bound to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.linux.net.sockets.detail import endpoint
from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.net.sockets.ports import SharedPort


@rule(
    id="ports-shared",
    severity="info",
    looks_at=("netsummary.shared_ports",),
    message="{count:port is|ports are} bound several times",
    threshold="any",
    explanation=(
        "SO_REUSEPORT or SO_REUSEADDR: the kernel spreads connections over them, or gives all to the last"
        " one."
    ),
    advice="Where that isn't wanted, two copies of a program may run: see the programs and their pids.",
    reference="socket(7): SO_REUSEPORT, SO_REUSEADDR",
)
def ports_shared(shared: Iterable[SharedPort]) -> Iterator[Match]:
    return matches(shared, _shared)


def _shared(row: SharedPort) -> str:
    where = endpoint(row.local_address, row.local_port)
    return f"{row.proto} {where} (netns {row.netns}): {row.socket_count} sockets of {', '.join(row.programs)}"
