"""Connections of clients to servers, ``struct rpc_xprt`` (net/sunrpc/xprt.c, xprtsock.c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crashdrive.linux.nfs.flags import TRANSPORT, BitNames
from crashdrive.linux.nfs.places import Endpoints
from crashdrive.linux.survey import Fields, Survey
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

_TRANSPORT, _OF_SOCKETS = "struct rpc_xprt", "struct sock_xprt"
# IPPROTO_*, and XPRT_TRANSPORT_* beyond these (include/linux/sunrpc/xprt.h); a callback's has the highest bit
_PROTOCOLS = {6: "tcp", 17: "udp", 256: "rdma", 257: "local", 258: "tcp-tls"}
_WITH_SOCKET = frozenset({"tcp", "udp", "local", "tcp-tls"})
_BACK = 1 << 31
_QUEUES = ("binding", "sending", "resend", "pending", "backlog")
_COUNTERS = (
    "bind_count", "connect_count", "connect_start", "connect_time", "sends", "recvs", "bad_xids",
    "max_slots", "req_u", "bklog_u", "sending_u", "pending_u",
)  # fmt: skip
_FIELDS = {
    "protocol": ("prot",),
    "state": ("state",),
    "server": ("servername",),
    "used": ("last_used",),
    **{f"{name}_queue": (f"{name}.qlen",) for name in _QUEUES},
    **{name: (f"stat.{name}",) for name in _COUNTERS},
}
_OF_SOCKET = {"socket": ("inet", "sock->sk")}


class RpcTransport(Record, frozen=True):
    """A connection to a server, ``struct rpc_xprt``.

    ``protocol``: ``tcp``, ``udp``, ``local``, ``rdma``, ``tcp-tls``; ``state`` in the kernel's words, as
    ``BOUND|CONNECTED``. ``queues``: the number of calls in each that this kernel has, ``call_counters``: its
    statistics. ``used_ago`` in seconds. ``socket_address``: of its ``struct sock``; None where there is none.
    """

    address: Address
    protocol: str | None
    server: str | None
    remote: str | None
    state: str | None
    used_ago: float | None
    queues: Mapping[str, int | None]
    call_counters: Mapping[str, int | None]
    socket_address: Address | None


class Transports:
    """Reads transports by their addresses."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey

    def at(self, addresses: Sequence[int]) -> list[RpcTransport]:
        """The transports at these addresses."""
        survey, kernel = self._survey, self._survey.kernel
        fields = Fields(kernel, _TRANSPORT, _FIELDS, ("protocol", "state", "used"))
        rows = survey.addressed(fields, addresses, "transports of remote calls")
        names = texts(survey, (row["server"] for _, row in rows), "transports of remote calls")
        if not rows:
            return []
        bits = BitNames(survey, TRANSPORT)
        shift = kernel.offset(_TRANSPORT, "addr")
        peers = Endpoints(survey, (address + shift for address, _ in rows))
        sockets = _sockets(survey, rows)
        used = survey.seconds([row["used"] for _, row in rows])
        queues = [name for name in _QUEUES if fields.has(f"{name}_queue")]
        counters = [name for name in _COUNTERS if fields.has(name)]
        return [
            RpcTransport(
                address=address,
                protocol=_protocol(row["protocol"]),
                server=names[row["server"]],
                remote=peer.text if (peer := peers[address + shift]) else None,
                state=bits.words(row["state"]),
                used_ago=None if ago is None else -ago,
                queues={name: row[f"{name}_queue"] for name in queues},
                call_counters={name: row[name] for name in counters},
                socket_address=sockets.get(address) or None,
            )
            for (address, row), ago in zip(rows, used, strict=True)
        ]


def _protocol(number: int | None) -> str | None:
    return None if number is None else _PROTOCOLS.get(number & (_BACK - 1), str(number))


def _sockets(survey: Survey, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[int, int | None]:
    """The ``struct sock`` of each transport that has one: it begins a ``struct sock_xprt`` then."""
    kernel = survey.kernel
    wanted = [address for address, row in rows if _protocol(row["protocol"]) in _WITH_SOCKET]
    if not wanted:
        return {}
    shift = kernel.offset(_OF_SOCKETS, "xprt")
    fields = Fields(kernel, _OF_SOCKETS, _OF_SOCKET, _OF_SOCKET)
    found = survey.rows(fields, [address - shift for address in wanted], "sockets of remote calls")
    return {address: row["socket"] for address, row in zip(wanted, found, strict=True)}
