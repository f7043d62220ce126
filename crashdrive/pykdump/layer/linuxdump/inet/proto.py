"""``LinuxDump.inet.proto``: sockets, read by `crashdrive.linux.net.sockets`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crashdrive.pykdump.layer.access import readSU
from crashdrive.pykdump.layer.cdecl import CEnum
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.memo import kept
from crashdrive.pykdump.layer.pylogs import pylog
from crashdrive.pykdump.run import current

tcpState = CEnum(
    """
    enum {
      TCP_ESTABLISHED = 1, TCP_SYN_SENT, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_TIME_WAIT, TCP_CLOSE,
      TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_LISTEN, TCP_CLOSING, TCP_NEW_SYN_RECV
    };
    """
)
tcp_state_name = {value: name.removeprefix("TCP_") for name, value in tcpState.name2i.items()}
_FAMILIES = {"inet": 2, "inet6": 10, "unix": 1, "netlink": 16, "packet": 17}
_SOCKS = {
    "tcp": "struct tcp_sock",
    "udp": "struct udp_sock",
    "raw": "struct raw_sock",
    "unix": "struct unix_sock",
}


def formatIPv4(ip: Any, port: int | None, printstar: bool = True) -> str:  # noqa: FBT001, FBT002 - PyKdump's call
    """An address and a port as text."""
    host = ip if isinstance(ip, str) else _dotted(ip)
    if printstar and host == "0.0.0.0":  # noqa: S104 - an address that is shown
        host = "*"
    return f"{host}:{port or '*'}"


formatIPv6 = formatIPv4


def _dotted(ip: Any) -> str:
    from crashdrive.pykdump.layer.linuxdump.inet import ntodots

    return ntodots(ip)


class IP_sock:
    """A socket of TCP, UDP or raw IP: addresses, ports, state."""

    def __init__(self, o: Any, details: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 - PyKdump's call
        row = _row(int(o))
        if row is None:
            raise TypeError(f"{o} is no socket of this dump")
        self._take(row)

    def _take(self, row: Any) -> None:
        self.row = row
        self.proto = row.proto.removesuffix("6")
        self.family = _FAMILIES.get(row.family, 0)
        self.laddr, self.raddr = row.local_address, row.remote_address
        self.sport, self.dport = row.local_port, row.remote_port
        self.state_s = row.state
        self.state = tcpState.name2i.get(f"TCP_{row.state}", 0)
        self.rmem_alloc, self.wmem_alloc = row.recv_q, row.send_q
        self.sock = int(row.address)

    @property
    def left(self) -> str:
        """The local end."""
        return formatIPv4(str(self.laddr), self.sport)

    @property
    def right(self) -> str:
        """The other end."""
        return formatIPv4(str(self.raddr), self.dport)

    def __str__(self) -> str:
        return f"{self.proto:<5s} {self.left:>27s} {self.right:>27s}  {self.state_s or ''}"


def _rows() -> list[Any]:
    known = kept("sockets")
    if "rows" not in known:
        from crashdrive.linux.net.sockets.every import PROTOCOLS, sockets
        from crashdrive.linux.net.sockets.rows import Wanted
        from crashdrive.linux.net.survey import NetSurvey

        wanted = Wanted(frozenset(PROTOCOLS), listening=True, connected=True)
        survey = NetSurvey.of(current().kernel)
        known["rows"] = sockets(survey, wanted, processes=False)
        for notice in survey.notices:
            pylog.warning_onexit(notice.message)
    rows: list[Any] = known["rows"]
    return rows


def _row(address: int) -> Any:
    known = kept("sockets by address")
    if not known:
        known.update({int(row.address): row for row in _rows()})
    return known.get(address)


def _objects(proto: str, *, states: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> Iterator[Any]:
    """Sockets of a protocol as structures."""
    for row in _rows():
        if (
            row.proto.removesuffix("6") != proto
            or (states and row.state not in states)
            or row.state in without
        ):
            continue
        yield readSU(
            _SOCKS[proto] if row.state != "TIME_WAIT" else "struct tcp_timewait_sock", int(row.address)
        )


def get_TCP_LISTEN() -> Iterator[Any]:
    """Listening TCP sockets."""
    return _objects("tcp", states=("LISTEN",))


def get_TCP_ESTABLISHED() -> Iterator[Any]:
    """TCP sockets of all other states but TIME_WAIT."""
    return _objects("tcp", without=("LISTEN", "TIME_WAIT"))


def get_TCP_TIMEWAIT() -> Iterator[Any]:
    """TCP sockets in TIME_WAIT."""
    return _objects("tcp", states=("TIME_WAIT",))


def get_UDP() -> Iterator[Any]:
    """UDP sockets."""
    return _objects("udp")


def get_RAW() -> Iterator[Any]:
    """Raw sockets."""
    return _objects("raw")


get_RAW6 = get_RAW


def get_AF_UNIX() -> Iterator[Any]:
    """Unix sockets."""
    return _objects("unix")


def unix_sock(s: Any) -> tuple[Any, int, str]:
    """(state, inode, path) of a unix socket."""
    row = _row(int(s))
    if row is None:
        return None, 0, ""
    return row.state, row.inode or 0, getattr(row, "path", None) or row.local_address or ""


def decodeSock(sock: Any) -> tuple[Any, str, int, str]:
    """(family, kind, protocol, structure's name) of a ``struct sock``."""
    common = readSU("struct sock", int(sock))
    family = int(common.__getattr__("__sk_common").skc_family)
    names = {value: name for name, value in _FAMILIES.items()}
    row = _row(int(sock))
    kind = row.proto if row else names.get(family, str(family))
    return family, kind, int(common.sk_protocol), _SOCKS.get(kind.removesuffix("6"), "struct sock")


def inode2socketaddr(inode: Any) -> int:
    """The ``struct socket`` of an inode; 0 for what is none."""
    import stat

    if not inode or not stat.S_ISSOCK(int(inode.i_mode)):
        return 0
    return int(inode) - current().kernel.offset("struct socket_alloc", "vfs_inode")


def walk_skb(skb_h: Any) -> Iterator[Any]:
    """Every packet of a queue (``struct sk_buff_head``)."""
    skb = skb_h.next
    while int(skb) != int(skb_h):
        yield skb
        skb = skb.next


def skb_network_header(skb: Any) -> int:
    """Where a packet's network header is."""
    return int(skb.head) + int(skb.network_header)


def skb_transport_header(skb: Any) -> int:
    """Where a packet's transport header is."""
    return int(skb.head) + int(skb.transport_header)


def skb_shinfo(skb: Any) -> Any:
    """A packet's ``struct skb_shared_info``."""
    return readSU("struct skb_shared_info", int(skb.head) + int(skb.end))


__getattr__ = lazy_names(__name__, {})
