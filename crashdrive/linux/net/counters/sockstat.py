"""How many sockets there are and what memory they take: /proc/net/sockstat, sockstat6 and protocols.

Sources: net/ipv4/proc.c, net/ipv6/proc.c, net/core/sock.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crashdrive.kernel.types.model import StructType
from crashdrive.kernel.types.paths import bare, target_of
from crashdrive.linux import percpu
from crashdrive.linux.net.pernet import own_memory
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields
from crashdrive.records import Record

# until 6.0 memory was counted in these units; since then in pages
_OLD_UNIT = 4096
_PROTO = "struct proto"
_IN_USE = ("core.prot_inuse", "struct prot_inuse", "all")
_OLD_USED = ("core.sock_inuse", "int", "")
_MEMORY = {
    "name": ("name",),
    "counter": ("memory_allocated",),
    "allocated": ("memory_allocated->counter",),
    "sockets": ("sockets_allocated",),
    "orphans": ("orphan_count",),
    "limits": ("sysctl_mem",),
    "pressure": ("memory_pressure",),
}
_ORPHANS = "tcp_orphan_count"
_FRAGMENTS = {
    "queue_count": "rhashtable.nelems.counter",
    "memory": "mem.counter",
    "high": "high_thresh",
    "low": "low_thresh",
    "timeout": "timeout",
    "max_distance": "max_dist",
}


class Usage(Record, frozen=True):
    """Sockets of a namespace; ``time_wait``: TCP connections in TIME_WAIT, without a full socket."""

    netns: str
    used: int | None
    time_wait: int | None


class Protocol(Record, frozen=True):
    """Sockets of a protocol (the kernel's name for it, as in /proc/net/protocols) in a namespace."""

    netns: str
    protocol: str
    in_use: int | None


class ProtocolMemory(Record, frozen=True):
    """Sockets and memory of protocols that share their counters, in the whole machine.

    ``allocated``: sockets, orphans included; ``orphans``: connected sockets of no process. ``memory`` and its
    limits are in bytes: above ``pressure_at`` the kernel is under pressure, until memory is below ``low``;
    above ``high`` it refuses. ``under_pressure``: it is now.
    """

    protocols: tuple[str, ...]
    allocated: int | None
    orphans: int | None
    memory: int | None
    low: int | None
    pressure_at: int | None
    high: int | None
    under_pressure: bool | None


class Fragments(Record, frozen=True):
    """Packets of which fragments are missing, in a namespace.

    ``family`` is ``ip``, ``ip6``, or ``ip6-conntrack``: IPv6 fragments that connection tracking collects
    (those of IPv4 are among ``ip``).

    ``memory`` and the limits are in bytes: above ``high`` new fragments are dropped, until no more than
    ``low`` are left. ``timeout`` is in seconds.
    """

    netns: str
    family: str
    queue_count: int | None
    memory: int | None
    high: int | None
    low: int | None
    timeout: float | None
    max_distance: int | None


# counted by namespace


def _nets(survey: NetSurvey) -> list[int]:
    """The namespaces, in their order."""
    return [one.address for one in survey.namespaces.nets if one.address in survey.chosen]


def usage(survey: NetSurvey) -> Iterator[Usage]:
    """Sockets in use and in TIME_WAIT, a row for each namespace: ``used``, ``tw`` of /proc/net/sockstat."""
    # counted with the protocols since 5.17, on their own before
    together = survey.kernel.has_member("struct prot_inuse", "all")
    used = _counted(survey, *(_IN_USE if together else _OLD_USED))
    for net, waiting in zip(_nets(survey), _time_wait(survey), strict=True):
        yield Usage(netns=survey.labels[net], used=_positive(used[net]), time_wait=waiting)


def _counted(survey: NetSurvey, member: str, kind: str, path: str) -> dict[int, Any]:
    """A per-CPU number of each namespace, summed over the CPUs."""
    nets = _nets(survey)
    pointers = survey.gaps(survey.kernel.read_many("struct net", nets, [member]), "socket counters")[member]
    known = sorted({pointer for pointer in pointers if pointer})
    add = percpu.arrays if path == "val" else percpu.numbers
    sums = add(survey, kind, path, known)
    return {net: sums.get(pointer or 0) for net, pointer in zip(nets, pointers, strict=True)}


def _positive(value: int | None) -> int | None:
    """A sum, at least 0 as the kernel shows it: a CPU may have counted down what another counts up."""
    return None if value is None else max(0, value)


def _time_wait(survey: NetSurvey) -> list[int | None]:
    """Connections in TIME_WAIT; a reference count is one more, the older counter isn't."""
    row = "ipv4.tcp_death_row"
    counted = f"{row}.tw_refcount.refs.counter"
    path = survey.kernel.path("struct net", counted, f"{row}.tw_count.counter")
    column = survey.gaps(survey.kernel.read_many("struct net", _nets(survey), [path]), "TIME_WAIT")[path]
    return [None if value is None else value - (path == counted) for value in column]


def protocols(survey: NetSurvey) -> Iterator[Protocol]:
    """Sockets in use of each protocol in each namespace: column ``sockets`` of /proc/net/protocols."""
    counted = _counted(survey, _IN_USE[0], _IN_USE[1], "val")
    rows = _all_protocols(survey, {"name": ("name",), "index": ("inuse_idx",)})
    for net in _nets(survey):
        sums = counted[net]
        for row in rows:
            if row["name"] is None:
                continue
            # protocols that got no number of their own share the last one: /proc shows it for all of them
            value = None if sums is None or not _within(row["index"], sums) else sums[row["index"]]
            yield Protocol(netns=survey.labels[net], protocol=row["name"], in_use=_positive(value))


def _within(index: int | None, sums: Sequence[int]) -> bool:
    return index is not None and index < len(sums)


def _all_protocols(survey: NetSurvey, members: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Members of every ``struct proto``, in the order of registration."""
    kernel = survey.kernel
    found = kernel.walk_list(kernel.symbols.address("proto_list"), _PROTO, "node")
    survey.walked(found, "protocols")
    return survey.rows(Fields(kernel, _PROTO, members, ("name",)), found.addresses, "protocols")[::-1]


# counted once


def memory(survey: NetSurvey) -> Iterator[ProtocolMemory]:
    """One row for the protocols that share a counter."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in _all_protocols(survey, _MEMORY):
        if row["counter"] and row["name"] is not None:
            groups.setdefault(row["counter"], []).append(row)
    for rows in groups.values():
        first = rows[0]
        limits = _limits(survey, first["limits"])
        yield ProtocolMemory(
            protocols=tuple(row["name"] for row in rows),
            allocated=_allocated(survey, first["sockets"]),
            orphans=_orphans(survey, first["orphans"] or _shared_orphans(survey, rows)),
            memory=_in_bytes(survey, first["allocated"]),
            low=limits[0], pressure_at=limits[1], high=limits[2],
            under_pressure=_pressed(survey, first["pressure"]),
        )  # fmt: skip


def _in_bytes(survey: NetSurvey, units: int | None) -> int | None:
    paged = survey.kernel.has_member(_PROTO, "per_cpu_fw_alloc")
    return None if units is None else max(0, units) * (survey.kernel.page_size if paged else _OLD_UNIT)


def _limits(survey: NetSurvey, pointer: int | None) -> list[int | None]:
    """The three limits, set in pages."""
    if not pointer:
        return [None, None, None]
    kernel = survey.kernel
    size = kernel.pointer_size
    pages = struct.unpack(f"{kernel.order}3{'q' if size == 8 else 'i'}", kernel.read(pointer, 3 * size))
    return [count * kernel.page_size for count in pages]


def _pressed(survey: NetSurvey, pointer: int | None) -> bool | None:
    """Whether there is pressure, by the time of its beginning (on older kernels a flag), 0 for none."""
    if not pointer:
        return None
    kernel = survey.kernel
    target = target_of(kernel.layouts, kernel.place(_PROTO, "memory_pressure"))
    return any(kernel.read(pointer, kernel.sizeof(target)))


def _allocated(survey: NetSurvey, pointer: int | None) -> int | None:
    """The sum of a ``struct percpu_counter``, CPUs' parts included."""
    if not pointer:
        return None
    return percpu.counters(survey, [pointer], "sockets allocated")[0]


def _shared_orphans(survey: NetSurvey, rows: Sequence[Mapping[str, Any]]) -> int | None:
    """Where TCP counts them once protocols have no pointer to it."""
    kernel = survey.kernel
    of_tcp = any(row["name"] == "TCP" for row in rows) and kernel.symbols.has(_ORPHANS)
    return kernel.symbols.address(_ORPHANS) if of_tcp else None


def _orphans(survey: NetSurvey, pointer: int | None) -> int | None:
    """A ``struct percpu_counter`` until 5.16, numbers of the CPUs since."""
    if not pointer:
        return None
    kernel = survey.kernel
    shared = not kernel.has_member(_PROTO, "orphan_count")
    target = None if shared else target_of(kernel.layouts, kernel.place(_PROTO, "orphan_count"))
    if target is not None and isinstance(bare(kernel.layouts, target), StructType):
        return _allocated(survey, pointer)
    # signed: a CPU may have counted down what another counted up
    return _positive(percpu.numbers(survey, "int", "", [pointer])[pointer])


# fragments


def fragments(survey: NetSurvey) -> Iterator[Fragments]:
    """Memory of packets that wait for their other fragments, for each family and namespace, with its limits.

    Source: include/net/inet_frag.h, struct fqdir (netns_frags until 5.3).
    """
    kernel, nets = survey.kernel, _nets(survey)
    for family, start in (("ip", "ipv4"), ("ip6", "ipv6")):
        # embedded until 5.3
        members = {
            name: (f"{start}.fqdir->{path}", f"{start}.frags.{path}") for name, path in _FRAGMENTS.items()
        }
        if family == "ip6" and not Fields(kernel, "struct net", members).paths:
            survey.absent("IPv6")
            continue
        yield from _of_family(survey, family, nets, "struct net", members, nets)
    yield from _tracked_fragments(survey, nets)


def _tracked_fragments(survey: NetSurvey, nets: Sequence[int]) -> Iterator[Fragments]:
    """Fragments of nf_defrag_ipv6, where the module is loaded."""
    kernel, kind = survey.kernel, "struct nft_ct_frag6_pernet"
    if kernel.has_member("struct net", "nf_frag"):  # until 5.13
        embedded = {
            name: (f"nf_frag.fqdir->{path}", f"nf_frag.frags.{path}") for name, path in _FRAGMENTS.items()
        }
        yield from _of_family(survey, "ip6-conntrack", nets, "struct net", embedded, nets)
    elif kernel.symbols.has("nf_frag_pernet_id"):
        own = {net: own_memory(survey, net, "nf_frag_pernet_id") for net in nets}
        known = {net: place for net, place in own.items() if place}
        members = {name: (f"fqdir->{path}",) for name, path in _FRAGMENTS.items()}
        yield from _of_family(survey, "ip6-conntrack", list(known), kind, members, list(known.values()))


def _of_family(
    survey: NetSurvey, family: str, nets: Sequence[int], kind: str, members: Mapping[str, Sequence[str]],
    places: Sequence[int],
) -> Iterator[Fragments]:  # fmt: skip
    fields = Fields(survey.kernel, kind, members, ("memory", "high", "low"))
    for net, row in zip(nets, survey.rows(fields, places, "fragments"), strict=True):
        ticks = row.pop("timeout")
        yield Fragments(
            netns=survey.labels[net], family=family, **row,
            timeout=None if ticks is None else ticks / survey.kernel.hz,
        )  # fmt: skip
