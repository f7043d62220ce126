"""What PyKdump's programs show of single things, by addresses or by name: headers, folders, trees, handlers.

Each function is given an opened dump and a survey of it, notes there what is missing, and yields the lines
that the program prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crashdrive.errors import FaultError, IncompleteError, UsageError
from crashdrive.linux.net.net_list import for_each_net_device
from crashdrive.linux.net.packets.headers import IPV4, IPV6, Decoder, Header
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields, Survey
from crashdrive.linux.texts import functions
from crashdrive.pykdump.folders import listing, lookup
from crashdrive.pykdump.likeness.marks import UNREAD, told

_MOST_OF_IP, _MOST_OF_TCP = 120, 60
_LEAST = 20
_TCP = 6
_VERSIONS = {4: IPV4, 6: IPV6}
_NET, _DEVICE, _HANDLER = "struct net", "struct net_device", "struct packet_type"
_HOT = "struct net_hotdata"
_OF_HANDLER = {"type": ("type",), "device": ("dev",), "name": ("dev->name",), "function": ("func",)}


def headers(crash: Any, _: Survey, kind: str, addresses: Sequence[int]) -> Iterator[str]:
    """A header of IP (``iph``) or of TCP (``th``) at each address, and what is behind it."""
    for address in addresses:
        most = _MOST_OF_TCP if kind == "th" else _MOST_OF_IP
        raw = _bytes(crash, address, most)
        decoder = Decoder(address, raw)
        if kind == "th":
            decoder.transport(_TCP, 0)
        elif (version := raw[0] >> 4) in _VERSIONS:
            decoder.network(_VERSIONS[version], 0)
        yield f"{kind} {address:#x}"
        if not decoder.found:
            yield "    no header that could be decoded"
        yield from map(_header, decoder.found)


def _bytes(crash: Any, address: int, most: int) -> bytes:
    """As many bytes as there are up to ``most``; FaultError where there isn't even the least header."""
    try:
        return bytes(crash.kernel.read(address, most))
    except FaultError:
        return bytes(crash.kernel.read(address, _LEAST))


def _header(header: Header) -> str:
    fields = " ".join(f"{name}={_field(value)}" for name, value in header.fields.items())
    return f"    {header.protocol}: {fields}"


def _field(value: Any) -> str:
    return "|".join(value) if isinstance(value, tuple) else str(value)


def tree_element(crash: Any, _: Survey, root: int, index: int) -> Iterator[str]:
    """The entry of a radix tree or xarray at an index."""
    found = crash.kernel.walk_xarray(root)
    entry = next((entry for at, entry in found.entries if at == index), None)
    if entry is not None:
        yield f"  index={index:#x}, slot={int(entry):#x}"
    elif found.problems:
        raise IncompleteError(f"{root:#x}: no entry {index:#x} was found, but {found.problems[0]}")
    else:
        yield "   Not found"


def folder(_: Any, survey: Survey, name: str, *, verbose: int) -> Iterator[str]:
    """A folder's entries in memory, or a file, by path or by the address of its dentry."""
    dentry = lookup(survey, name) if name.startswith("/") else _address(name)
    yield from listing(survey, dentry, verbose=verbose)


def _address(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise UsageError(f"{text!a}: neither a path from the root on nor an address of a dentry") from None


def handlers(_: Any, survey: Survey, netns: str | None = None) -> Iterator[str]:
    """Who is given the packets that come in: all of them (``ptype_all``), and those of a protocol.

    Sockets and programs that ask for the packets of one device are on lists of that device: those of the
    namespaces that ``netns`` chooses. ``ptype_base`` is of all namespaces.
    """
    nets = NetSurvey.of(survey.kernel, netns)
    survey.miss(nets.notices, complete=nets.complete)
    chosen = [net.address for net in nets.namespaces.nets if net.address in nets.chosen]
    devices = [device for net in chosen for device in _devices(survey, net)]
    yield f"{'ptype_all':-^60s}"
    for head in (*_everything(survey, chosen), *_own(survey, _DEVICE, devices, "ptype_all")):
        yield from _handlers(survey, head)
    yield from ("", f"{'ptype_base':-^60s}")
    for bucket, head in enumerate(_buckets(survey)):
        yield from _handlers(survey, head, f"  (bucket={bucket})")
    yield from ("", f"{'ptype_specific':-^60s}")
    for kind, owners in ((_NET, chosen), (_DEVICE, devices)):
        for head in _own(survey, kind, owners, "ptype_specific"):
            yield from _handlers(survey, head)


def _devices(survey: Survey, net: int) -> Sequence[int]:
    found = for_each_net_device(survey.kernel, net)
    survey.walked(found, "devices")
    return found.addresses


def _own(survey: Survey, kind: str, owners: Sequence[int], member: str) -> list[int]:
    """The lists of devices (since 4.0, 7866a621043f) or of namespaces (since 6.15, c353e8983e0d)."""
    kernel = survey.kernel
    if not kernel.has_member(kind, member):
        return []
    return [owner + kernel.offset(kind, member) for owner in owners]


def _everything(survey: Survey, nets: Sequence[int]) -> Sequence[int]:
    """The lists of who is given the packets of all devices."""
    kernel = survey.kernel
    if kernel.has_member(_NET, "ptype_all"):
        return _own(survey, _NET, nets, "ptype_all")
    # in 6.9 it moved into net_hotdata, from where 6.15 took it
    if kernel.symbols.has("net_hotdata") and kernel.has_member(_HOT, "ptype_all"):
        return _own(survey, _HOT, [kernel.symbols.address("net_hotdata")], "ptype_all")
    return [kernel.symbols.address("ptype_all")]


def _buckets(survey: Survey) -> Sequence[int]:
    kernel, step = survey.kernel, survey.kernel.sizeof("struct list_head")
    start, size = kernel.symbols.address("ptype_base"), kernel.variable_size("ptype_base")
    return range(start, start + size, step)


def _handlers(survey: Survey, head: int, place: str = "") -> Iterator[str]:
    kernel = survey.kernel
    found = kernel.walk_list(head, _HANDLER, "list")
    survey.walked(found, "handlers of packets")
    rows = survey.addressed(Fields(kernel, _HANDLER, _OF_HANDLER, _OF_HANDLER), found.addresses, "handlers")
    names = functions(kernel, [row["function"] for _, row in rows])
    for address, row in rows:
        yield f"<{_HANDLER} {address:#x}>{place}"
        # in the network's order
        number = None if row["type"] is None else row["type"].to_bytes(2, kernel.byte_order)
        kind = UNREAD if number is None else f"{int.from_bytes(number, 'big'):#06x}"
        device = UNREAD if row["device"] is None else f"{row['device']:#x}"
        where = f"{device} ({told(row['name'])})" if row["device"] else device
        yield f"\ttype={kind} dev={where} func={told(names[row['function']])}"
