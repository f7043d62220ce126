"""Neighbour tables of ARP and NDP.

Sources: include/net/neighbour.h, net/core/neighbour.c (neigh_fill_info: what ``ip neigh`` shows),
include/uapi/linux/neighbour.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any

from crashdrive.linux.net.addresses import ipv4, ipv6, mac
from crashdrive.linux.net.rt_names import PROTOCOLS, TYPES, named
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields, row_dicts
from crashdrive.records import Address, Notice, Record

# NUD_*
STATES = {
    0: "NONE", 1: "INCOMPLETE", 2: "REACHABLE", 4: "STALE", 8: "DELAY", 0x10: "PROBE", 0x20: "FAILED",
    0x40: "NOARP", 0x80: "PERMANENT",
}  # fmt: skip
# an address is known in these: NUD_VALID
_VALID = 0x80 | 0x40 | 0x02 | 0x10 | 0x04 | 0x08
# NTF_*; the extended ones begin at bit 8
_FLAGS = (
    (0x80, "router"), (0x08, "proxy"), (0x10, "extern_learn"), (0x20, "offload"), (0x40, "sticky"),
    (0x01, "use"), (0x02, "self"), (0x04, "master"), (0x100, "managed"), (0x200, "locked"),
)  # fmt: skip
_TABLES = {"inet": "arp_tbl", "inet6": "nd_tbl"}
_SIZES = {"inet": 4, "inet6": 16}
_PROXY_BUCKETS = 16  # PNEIGH_HASHMASK + 1
_MOST_SHIFT = 24  # a table has at most 1 << this buckets: gc_thresh3 ends its growth
_LONGEST_MAC = 32  # MAX_ADDR_LEN


class Neighbour(Record, frozen=True):
    """A neighbour, or (``proxy``) an address that this machine answers for.

    ``state``: INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, FAILED, NOARP, PERMANENT or NONE, several of them
    with commas. ``mac`` is None where it isn't known (yet). ``used_ago``, ``confirmed_ago`` and
    ``updated_ago`` in seconds before the dump. ``references``: without the table's own. ``queued_packets``
    and ``queued_bytes``: waiting for the neighbour's address. ``address`` of its ``struct neighbour`` or
    ``pneigh_entry``.
    """

    family: str
    netns: str | None
    destination: str
    device: str | None
    mac: str | None
    state: str
    flags: tuple[str, ...]
    proxy: bool
    type: str | None
    probes: int | None
    used_ago: float | None
    confirmed_ago: float | None
    updated_ago: float | None
    references: int | None
    queued_packets: int | None
    queued_bytes: int | None
    protocol: str | None
    address: Address


_MEMBERS = {
    "net": ("dev->nd_net.net", "dev->nd_net"),
    "device": ("dev->name",),
    "mac": ("ha",),
    "length": ("dev->addr_len",),
    "state": ("nud_state",),
    "flags": ("flags",),
    "type": ("type",),
    "probes": ("probes.counter",),
    "used": ("used",),
    "confirmed": ("confirmed",),
    "updated": ("updated",),
    # a refcount_t since 4.13 (9f23743017d1)
    "references": ("refcnt.refs.counter", "refcnt.counter"),
    "queued_packets": ("arp_queue.qlen",),
    "queued_bytes": ("arp_queue_len_bytes",),
    # 5.0 (df9b0e30d44c)
    "protocol": ("protocol",),
}


def neighbours(survey: NetSurvey, family: str) -> list[Neighbour]:
    """The entries of a family's table in the chosen namespaces, bucket by bucket."""
    kernel, kind = survey.kernel, "struct neighbour"
    table = _table(survey, family)
    if table is None:
        return []
    fields = Fields(kernel, kind, _MEMBERS, ("net", "state", "flags", "mac"))
    addresses = _entries(survey, table, f"{family} neighbours")
    columns = survey.read(fields, addresses, f"{family} neighbours")
    for name in ("used", "confirmed", "updated"):
        columns[name] = [None if left is None else -left for left in survey.seconds(columns[name])]
    keys = _keys(survey, addresses, kernel.offset(kind, "primary_key"), family)
    return [
        _row(survey, family, address, key, row)
        for address, key, row in _chosen(survey, addresses, keys, columns)
    ]


def _table(survey: NetSurvey, family: str) -> int | None:
    if survey.kernel.symbols.has(_TABLES[family]):
        return survey.kernel.symbols.address(_TABLES[family])
    survey.absent(f"neighbours of {family}")
    return None


def _entries(survey: NetSurvey, table: int, what: str) -> Sequence[int]:
    kernel, kind = survey.kernel, "struct neigh_hash_table"
    # 6.13 made the buckets hlists
    lists = kernel.has_member(kind, "hash_heads")
    heads, member = ("hash_heads", "hash") if lists else ("hash_buckets", "next")
    paths = [f"nht->{heads}", "nht->hash_shift"]
    ((first, shift),) = survey.gaps(kernel.read_many("struct neigh_table", [table], paths), what)
    if first is None or shift is None:
        return ()
    if shift > _MOST_SHIFT:
        survey.miss([Notice(kind="node", message=f"{what}: 1 << {shift} buckets are impossible; not read")])
        return ()
    found = kernel.walk_table(first, 1 << shift, "struct neighbour", member)
    survey.walked(found, what)
    return found.addresses


def _keys(survey: NetSurvey, addresses: Sequence[int], start: int, family: str) -> list[str | None]:
    """The keys (network addresses) behind the entries' structures; None where they aren't in the dump."""
    window, size = survey.kernel.window(), _SIZES[family]
    window.fetch((address + start, size) for address in addresses)
    raw = [window.bytes(address + start, size) for address in addresses]
    text = ipv4 if family == "inet" else ipv6
    return [None if key is None else text(key) for key in raw]


def _chosen(
    survey: NetSurvey, addresses: Sequence[int], keys: Sequence[str | None], columns: dict[str, Sequence[Any]]
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The readable entries of the chosen namespaces; unreadable ones are noted, here or before."""
    wanted = survey.chosen_nets(columns["net"])
    rows = zip(addresses, keys, row_dicts(columns), strict=True)
    for address, key, row in compress(rows, wanted):
        if row["net"] is None:
            # every entry has a device: this is no entry, or a part of it is lost
            survey.miss(
                [Notice(kind="node", message=f"{address:#x} is no whole neighbour: it has no device")]
            )
        if key is not None and row["flags"] is not None:
            yield address, key, row
        else:
            survey.miss([Notice(kind="hole", message=f"the neighbour {address:#x} is not whole in the dump")])


def _row(survey: NetSurvey, family: str, address: int, key: str, row: dict[str, Any]) -> Neighbour:
    return Neighbour(
        family=family,
        netns=survey.labels.get(row["net"]),
        destination=key,
        device=row["device"],
        mac=_mac(row["mac"], row["length"]) if row["state"] & _VALID else None,
        state=_state(row["state"]),
        flags=_flags(row["flags"]),
        proxy=False,
        type=None if row["type"] is None else named(TYPES, row["type"]),
        probes=row["probes"],
        used_ago=row["used"],
        confirmed_ago=row["confirmed"],
        updated_ago=row["updated"],
        references=None if row["references"] is None else row["references"] - 1,
        queued_packets=row["queued_packets"],
        queued_bytes=row["queued_bytes"],
        protocol=None if row["protocol"] is None else named(PROTOCOLS, row["protocol"]),
        address=address,
    )


def _mac(raw: bytes | None, length: int | None) -> str | None:
    if raw is None or not length or length > min(len(raw), _LONGEST_MAC):
        return None
    return mac(raw[:length])


def _state(bits: int) -> str:
    return ",".join(name for bit, name in STATES.items() if bits & bit) or STATES[0]


def _flags(bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in _FLAGS if bits & bit)


_PROXY = {
    "net": ("net.net", "net"),
    "device": ("dev->name",),
    "flags": ("flags",),
    "protocol": ("protocol",),
}


def proxies(survey: NetSurvey, family: str) -> list[Neighbour]:
    """The addresses that this machine answers for, in the chosen namespaces."""
    kernel, kind, what = survey.kernel, "struct pneigh_entry", f"{family} proxies"
    table = _table(survey, family)
    if table is None:
        return []
    fields = Fields(kernel, kind, _PROXY, ("net", "flags"))
    ((first,),) = survey.gaps(kernel.read_many("struct neigh_table", [table], ["phash_buckets"]), what)
    if not first:
        return []
    found = kernel.walk_table(first, _PROXY_BUCKETS, kind, "next")
    survey.walked(found, what)
    columns = survey.read(fields, found.addresses, what)
    keys = _keys(survey, found.addresses, kernel.offset(kind, "key"), family)
    return [
        _proxy(survey, family, address, key, row)
        for address, key, row in _chosen(survey, found.addresses, keys, columns)
    ]


def _proxy(survey: NetSurvey, family: str, address: int, key: str, row: dict[str, Any]) -> Neighbour:
    return Neighbour(
        family=family,
        netns=survey.labels.get(row["net"]),
        destination=key,
        device=row["device"],
        mac=None,
        state=STATES[0],
        flags=tuple(dict.fromkeys((*_flags(row["flags"]), "proxy"))),
        proxy=True,
        type=None,
        probes=None,
        used_ago=None,
        confirmed_ago=None,
        updated_ago=None,
        references=None,
        queued_packets=None,
        queued_bytes=None,
        protocol=None if row["protocol"] is None else named(PROTOCOLS, row["protocol"]),
        address=address,
    )
