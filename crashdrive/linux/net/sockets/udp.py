"""UDP and UDP-Lite sockets, from the hash table by port.

Sources: include/net/udp.h, net/ipv4/udp.c (what /proc/net/udp shows).
"""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.kernel.types.model import type_name
from crashdrive.linux.net.sockets.inet import REQUIRED, datagram_batch, difference, distinct, full
from crashdrive.linux.net.sockets.rows import Batch, Wanted
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields

_SOCK = "inet.sk."
_TABLE = "struct udp_table"


def find(survey: NetSurvey, wanted: Wanted) -> Iterator[Batch]:
    """UDP sockets of both families."""
    if wanted.any_of("udp", "udp6"):
        for table in _tables(survey):
            yield from _sockets(survey, wanted, "udp", table)


def find_lite(survey: NetSurvey, wanted: Wanted) -> Iterator[Batch]:
    """UDP-Lite sockets of both families."""
    if not wanted.any_of("udplite", "udplite6"):
        return
    if not survey.kernel.symbols.has("udplite_table"):
        survey.absent("UDP-Lite")
        return
    yield from _sockets(survey, wanted, "udplite", survey.kernel.symbols.address("udplite_table"))


def _tables(survey: NetSurvey) -> list[int]:
    """``udp_table``, and the tables that namespaces have of their own since 6.2 (9804985bf27f)."""
    kernel = survey.kernel
    shared = kernel.symbols.address("udp_table")
    if not kernel.has_member("struct net", "ipv4.udp_table"):
        return [shared]
    addresses = [one.address for one in survey.namespaces.nets]
    found = kernel.read_many("struct net", addresses, ["ipv4.udp_table"])
    return distinct([shared, *survey.gaps(found, "UDP tables of namespaces")["ipv4.udp_table"]])


def _sockets(survey: NetSurvey, wanted: Wanted, proto: str, table: int) -> Iterator[Batch]:
    kernel = survey.kernel
    what = f"{proto} sockets"
    members = {**full(_SOCK), "deficit": ("forward_deficit",)}
    fields = Fields(kernel, "struct udp_sock", members, REQUIRED)
    ((first, mask),) = kernel.read_many(_TABLE, [table], ["hash", "mask"]).check()
    found = kernel.walk_table(
        first + kernel.offset("struct udp_hslot", "head"),
        survey.buckets(mask + 1, what),
        fields.kind,
        f"{_SOCK}__sk_common.skc_node",
        step=kernel.sizeof("struct udp_hslot"),
        # hlist_nulls until ca065d0cf80f (4.7)
        nulls="nulls" in type_name(kernel.place("struct udp_hslot", "head").type),
        fields=fields.paths,
    )
    survey.walked(found, what)
    if found.addresses and found.columns is not None:
        columns = fields.named(survey.gaps(found.columns, what))
        if fields.has("deficit"):
            # memory of read data stays accounted for a while, as forward_deficit (6b229cf77d68, 4.10)
            columns["rmem"] = difference(columns["rmem"], columns["deficit"])
        yield datagram_batch(survey, wanted, proto, found.addresses, columns)
