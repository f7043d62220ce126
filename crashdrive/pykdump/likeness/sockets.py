"""Sockets as PyKdump's ``xportshow`` prints them, out of report netstat's rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crashdrive.pykdump.likeness.marks import told as _
from crashdrive.records import Report

_WIDE = 27
_RULE = "-" * 78
_TABLES = ("tcp", "listeners", "udp", "unix", "buffers", "accept_queues", "syn_queues")
_STRUCTS = {
    "tcp": "tcp_sock",
    "udp": "udp_sock",
    "udplite": "udp_sock",
    "raw": "raw_sock",
    "icmp": "raw_sock",
}
_FAMILIES = {"inet": "PF_INET", "inet6": "PF_INET6"}
_CLOSED = "st=7"

Tables = Mapping[str, Mapping[int, Any]]


def lines(report: Report, verbosity: int) -> Iterator[str]:
    """The sockets; ``verbosity``: how many times ``-v`` was given."""
    tables = _tables(report)
    rows = list(next((table.rows for table in report.tables if table.name == "sockets"), ()))
    for row in rows:
        if row.proto.removesuffix("6") in _STRUCTS:
            yield from _inet(row, tables, verbosity)
    unix = [row for row in rows if row.proto == "unix"]
    if unix:
        yield from ("unix   State          i_ino   Path", "-" * 34)
    for row in unix:
        yield from _unix(row, tables, verbosity)


def _tables(report: Report) -> dict[str, dict[int, Any]]:
    """Rows of other tables by the address of their socket; several of one socket are a list."""
    found: dict[str, dict[int, Any]] = {name: {} for name in _TABLES}
    for table in report.tables:
        if table.name in ("accept_queues", "syn_queues"):
            for row in table.rows:
                found[table.name].setdefault(int(row.listener_address), []).append(row)
        elif table.name in found:
            found[table.name].update({int(row.address): row for row in table.rows})
    return found


def socket_line(row: Any) -> str:
    """One socket of TCP, UDP or raw IP: both ends and the state."""
    plain = row.proto.removesuffix("6")
    proto = {"icmp": "raw"}.get(plain, plain) + ("6" if row.proto.endswith("6") else "")
    local, remote = _end(row.local_address, row.local_port), _end(row.remote_address, row.remote_port)
    if plain == "tcp":
        state = f" {_(row.state)}"
    else:
        state = _CLOSED if row.state not in (None, "ESTABLISHED") else _(row.state)
    return f"{proto:<5s} {local:<{_WIDE}s}{remote:<{_WIDE}s}{state}"


def _end(address: str | None, port: int | None) -> str:
    return f"{_(address)}:{'?' if port is None else port or '*'}"


def _inet(row: Any, tables: Tables, verbosity: int) -> Iterator[str]:
    plain, address = row.proto.removesuffix("6"), int(row.address)
    if verbosity:
        kind = "tcp_timewait_sock" if row.state == "TIME_WAIT" else _STRUCTS[plain]
        yield _RULE
        yield f"<struct {kind} {address:#x}> \t\t{plain.upper()}"
    yield socket_line(row)
    if not verbosity:
        return
    buffers = tables["buffers"].get(address)
    if row.state == "LISTEN":
        yield from _listener(row, tables, verbosity)
    elif row.state == "TIME_WAIT":
        yield f"\ttw_timeout={_seconds(row.timer_left)}"
    elif plain == "tcp":
        yield from _connection(row, tables["tcp"].get(address), buffers)
    else:
        yield from _datagrams(row, tables["udp"].get(address), buffers)


def _listener(row: Any, tables: Tables, verbosity: int) -> Iterator[str]:
    yield f"\t family={_FAMILIES.get(row.family, row.family)}"
    listener = tables["listeners"].get(int(row.address))
    if listener is not None:
        yield f"\t backlog={listener.accept_queue}({listener.accept_limit})"
        yield f"\t qlen={listener.syn_queue} qlen_young={listener.syn_young}"
    if verbosity < 2:
        return
    for name, title in (("accept_queues", "Accept Queue"), ("syn_queues", "SYN-Queue")):
        entries = tables[name].get(int(row.address), ())
        if entries:
            yield f"    --- {title}"
        for entry in entries:
            yield f"\tladdr={entry.local:<{_WIDE}s} raddr={entry.remote}"


def _connection(row: Any, tcp: Any, buffers: Any) -> Iterator[str]:
    if tcp is not None:
        yield (
            f"\twindows: rcv={_(tcp.receive_window)}, snd={_(tcp.send_window)}  "
            f"advmss={_(tcp.advertised_mss)} rcv_ws={_(tcp.receive_scale)} snd_ws={_(tcp.send_scale)}"
        )
        unread = tcp.nodelay is None or tcp.cork is None
        nonagle = None if unread else int(tcp.nodelay) | int(tcp.cork) << 1
        yield f"\tnonagle={_(nonagle)} sack_ok={_flag(tcp.sack)} tstamp_ok={_flag(tcp.timestamps)}"
    yield from _allocated(buffers)
    yield f"\trx_queue={_(row.recv_q)}, tx_queue={_(row.send_q)}"
    yield from _limits(buffers)
    if tcp is None:
        return
    rto = "n/a" if tcp.rto is None else f"{tcp.rto * 1000:.0f} ms"
    received, sent = _seconds(tcp.last_received_ago), _seconds(tcp.last_sent_ago)
    yield f"\trcv_tstamp={received}, lsndtime={sent} ago,  RTO={rto}"
    if row.retransmits:
        yield "    -- Retransmissions --"
        state = str(tcp.congestion_state).capitalize()
        yield f"       retransmits={row.retransmits}, ca_state=TCP_CA_{state}"


def _datagrams(row: Any, udp: Any, buffers: Any) -> Iterator[str]:
    yield f"\trx_queue={_(row.recv_q)}, tx_queue={_(row.send_q)}"
    yield from _limits(buffers)
    if udp is not None:
        pending = _flag(udp.pending_bytes)
        yield f"\tpending={pending}, corkflag={_flag(udp.corked)}, len={_(udp.pending_bytes)}"


def _allocated(buffers: Any) -> Iterator[str]:
    if buffers is not None:
        yield f"\trmem_alloc={_(buffers.rmem)}, wmem_alloc={_(buffers.wmem)}"


def _limits(buffers: Any) -> Iterator[str]:
    if buffers is not None:
        yield f"\trcvbuf={_(buffers.rcvbuf)}, sndbuf={_(buffers.sndbuf)}"


def _unix(row: Any, tables: Tables, verbosity: int) -> Iterator[str]:
    if verbosity:
        yield _RULE
        yield f"<struct unix_sock {int(row.address):#x}> \t\tUnix"
    state = {"UNCONN": "CLOSE", "CONNECTED": "ESTABLISHED", "CONNECTING": "SYN_SENT"}.get(
        row.state, row.state
    )
    yield f"unix   {state:<12s}   {row.inode or 0:<6d}  {row.local_address or ''}"
    peer = tables["unix"].get(int(row.address))
    if verbosity > 1 and peer is not None and peer.peer_address is not None:
        yield f"     Peer: {peer.peer_inode or 0:<6d}  {peer.peer_local or ''}"


def _flag(value: Any) -> str:
    return "?" if value is None else str(int(bool(value)))


def _seconds(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f} s"
