"""Netlink sockets. Source: net/netlink/af_netlink.c."""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.kernel.walks.base import Problem, Walk, walk
from crashdrive.records import Notice
from crashdrive.reports._net.inet import Named, full, mapped, nets, selected
from crashdrive.reports._net.sockets import TYPES, UNCONNECTED, Batch, Fields, Survey, Wanted

_TABLE, _BUCKETS = "struct netlink_table", "struct bucket_table"
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


def find(survey: Survey, wanted: Wanted) -> Iterator[Batch]:
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


def _batch(survey: Survey, found: Walk, columns: Named) -> Batch:
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
        uid=columns["uid"],
        type=mapped(columns["type"], lambda kind: TYPES.get(kind, str(kind))),
        protocol=columns["protocol"],
        drops=columns["drops"],
        references=columns["references"],
    )


def _tables(survey: Survey) -> Iterator[Walk]:
    """The bucket tables of all protocols, the new one too where a table is being resized."""
    kernel = survey.kernel
    first = kernel.read_pointer(kernel.symbols.address("nl_table"))
    step = kernel.sizeof(_TABLE)
    pointers = kernel.read_many(_TABLE, [first + i * step for i in range(_LINKS)], ["hash.tbl"])
    waiting = [pointer for pointer in survey.gaps(pointers, "netlink tables")["hash.tbl"] if pointer]
    seen: set[int] = set()
    while waiting:
        tables = kernel.read_many(_BUCKETS, waiting, ["size", "nest", "future_tbl"])
        seen.update(waiting)
        following = []
        for table, (size, nested, future) in zip(waiting, survey.gaps(tables, "netlink tables"), strict=True):
            yield from _sockets(survey, table, size, nested)
            following += [future] if future and future not in seen else []
        waiting = following


def _sockets(survey: Survey, table: int, size: int | None, nested: int | None) -> Iterator[Walk]:
    if nested:
        message = f"the netlink table at {table:x} is nested; its sockets were not read"
        survey.miss([Notice(kind="elsewhere", message=message)])
    elif size is not None:
        yield _chains(survey, table, survey.buckets(size, "netlink sockets"))


def _chains(survey: Survey, table: int, count: int) -> Walk:
    """Sockets in the chains of a bucket table, a level of all chains per round trip.

    A chain ends in an odd value. Where heads are ``struct rhash_lock_head``, their lowest bit is a lock, and
    an empty one is NULL.
    """
    kernel = survey.kernel
    locks = kernel.has_type("struct rhash_lock_head")
    first, width = table + kernel.offset(_BUCKETS, "buckets"), kernel.pointer_size
    heads = survey.gaps(
        kernel.read_many("struct hlist_head", range(first, first + count * width, width), ["first"]),
        "netlink tables",
    )["first"]
    level = [head & ~1 for head in heads if head and (locks or not head & 1) and head & ~1]
    found: dict[int, None] = {}
    problems: list[Problem] = []
    while level:
        found.update(dict.fromkeys(level))
        columns = survey.gaps(kernel.read_many("struct rhash_head", level, ["next"]), "netlink sockets")
        onward = [node for node in columns["next"] if node is not None and not node & 1]
        problems += [_odd(node, again=node in found) for node in onward if node in found or not node]
        level = [node for node in dict.fromkeys(onward) if node and node not in found]
    offset = kernel.offset("struct netlink_sock", "node")
    return walk([node - offset for node in found], problems)


def _odd(node: int, *, again: bool) -> Problem:
    said = "was there before: the chain is a loop" if again else "is no end of a chain"
    return Problem(kind="loop" if again else "null", address=node, message=f"node {node:#x} {said}")
