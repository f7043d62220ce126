"""Raw sockets, and ping sockets (``icmp``, ``icmp6``: SOCK_DGRAM with IPPROTO_ICMP).

Sources: include/net/raw.h, net/ipv4/raw.c, net/ipv4/ping.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.linux.net.sockets.inet import REQUIRED, array_chains, datagram_batch, full, walk_array
from crashdrive.linux.net.sockets.rows import Batch, Wanted
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields


def find(survey: NetSurvey, wanted: Wanted) -> Iterator[Batch]:
    """Raw sockets: a table for each family; that of IPv6 is missing where the kernel has no IPv6."""
    for proto, symbol in (("raw", "raw_v4_hashinfo"), ("raw6", "raw_v6_hashinfo")):
        if not wanted.any_of(proto):
            continue
        if proto == "raw6" and not survey.kernel.symbols.has(symbol):
            survey.absent("raw sockets of IPv6")
            continue
        yield from _sockets(survey, wanted, "raw", symbol, "struct raw_hashinfo", "ht")


def find_ping(survey: NetSurvey, wanted: Wanted) -> Iterator[Batch]:
    """Ping sockets of both families, in one table since 3.11 (6d0bfe226116)."""
    if not wanted.any_of("icmp", "icmp6"):
        return
    if not survey.kernel.symbols.has("ping_table"):
        survey.absent("ping sockets")
        return
    yield from _sockets(survey, wanted, "icmp", "ping_table", "struct ping_table", "hash")


def _sockets(
    survey: NetSurvey, wanted: Wanted, proto: str, symbol: str, kind: str, array: str
) -> Iterator[Batch]:
    kernel = survey.kernel
    fields = Fields(kernel, "struct sock", full(), REQUIRED)
    chains = array_chains(kernel, kernel.symbols.address(symbol), kind, array)
    for found, columns in walk_array(survey, chains, fields, "__sk_common.skc_node", f"{proto} sockets"):
        batch = datagram_batch(survey, wanted, proto, found.addresses, columns)
        if proto == "raw":
            batch.columns["protocol_number"] = batch.columns.get("local_port", ())
        yield batch
