"""Netlink sockets. Source: net/netlink/af_netlink.c."""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.kernel.structures.rhashtable import rhashtable
from crashdrive.kernel.structures.walk import Walk
from crashdrive.linux.net.sockets.inet import Named, dropped, full, mapped, nets, plain, selected
from crashdrive.linux.net.sockets.rows import TYPES, UNCONNECTED, Batch, Wanted
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields

_TABLE = "struct netlink_table"
# MAX_LINKS of include/uapi/linux/netlink.h: the size of nl_table, which debug data doesn't tell
_LINKS = 32
# include/uapi/linux/netlink.h
PROTOCOLS = {
    0: "route", 1: "unused", 2: "usersock", 3: "firewall", 4: "sock_diag", 5: "nflog", 6: "xfrm",
    7: "selinux", 8: "iscsi", 9: "audit", 10: "fib_lookup", 11: "connector", 12: "netfilter",
    13: "ip6_fw", 14: "dnrtmsg", 15: "kobject_uevent", 16: "generic", 18: "scsitransport",
    19: "ecryptfs", 20: "rdma", 21: "crypto", 22: "smc",
}  # fmt: skip
MEMBERS = {
    **full("sk."),
    "protocol": ("sk.sk_protocol",),
    "portid": ("portid",),
    "peer": ("dst_portid",),
}


def find(survey: NetSurvey, wanted: Wanted) -> Iterator[Batch]:
    """Netlink sockets: a resizable hash table for each protocol."""
    if not wanted.any_of("netlink") or not wanted.state(UNCONNECTED):
        return
    kernel = survey.kernel
    fields = Fields(kernel, "struct netlink_sock", MEMBERS, ("socket", "portid", "net"))
    for found in _tables(survey):
        survey.walked(found, "netlink sockets")
        if found.addresses:
            columns = survey.read(fields, found.addresses, "netlink sockets")
            batch = _batch(survey, found, columns)
            yield batch.keep(selected(survey, wanted, batch))


def _batch(survey: NetSurvey, found: Walk, columns: Named) -> Batch:
    return Batch(
        address=found.addresses,
        proto=["netlink"] * len(found),
        family=["netlink"] * len(found),
        state=[UNCONNECTED] * len(found),
        net=nets(survey, columns["net"]),
        socket=columns["socket"],
        local_address=mapped(columns["protocol"], lambda number: PROTOCOLS.get(number, str(number))),
        local_port=columns["portid"],
        remote_port=columns["peer"],
        recv_q=columns["rmem"],
        send_q=mapped(columns["wmem"], lambda value: value - 1),
        type=mapped(columns["type"], lambda kind: TYPES.get(kind, str(kind))),
        protocol_number=columns["protocol"],
        drops=dropped(columns),
        **plain(columns),
    )


def _tables(survey: NetSurvey) -> Iterator[Walk]:
    """The sockets of each protocol."""
    kernel = survey.kernel
    first = kernel.read_pointer(kernel.symbols.address("nl_table"))
    step = kernel.sizeof(_TABLE)
    pointers = kernel.read_many(_TABLE, [first + i * step for i in range(_LINKS)], ["hash.tbl"])
    offset = kernel.offset("struct netlink_sock", "node")
    for table in survey.gaps(pointers, "netlink tables")["hash.tbl"]:
        if table:
            yield rhashtable(kernel, table, offset)
