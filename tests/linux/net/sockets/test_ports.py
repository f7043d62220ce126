"""Local ports: which are taken towards what, and which are shared."""

from __future__ import annotations

from typing import Any

from crashdrive.linux.net.sockets import ports
from crashdrive.linux.net.sockets.rows import Socket


def sock(**values: Any) -> Socket:
    plain: dict[str, Any] = dict.fromkeys(Socket.__struct_fields__[:15])
    return Socket(**{**plain, "proto": "udp", "family": "inet", "netns": "red", "address": 1, **values})


def test_port_use_counts_by_destination() -> None:
    """IPv6 that carries IPv4 has the same ports; those out of the range don't count; nor do others' rows."""
    known = {"red": ports.Range(1000, 1099)}
    to = {
        "local_address": "192.0.2.1",
        "remote_address": "192.0.2.9",
        "remote_port": 80,
        "state": "ESTABLISHED",
    }
    mapped = {**to, "local_address": "::ffff:192.0.2.1", "remote_address": "::ffff:192.0.2.9"}
    rows = [
        *(sock(proto="tcp", local_port=port, **to) for port in (1000, 1001, 1099, 999, 1100)),
        sock(proto="tcp6", local_port=1001, **mapped),
        sock(proto="tcp6", local_port=1002, **mapped),
        sock(proto="tcp", local_port=1003, state="LISTEN"),
        sock(proto="tcp", netns="blue", local_port=1004, **to),
        sock(proto="raw", local_port=1005, **to),
    ]
    towards, everything = sorted(ports.port_use(rows, known), key=lambda row: row.used)
    assert (towards.used, towards.remote_address, towards.remote_port) == (4, "192.0.2.9", 80)
    assert (everything.used, everything.remote_address, everything.range_size) == (5, None, 100)


def test_shared_ports() -> None:
    bound = {"local_address": "192.0.2.1", "local_port": 53, "state": "UNCONN"}
    rows = [sock(program="b", **bound), sock(program="a", **bound), sock(**{**bound, "local_port": 54})]
    (shared,) = ports.shared_ports([*rows, sock(**{**bound, "interface": "eth0"})])
    assert (shared.socket_count, shared.programs, shared.local_port) == (2, ("a", "b"), 53)
