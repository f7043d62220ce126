"""Common parts of IPv4's and IPv6's sockets: ``struct sock_common`` and ``struct sock`` as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from crashdrive.errors import UnknownMemberError
from crashdrive.kernel.types.model import ArrayType, type_name
from crashdrive.kernel.types.paths import bare
from crashdrive.linux.net.addresses import ipv4, ipv6
from crashdrive.linux.net.sockets.rows import FAMILIES, TYPES, UNCONNECTED, Batch, Wanted
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from crashdrive.kernel import Objects
    from crashdrive.linux.machine import Machine

AF_INET, AF_INET6 = 2, 10
Named = dict[str, Sequence[Any]]


def common(prefix: str = "") -> dict[str, tuple[str, ...]]:
    """Members of a ``struct sock_common`` at ``prefix``, by short name."""
    return {
        "family": (f"{prefix}skc_family",),
        "state": (f"{prefix}skc_state",),
        "port": (f"{prefix}skc_num",),
        "remote_port": (f"{prefix}skc_dport",),
        "local": (f"{prefix}skc_rcv_saddr",),
        "remote": (f"{prefix}skc_daddr",),
        # only with CONFIG_IPV6
        "local6": (f"{prefix}skc_v6_rcv_saddr",),
        "remote6": (f"{prefix}skc_v6_daddr",),
        "bound": (f"{prefix}skc_bound_dev_if",),
        # only with CONFIG_NET_NS
        "net": (f"{prefix}skc_net.net",),
        # 41c6d650f653 (4.13) made it a refcount_t
        "references": (f"{prefix}skc_refcnt.refs.counter", f"{prefix}skc_refcnt.counter"),
    }


# members of a struct sock that go into a row unchanged, by the row's names
_PLAIN: dict[str, tuple[str, ...]] = {
    # 86741ec25462 (4.10)
    "uid": ("sk_uid.val",),
}


def plain(columns: Named) -> Named:
    """The columns of full sockets that go into a batch unchanged."""
    return {name: columns[name] for name in ("references", *_PLAIN)}


def full(prefix: str = "") -> dict[str, tuple[str, ...]]:
    """Members of a ``struct sock`` at ``prefix`` that have a row in /proc/net, by short name."""
    return {
        **common(f"{prefix}__sk_common."),
        "socket": (f"{prefix}sk_socket",),
        **{name: tuple(prefix + path for path in paths) for name, paths in _PLAIN.items()},
        "type": (f"{prefix}sk_type",),
        "rmem": (f"{prefix}sk_backlog.rmem_alloc.counter",),
        # 14afee4b6092 (4.13) made it a refcount_t
        "wmem": (f"{prefix}sk_wmem_alloc.refs.counter", f"{prefix}sk_wmem_alloc.counter"),
        **drop_members(prefix),
    }


def drop_members(prefix: str = "") -> dict[str, tuple[str, ...]]:
    """What `dropped` takes, of a ``struct sock`` at ``prefix``.

    Newer kernels count losses of UDP, raw and packet sockets apart, by nodes with even and odd numbers.
    """
    return {
        "drops": (f"{prefix}sk_drops.counter",),
        "drop_counters": (f"{prefix}sk_drop_counters",),
        "drops_even": (f"{prefix}sk_drop_counters->drops0.counter",),
        "drops_odd": (f"{prefix}sk_drop_counters->drops1.counter",),
    }


def dropped(columns: Named) -> list[int | None]:
    """Packets that sockets lost: sk_drops_read(); None where what counts them isn't known."""
    apart = total(columns["drops_even"], columns["drops_odd"])
    rows = zip(columns["drops"], columns["drop_counters"], apart, strict=True)
    return [counted if counters else own for own, counters, counted in rows]


REQUIRED = ("family", "state", "port", "remote_port", "local", "remote")


def mapped(values: Sequence[Any], convert: Callable[[Any], Any]) -> list[Any]:
    """A column converted, each value once; None stays None."""
    known = {value: convert(value) for value in set(values) if value is not None}
    return list(map(known.get, values))


def ports(kernel: Machine, values: Sequence[int | None]) -> list[int | None]:
    """Port numbers of ``__be16`` values that were read in the machine's byte order."""
    if kernel.order == ">":
        return list(values)
    return mapped(values, lambda value: (value & 0xFF) << 8 | value >> 8)


def texts4(kernel: Machine, values: Sequence[int | None]) -> list[str | None]:
    """Addresses of ``__be32`` values that were read in the machine's byte order."""
    order: Any = kernel.byte_order
    return mapped(values, lambda value: ipv4(value.to_bytes(4, order)))


def address_columns(kernel: Machine, columns: Named) -> dict[str, Sequence[Any]]:
    """Family, addresses and ports for a batch; sockets of unknown families have no address."""
    families = columns["family"]
    return {
        "family": mapped(families, lambda family: FAMILIES.get(family, str(family))),
        "local_address": _addresses(kernel, families, columns["local"], columns["local6"]),
        "local_port": columns["port"],
        "remote_address": _addresses(kernel, families, columns["remote"], columns["remote6"]),
        "remote_port": ports(kernel, columns["remote_port"]),
    }


def _addresses(
    kernel: Machine, families: Sequence[int | None], four: Sequence[Any], six: Sequence[Any]
) -> Sequence[str | None]:
    kinds = set(families)
    if kinds <= {AF_INET}:
        return texts4(kernel, four)
    texts = {
        AF_INET: texts4(kernel, [v if f == AF_INET else None for f, v in zip(families, four, strict=True)]),
        AF_INET6: mapped([v if f == AF_INET6 else None for f, v in zip(families, six, strict=True)], ipv6),
    }
    nothing: list[None] = [None] * len(families)
    return [texts.get(family or 0, nothing)[i] for i, family in enumerate(families)]


def nets(survey: NetSurvey, values: Sequence[int | None]) -> Sequence[int | None]:
    """The namespaces of sockets; without CONFIG_NET_NS the only one."""
    if survey.kernel.has_member("struct sock_common", "skc_net.net"):
        return values
    return [survey.kernel.symbols.address("init_net")] * len(values)


def names(proto: str, families: Sequence[str | None]) -> list[str]:
    """``udp`` or ``udp6``, by family."""
    return [proto + "6" if family == "inet6" else proto for family in families]


def datagram_batch(
    survey: NetSurvey, wanted: Wanted, proto: str, addresses: Sequence[int], columns: Named
) -> Batch:
    """A batch of UDP, raw or ping sockets, which differ in their queues alone."""
    base = address_columns(survey.kernel, columns)
    batch = Batch(
        address=addresses,
        proto=names(proto, base["family"]),
        state=mapped(columns["state"], datagram_state),
        net=nets(survey, columns["net"]),
        socket=columns["socket"],
        bound=columns["bound"],
        recv_q=columns["rmem"],
        # the socket itself has one reference
        send_q=mapped(columns["wmem"], lambda value: value - 1),
        type=mapped(columns["type"], lambda kind: TYPES.get(kind, str(kind))),
        drops=dropped(columns),
        **plain(columns),
        **base,
    )
    return batch.keep(selected(survey, wanted, batch))


def datagram_state(state: int) -> str:
    """The state of a datagram socket: ESTABLISHED means connected; TCP_CLOSE (7) is the usual one."""
    return {1: "ESTABLISHED", 7: UNCONNECTED}.get(state, str(state))


def selected(survey: NetSurvey, wanted: Wanted, batch: Batch) -> Sequence[bool]:
    """For each row of a batch, whether it is asked for, by protocol, state and namespace."""
    return [
        net and proto in wanted.protos and wanted.state(state)
        for net, proto, state in zip(survey.chosen_nets(batch.net), batch.proto, batch.state, strict=True)
    ]


def difference(left: Sequence[int | None], right: Sequence[int | None]) -> list[int | None]:
    """Differences of two columns; None where either is."""
    return [None if a is None or b is None else a - b for a, b in zip(left, right, strict=True)]


def total(left: Sequence[int | None], right: Sequence[int | None]) -> list[int | None]:
    """Sums of two columns; None where either is."""
    return [None if a is None or b is None else a + b for a, b in zip(left, right, strict=True)]


def array_chains(kernel: Machine, address: int, kind: str, path: str) -> tuple[int, int, bool]:
    """An array of list heads: its address, its length, and whether they are hlist_nulls."""
    place = kernel.place(kind, path)
    array = bare(kernel.layouts, place.type)
    if not isinstance(array, ArrayType):
        raise UnknownMemberError(f"{kind}.{path} is no array")
    return address + place.offset, array.count or 0, "nulls" in type_name(array.element)


def walk_array(
    survey: NetSurvey, chains: tuple[int, int, bool], fields: Fields, link: str, what: str
) -> Iterator[tuple[Objects, Named]]:
    """Sockets on all chains of an array, with their columns; nothing where there are no sockets."""
    first, count, nulls = chains
    found = survey.kernel.walk_table(first, count, fields.kind, link, nulls=nulls)
    survey.walked(found, what)
    if found.addresses:
        yield found, survey.read(fields, found.addresses, what)


def distinct(pointers: Iterable[int | None]) -> list[int]:
    """The pointers that aren't NULL or missing, each once, in their order."""
    return list(dict.fromkeys(pointer for pointer in pointers if pointer))
