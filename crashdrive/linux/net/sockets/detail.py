"""Parts that all detail tables share, and the memory of full sockets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crashdrive.linux.net.sockets.inet import drop_members, dropped
from crashdrive.linux.net.sockets.rows import Socket
from crashdrive.linux.survey import Fields, Survey, row_dicts
from crashdrive.records import Address, Record, Table

# include/net/sock.h: sk_shutdown
_SHUT = {0: None, 1: "receive", 2: "send", 3: "both"}


class Buffers(Record, frozen=True, gc=False):
    """A socket's memory in bytes, as ``ss -m`` has it.

    ``rmem`` and ``wmem``: allocated for received data and for data to send, ``rcvbuf`` and ``sndbuf``: their
    limits; ``forward_alloc``: reserved, ``wmem_queued``: queued for sending, ``omem``: for options,
    ``backlog``: received while the socket was locked. ``shut``: the closed directions.
    """

    proto: str
    local: str | None
    remote: str | None
    rmem: int | None
    rcvbuf: int | None
    wmem: int | None
    sndbuf: int | None
    forward_alloc: int | None
    wmem_queued: int | None
    omem: int | None
    backlog: int | None
    drops: int | None
    shut: str | None
    address: Address


_MEMBERS = {
    "rmem": ("sk_backlog.rmem_alloc.counter",),
    "rcvbuf": ("sk_rcvbuf",),
    "wmem": ("sk_wmem_alloc.refs.counter", "sk_wmem_alloc.counter"),
    "sndbuf": ("sk_sndbuf",),
    "forward_alloc": ("sk_forward_alloc",),
    "wmem_queued": ("sk_wmem_queued",),
    "omem": ("sk_omem_alloc.counter",),
    "backlog": ("sk_backlog.len",),
    **drop_members(),
    "shut": ("sk_shutdown",),
}


def buffers(survey: Survey, rows: Sequence[Socket]) -> Table:
    """The memory of full sockets."""
    fields = Fields(survey.kernel, "struct sock", _MEMBERS)
    found = survey.read(fields, [row.address for row in rows], "buffers of sockets")
    found["wmem"] = [None if held is None else held - 1 for held in found["wmem"]]
    found["drops"] = dropped(found)
    for name in drop_members():
        if name != "drops":
            del found[name]
    found["shut"] = [_SHUT.get(bits, str(bits)) if bits is not None else None for bits in found["shut"]]
    records = [
        Buffers(proto=row.proto, **ends(row), address=row.address, **values)
        for row, values in zip(rows, row_dicts(found), strict=True)
    ]
    return Table(name="buffers", rows=records, title="Memory")


def ends(row: Socket) -> dict[str, Any]:
    """``local`` and ``remote`` of a socket, which identify it for people."""
    return {
        "local": endpoint(row.local_address, row.local_port),
        "remote": endpoint(row.remote_address, row.remote_port),
    }


def endpoint(address: str | None, port: int | None) -> str | None:
    """``192.0.2.1:80``, ``[2001:db8::1]:80``, or the address alone."""
    if address is None or port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
