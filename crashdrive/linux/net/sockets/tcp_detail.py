"""TCP in all detail: connections, listening sockets, and their queues.

Sources: net/ipv4/tcp.c (tcp_get_info), net/ipv4/inet_connection_sock.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from crashdrive.linux.net.sockets.detail import endpoint, ends
from crashdrive.linux.net.sockets.inet import Named, address_columns, common, mapped
from crashdrive.linux.net.sockets.rows import TCP_STATES, Socket
from crashdrive.linux.net.sockets.tcp import LISTEN, NEW_SYN_RECV, SOCK, TIME_WAIT
from crashdrive.linux.survey import Fields, Survey, row_dicts
from crashdrive.records import Address, Long, Record, Table

_NEVER = 0x7FFFFFFF  # TCP_INFINITE_SSTHRESH
_UNSET32 = 0xFFFFFFFF
# states whose structure is no struct sock
SMALL = frozenset({TIME_WAIT, NEW_SYN_RECV})
_CA_STATES = ("open", "disorder", "cwr", "recovery", "loss")


class TcpDetail(Record, frozen=True, gc=False):
    """A TCP connection: sizes in bytes, times in seconds; None where nothing was measured yet.

    ``rto``: the retransmit timeout, ``ato``: that of delayed ACKs; ``rtt``: smoothed, ``rtt_variance``: its
    mean deviation. ``unacked``, ``retransmitting``, ``lost``, ``sacked``: segments in flight,
    ``total_retransmits``: of the whole connection. ``*_ago``: how long before the dump data was last sent,
    received, acknowledged. ``window_clamp``: the largest window to offer; ``cwnd`` and ``ssthresh`` in
    segments.
    """

    proto: str
    netns: str | None
    local: str | None
    remote: str | None
    state: str | None
    address: Address
    congestion_control: str | None
    congestion_state: str | None
    ulp: str | None
    mss: int | None
    advertised_mss: int | None
    received_mss: int | None
    path_mtu: int | None
    cwnd: int | None
    ssthresh: int | None
    send_window: int | None
    receive_window: int | None
    send_scale: int | None
    receive_scale: int | None
    window_clamp: int | None
    receive_ssthresh: int | None
    rto: float | None
    backoff: int | None
    ato: float | None
    rtt: float | None
    rtt_variance: float | None
    rtt_min: float | None
    receive_rtt: float | None
    unacked: int | None
    retransmitting: int | None
    total_retransmits: int | None
    lost: int | None
    sacked: int | None
    not_sent: int | None
    bytes_sent: Long | None
    bytes_acked: Long | None
    bytes_received: Long | None
    bytes_retransmitted: Long | None
    segments_out: int | None
    segments_in: int | None
    data_segments_out: int | None
    data_segments_in: int | None
    last_sent_ago: float | None
    last_received_ago: float | None
    last_ack_ago: float | None
    nodelay: bool | None
    cork: bool | None
    sack: bool | None
    timestamps: bool | None
    ecn: bool | None
    pacing_rate: Long | None
    delivered: int | None
    keepalive_interval: float | None
    user_timeout: float | None


class Listener(Record, frozen=True, gc=False):
    """A listening socket: ``accept_queue`` of ``accept_limit`` connections wait for accept(), ``syn_queue``
    for the end of their handshake, ``syn_young`` of these without a retransmit. ``drops`` of connections that
    found no room. ``defer_accept``: how many retransmits to wait for data.
    """

    proto: str
    netns: str | None
    local: str | None
    accept_queue: int | None
    accept_limit: int | None
    syn_queue: int | None
    syn_young: int | None
    drops: int | None
    defer_accept: int | None
    fastopen_limit: int | None
    congestion_control: str | None
    program: str | None
    address: Address


class Waiting(Record, frozen=True, gc=False):
    """A connection in an accept queue: ``state`` and ``address`` of its socket, and the listening socket."""

    local: str | None
    remote: str | None
    state: str | None
    address: Address | None
    listener_address: Address
    request_address: Address


class HalfOpen(Record, frozen=True, gc=False):
    """A connection in a SYN queue: retransmits of its SYN-ACK, and the seconds until the next one."""

    local: str | None
    remote: str | None
    retransmits: int | None
    timer_left: float | None
    mss: int | None
    syncookie: bool | None
    listener_address: Address | None
    address: Address


def kinds(survey: Survey, rows: Sequence[Socket]) -> dict[int, int | None]:
    """The kernel's own state of TCP rows by address: it tells the structure."""
    addresses = [row.address for row in rows]
    columns = survey.kernel.read_many("struct sock_common", addresses, ["skc_state"])
    return dict(zip(addresses, survey.gaps(columns, "TCP sockets")["skc_state"], strict=True))


def tables(survey: Survey, rows: Sequence[Socket], states: dict[int, int | None]) -> Iterator[Table]:
    """Tables about TCP rows."""
    if not rows:
        return
    listening = [row for row in rows if states[row.address] == LISTEN]
    half_open = [row for row in rows if states[row.address] == NEW_SYN_RECV]
    others = SMALL | {None, LISTEN}
    yield _connections(survey, [row for row in rows if states[row.address] not in others])
    yield _listeners(survey, listening)
    yield _accept_queues(survey, [row.address for row in listening])
    yield _syn_queues(survey, half_open)


# connections

_ICSK = "inet_conn."
_MEMBERS = {
    "congestion_control": (f"{_ICSK}icsk_ca_ops->name",),
    "congestion_state": (f"{_ICSK}icsk_ca_state",),
    "ulp": (f"{_ICSK}icsk_ulp_ops->name",),
    "mss": ("mss_cache",),
    "advertised_mss": ("advmss",),
    "received_mss": (f"{_ICSK}icsk_ack.rcv_mss",),
    "path_mtu": (f"{_ICSK}icsk_pmtu_cookie",),
    "cwnd": ("snd_cwnd",),
    "ssthresh": ("snd_ssthresh",),
    "send_window": ("snd_wnd",),
    "receive_window": ("rcv_wnd",),
    "send_scale": ("rx_opt.snd_wscale",),
    "receive_scale": ("rx_opt.rcv_wscale",),
    "window_clamp": ("window_clamp",),
    "receive_ssthresh": ("rcv_ssthresh",),
    "rto": (f"{_ICSK}icsk_rto",),
    "backoff": (f"{_ICSK}icsk_backoff",),
    "ato": (f"{_ICSK}icsk_ack.ato",),
    "rtt": ("srtt_us",),
    "rtt_variance": ("mdev_us",),
    "rtt_min": ("rtt_min.s[0].v",),
    "receive_rtt": ("rcv_rtt_est.rtt_us",),
    "unacked": ("packets_out",),
    "retransmitting": ("retrans_out",),
    "total_retransmits": ("total_retrans",),
    "lost": ("lost_out",),
    "sacked": ("sacked_out",),
    "bytes_sent": ("bytes_sent",),
    "bytes_acked": ("bytes_acked",),
    "bytes_received": ("bytes_received",),
    "bytes_retransmitted": ("bytes_retrans",),
    "segments_out": ("segs_out",),
    "segments_in": ("segs_in",),
    "data_segments_out": ("data_segs_out",),
    "data_segments_in": ("data_segs_in",),
    "last_sent_ago": ("lsndtime",),
    "last_received_ago": (f"{_ICSK}icsk_ack.lrcvtime",),
    "last_ack_ago": ("rcv_tstamp",),
    "sack": ("rx_opt.sack_ok",),
    "timestamps": ("rx_opt.tstamp_ok",),
    "pacing_rate": (f"{SOCK}sk_pacing_rate",),
    "delivered": ("delivered",),
    "keepalive_interval": ("keepalive_time",),
    "user_timeout": (f"{_ICSK}icsk_user_timeout",),
}
_HELPERS = {
    "wscale_ok": ("rx_opt.wscale_ok",),
    "nonagle": ("nonagle",),
    "ecn_flags": ("ecn_flags",),
    "write_seq": ("write_seq",),
    "snd_nxt": ("snd_nxt",),
}


def _connections(survey: Survey, rows: Sequence[Socket]) -> Table:
    fields = Fields(survey.kernel, "struct tcp_sock", {**_MEMBERS, **_HELPERS})
    found = survey.read(fields, [row.address for row in rows], "details of TCP sockets")
    _convert(survey, found)
    records = [
        TcpDetail(
            proto=row.proto, netns=row.netns, **ends(row), state=row.state, address=row.address, **values
        )
        for row, values in zip(rows, row_dicts(found), strict=True)
    ]
    return Table(name="tcp", rows=records, layout="fields", title="TCP connections")


def _convert(survey: Survey, found: Named) -> None:
    """Convert the kernel's units to ours, in place."""
    hz = survey.kernel.hz
    for name in ("rto", "ato", "keepalive_interval"):
        found[name] = mapped(found[name], lambda ticks: ticks / hz if ticks else None)
    found["user_timeout"] = mapped(found["user_timeout"], lambda msec: msec / 1000 if msec else None)
    for name, parts in (("rtt", 8), ("rtt_variance", 4), ("receive_rtt", 8), ("rtt_min", 1)):
        found[name] = mapped(found[name], partial(_seconds, parts))
    for name in ("last_sent_ago", "last_received_ago", "last_ack_ago"):
        found[name] = mapped(found[name], lambda tick: _ago(survey.kernel.jiffies, tick, hz))
    for name in ("sack", "timestamps"):
        found[name] = mapped(found[name], bool)
    found["congestion_state"] = mapped(found["congestion_state"], _congestion_state)
    found["ssthresh"] = mapped(found["ssthresh"], lambda limit: None if limit >= _NEVER else limit)
    found["pacing_rate"] = mapped(found["pacing_rate"], lambda rate: None if rate in _NO_RATE else rate)
    _convert_flags(found)


_NO_RATE = frozenset({_UNSET32, (1 << 64) - 1})


def _convert_flags(found: Named) -> None:
    scaled = found.pop("wscale_ok")
    for name in ("send_scale", "receive_scale"):
        found[name] = [value if ok else None for value, ok in zip(found[name], scaled, strict=True)]
    nonagle, ecn = found.pop("nonagle"), found.pop("ecn_flags")
    found["nodelay"] = mapped(nonagle, lambda bits: bool(bits & 1))
    found["cork"] = mapped(nonagle, lambda bits: bool(bits & 2))
    found["ecn"] = mapped(ecn, lambda bits: bool(bits & 1))
    found["not_sent"] = [
        None if a is None or b is None else max(0, _signed(a - b))
        for a, b in zip(found.pop("write_seq"), found.pop("snd_nxt"), strict=True)
    ]


def _signed(distance: int) -> int:
    return ((distance + (1 << 31)) & _UNSET32) - (1 << 31)


def _seconds(parts: int, usec: int) -> float | None:
    """Seconds of microseconds that the kernel keeps in 1/``parts``; None where nothing was measured yet."""
    return None if usec in {0, _UNSET32} else usec // parts / 1e6


def _ago(jiffies: int, tick: int, hz: int) -> float | None:
    """Seconds since the low 32 bits of jiffies were ``tick``; None for 0, which is never."""
    return ((jiffies - tick) & _UNSET32) / hz if tick else None


def _congestion_state(state: int) -> str:
    return _CA_STATES[state] if state < len(_CA_STATES) else str(state)


# listening sockets and their queues

_QUEUE = f"{_ICSK}icsk_accept_queue."
_LISTENER = {
    "accept_queue": (f"{SOCK}sk_ack_backlog",),
    "accept_limit": (f"{SOCK}sk_max_ack_backlog",),
    "syn_queue": (f"{_QUEUE}qlen.counter",),
    "syn_young": (f"{_QUEUE}young.counter",),
    "drops": (f"{SOCK}sk_drops.counter",),
    "defer_accept": (f"{_QUEUE}rskq_defer_accept",),
    "fastopen_limit": (f"{_QUEUE}fastopenq.max_qlen",),
    "congestion_control": (f"{_ICSK}icsk_ca_ops->name",),
}


def _listeners(survey: Survey, rows: Sequence[Socket]) -> Table:
    fields = Fields(survey.kernel, "struct tcp_sock", _LISTENER)
    found = survey.read(fields, [row.address for row in rows], "listening TCP sockets")
    records = [
        Listener(
            proto=row.proto, netns=row.netns, local=ends(row)["local"], program=row.program,
            address=row.address, **values,
        )
        for row, values in zip(rows, row_dicts(found), strict=True)
    ]  # fmt: skip
    return Table(name="listeners", rows=records, title="Listening TCP sockets")


_ENTRY = {**common("__req_common."), "listener": ("__req_common.skc_listener",), "socket": ("sk",)}


def _accept_queues(survey: Survey, listeners: Sequence[int]) -> Table:
    """Request sockets whose handshake is done; their ``sk`` is the connection."""
    kernel, kind = survey.kernel, "struct request_sock"
    head = f"{_QUEUE}rskq_accept_head"
    heads = survey.gaps(kernel.read_many("struct tcp_sock", listeners, [head]), "accept queues")[head]
    requests: list[int] = []
    for first in filter(None, heads):
        found = kernel.walk_chain(first, kind, "dl_next")
        survey.walked(found, "accept queues")
        requests += found.addresses
    columns = survey.read(Fields(kernel, kind, _ENTRY), requests, "accept queues")
    pointers = sorted({pointer for pointer in columns["socket"] if pointer})
    states = survey.kernel.read_many("struct sock_common", pointers, ["skc_state"])
    state_of = dict(zip(pointers, survey.gaps(states, "accept queues")["skc_state"], strict=True))
    records = [
        Waiting(
            **both, state=_state(state_of.get(child)), address=child or None, listener_address=listener,
            request_address=request,
        )
        for both, child, listener, request in zip(
            _both(survey, columns), columns["socket"], columns["listener"], requests, strict=True
        )
    ]  # fmt: skip
    return Table(name="accept_queues", rows=records, title="Connections to be accepted")


def _state(state: int | None) -> str | None:
    return None if state is None else TCP_STATES.get(state, str(state))


def _both(survey: Survey, columns: Named) -> list[dict[str, Any]]:
    """``local`` and ``remote`` of request sockets."""
    base = address_columns(survey.kernel, columns)
    return [
        {"local": endpoint(local, port), "remote": endpoint(remote, remote_port)}
        for local, port, remote, remote_port in zip(
            base["local_address"],
            base["local_port"],
            base["remote_address"],
            base["remote_port"],
            strict=True,
        )
    ]


_HALF_OPEN = {
    "listener": ("__req_common.skc_listener",),
    "mss": ("mss",),
    "syncookie": ("syncookie", "cookie_ts"),
}


def _syn_queues(survey: Survey, rows: Sequence[Socket]) -> Table:
    fields = Fields(survey.kernel, "struct request_sock", _HALF_OPEN)
    found = survey.read(fields, [row.address for row in rows], "SYN queues")
    records = [
        HalfOpen(
            **ends(row), retransmits=row.retransmits, timer_left=row.timer_left, mss=mss,
            syncookie=None if cookie is None else bool(cookie), listener_address=listener or None,
            address=row.address,
        )
        for row, listener, mss, cookie in zip(rows, *found.values(), strict=True)
    ]  # fmt: skip
    return Table(name="syn_queues", rows=records, title="Half-open connections")
