"""Network devices as ``ip link`` shows them. Sources: net/core/rtnetlink.c (rtnl_fill_ifinfo), dev.c."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.errors import FaultError
from crashdrive.linux.net.addresses import mac
from crashdrive.linux.net.counters.device_counters import private_offset
from crashdrive.linux.net.devices.hardware import MEMBERS, Rings, hardware, rings
from crashdrive.linux.net.devices.ifaddrs import InterfaceAddress, ipv4_addresses, ipv6_addresses
from crashdrive.linux.net.devices.link_stats import Reader, Statistics
from crashdrive.linux.net.net_list import for_each_net_device
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

# IFF_* in the order of iproute2
_FLAGS = (
    (0x8, "LOOPBACK"), (0x2, "BROADCAST"), (0x10, "POINTOPOINT"), (0x1000, "MULTICAST"), (0x80, "NOARP"),
    (0x200, "ALLMULTI"), (0x100, "PROMISC"), (0x400, "MASTER"), (0x800, "SLAVE"), (0x4, "DEBUG"),
    (0x8000, "DYNAMIC"), (0x4000, "AUTOMEDIA"), (0x2000, "PORTSEL"), (0x20, "NOTRAILERS"), (0x1, "UP"),
    (0x10000, "LOWER_UP"), (0x20000, "DORMANT"), (0x40000, "ECHO"),
)  # fmt: skip
_UP, _RUNNING, _PROMISC, _ALLMULTI, _LOWER_UP, _DORMANT = 1, 0x40, 0x100, 0x200, 0x10000, 0x20000
_STATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")
_TYPES = {
    1: "ether", 24: "ieee1394", 32: "infiniband", 280: "can", 512: "ppp", 768: "ipip", 769: "tunnel6",
    772: "loopback", 776: "sit", 778: "gre", 801: "ieee802.11", 803: "ieee802.11/radiotap",
    823: "gre6", 824: "netlink", 0xFFFE: "none", 0xFFFF: "void",
}  # fmt: skip
# kinds on top of one lower device
_STACKED = frozenset({"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"})
_LONGEST_ALIAS = 256
_LONGEST_NAME = 128


class Interface(Record, frozen=True):
    """A network device.

    ``address`` of its ``struct net_device``; ``flags`` and ``operstate`` as ``ip link`` has them; ``mtu`` in
    bytes. ``statistics`` is None where an unread driver keeps them. ``master``: the bridge, bond or VRF that
    it belongs to, ``lower``: the devices below it, ``link``: the device below a VLAN or the other end of a
    veth pair, in the namespace ``link_netns`` where that is another one. ``carrier_changes`` counts both
    ways. ``driver`` and ``bus_info`` as ``ethtool -i`` has them, ``rings`` as ``-g``, of virtio;
    ``parent_bus`` and ``parent_device`` as ``ip -d link``.
    """

    name: str
    index: int
    address: Address
    flags: tuple[str, ...]
    mtu: int
    mac: str | None
    operstate: str
    addresses: tuple[InterfaceAddress, ...]
    statistics: Statistics | None
    netns: str | None
    kind: str | None
    type: str
    broadcast: str | None
    master: str | None
    lower: tuple[str, ...]
    link: str | None
    link_netns: str | None
    qdisc: str | None
    tx_queue_length: int
    tx_queues: int
    rx_queues: int
    group: int
    alias: str | None
    alternative_names: tuple[str, ...]
    promiscuity: int
    allmulti: int
    carrier_changes: int | None
    driver: str | None
    parent_bus: str | None
    parent_device: str | None
    bus_info: str | None
    rings: Rings | None


_MEMBERS = {
    "name": ("name",), "index": ("ifindex",), "mtu": ("mtu",), "flags": ("flags",), "gflags": ("gflags",),
    "state": ("state",), "operstate": ("operstate",), "mac": ("dev_addr",), "length": ("addr_len",),
    "broadcast": ("broadcast",), "type": ("type",), "group": ("group",), "queue": ("tx_queue_len",),
    "tx_queues": ("num_tx_queues",), "rx_queues": ("num_rx_queues",), "promiscuity": ("promiscuity",),
    "allmulti": ("allmulti",), "alias": ("ifalias",), "kind": ("rtnl_link_ops->kind",),
    "qdisc": ("qdisc->ops->id",), "up": ("carrier_up_count.counter",),
    "down": ("carrier_down_count.counter",), "net": ("nd_net.net", "nd_net"), "four": ("ip_ptr",),
    "six": ("ip6_ptr",), **MEMBERS,
}  # fmt: skip
_REQUIRED = ("name", "index", "mtu", "flags", "state", "operstate", "net")


class Device(NamedTuple):
    """A device's members."""

    address: int
    row: Mapping[str, Any]


def devices(survey: NetSurvey) -> list[Device]:
    """The devices of all namespaces, by index: a device's peer may be in another namespace."""
    found: list[int] = []
    for net in survey.namespaces.nets:
        walked = for_each_net_device(survey.kernel, net.address)
        survey.walked(walked, "interfaces")
        found += walked.addresses
    fields = Fields(survey.kernel, "struct net_device", _MEMBERS, _REQUIRED)
    kept = [
        Device(address, row)
        for address, row in survey.addressed(fields, found, "interfaces")
        if all(row[name] is not None for name in _REQUIRED)
    ]
    order = {net.address: number for number, net in enumerate(survey.namespaces.nets)}
    return sorted(kept, key=lambda one: (order.get(one.row["net"], len(order)), one.row["index"]))


def device_names(survey: NetSurvey) -> list[str]:
    """The names of the interfaces in the chosen namespaces."""
    names: list[str] = []
    for net in sorted(survey.chosen):
        found = for_each_net_device(survey.kernel, net)
        survey.walked(found, "interfaces")
        names += [
            name for name in survey.gaps(found.read(["name"]), "interfaces")["name"] if name is not None
        ]
    return names


def interfaces(survey: NetSurvey, every: Sequence[Device]) -> list[Interface]:
    """The rows of the devices in the chosen namespaces."""
    ties = _Ties(survey, every)
    reader = Reader(survey, [device.address for device in every], ties.peers)
    chosen = [device for device in every if device.row["net"] in survey.chosen]
    four = ipv4_addresses(survey, [device.row["four"] for device in chosen])
    six = ipv6_addresses(survey, [device.row["six"] for device in chosen])
    macs = _macs(survey, chosen)
    texts = _Texts(survey)
    bits = survey.kernel.enumerators("enum netdev_state_t")
    behind = {device.address: hardware(device.row, texts.at) for device in chosen}
    sizes = rings(survey, [address for address, said in behind.items() if said["driver"] == "virtio_net"])
    rows = [
        Interface(
            name=row["name"],
            index=row["index"],
            address=address,
            mtu=row["mtu"],
            **_state(row, bits),
            mac=hardware,
            addresses=(*own, *own6),
            statistics=reader.of(address, row["name"]),
            netns=survey.labels.get(row["net"]),
            kind=texts.at(row["kind"]),
            type=_TYPES.get(row["type"], str(row["type"])),
            broadcast=_broadcast(row),
            **ties.of(address),
            qdisc=row["qdisc"],
            tx_queue_length=row["queue"],
            tx_queues=row["tx_queues"],
            rx_queues=row["rx_queues"],
            group=row["group"],
            alias=texts.alias(row["alias"]),
            alternative_names=ties.names.get(address, ()),
            promiscuity=row["promiscuity"],
            allmulti=row["allmulti"],
            carrier_changes=None if row["up"] is None or row["down"] is None else row["up"] + row["down"],
            **behind[address],
            rings=sizes.get(address),
        )
        for (address, row), own, own6, hardware in zip(chosen, four, six, macs, strict=True)
    ]
    reader.tell()
    return rows


def _state(row: Mapping[str, Any], bits: Mapping[str, int]) -> dict[str, Any]:
    """``flags`` and ``operstate`` as dev_get_flags() and rtnl_fill_ifinfo() derive them."""
    state, operstate = row["state"], row["operstate"]
    running = bool(state >> bits["__LINK_STATE_START"] & 1)
    flags = row["flags"] & ~(_PROMISC | _ALLMULTI | _RUNNING | _LOWER_UP | _DORMANT)
    flags |= (row["gflags"] or 0) & (_PROMISC | _ALLMULTI)
    if running:
        flags |= _RUNNING if operstate in {0, len(_STATES) - 1} else 0
        flags |= 0 if state >> bits["__LINK_STATE_NOCARRIER"] & 1 else _LOWER_UP
        flags |= _DORMANT if state >> bits["__LINK_STATE_DORMANT"] & 1 else 0
    names = [name for bit, name in _FLAGS if flags & bit]
    if flags & _UP and not flags & _RUNNING:
        names.insert(0, "NO-CARRIER")
    word = _STATES[operstate] if operstate < len(_STATES) else str(operstate)
    return {"flags": tuple(names), "operstate": word if running else "DOWN"}


def _macs(survey: NetSurvey, chosen: Sequence[Device]) -> list[str | None]:
    """Hardware addresses: ``dev_addr`` points to them."""
    window = survey.kernel.window()
    places = [(device.row["mac"], device.row["length"]) for device in chosen]
    window.fetch((place, size) for place, size in places if place and size)
    raw = [window.bytes(place, size) if place and size else None for place, size in places]
    for (place, size), found in zip(places, raw, strict=True):
        if place and size and found is None:
            survey.miss([Notice(kind="hole", message=f"the MAC at {place:#x} is not in the dump")])
    return [None if found is None else mac(found) for found in raw]


def _broadcast(row: Mapping[str, Any]) -> str | None:
    """The broadcast address; that of a point-to-point device is its peer."""
    return mac(row["broadcast"][: row["length"]]) if row["length"] and row["broadcast"] else None


class _Texts:
    """Strings behind pointers, each read once."""

    def __init__(self, survey: NetSurvey) -> None:
        self._survey = survey
        self._known: dict[int, str | None] = {}

    def at(self, pointer: int | None, limit: int = _LONGEST_NAME) -> str | None:
        """The string there; None for no pointer, and, with a notice, where the dump lacks it."""
        if not pointer:
            return None
        if pointer not in self._known:
            try:
                raw = self._survey.kernel.read_string(pointer, limit)
                self._known[pointer] = raw.decode("utf-8", "backslashreplace")
            except FaultError as error:
                self._survey.miss([Notice(kind="hole", message=f"a name of an interface: {error}")])
                self._known[pointer] = None
        return self._known[pointer]

    def alias(self, pointer: int | None) -> str | None:
        """A device's alias: a structure since 4.15 (6c5570016b97), a string before."""
        kernel = self._survey.kernel
        if pointer and kernel.has_type("struct dev_ifalias"):
            pointer += kernel.offset("struct dev_ifalias", "ifalias")
        return self.at(pointer, _LONGEST_ALIAS)


class _Ties:
    """Relations between devices: masters, lower devices, links."""

    def __init__(self, survey: NetSurvey, every: Sequence[Device]) -> None:
        self._survey = survey
        self._by_address = dict(every)
        self._masters: dict[int, int] = {}
        self._lower: dict[int, list[int]] = {}
        for address, above, master in _uppers(survey, every):
            self._lower.setdefault(above, []).append(address)
            if master:
                self._masters[address] = above
        self.peers = _peers(survey, every)
        self.names = _alternative_names(survey, every)
        self._texts = _Texts(survey)

    def of(self, address: int) -> dict[str, Any]:
        """The columns of a device's row about other devices."""
        lower = self._lower.get(address, [])
        link = self.peers.get(address)
        if link is None and len(lower) == 1 and self._texts.at(self._row(address)["kind"]) in _STACKED:
            (link,) = lower
        apart = link is not None and self._row(link)["net"] != self._row(address)["net"]
        return {
            "master": self._name(self._masters.get(address)),
            "lower": tuple(sorted(filter(None, map(self._name, lower)))),
            "link": self._name(link),
            "link_netns": self._survey.labels.get(self._row(link)["net"]) if apart and link else None,
        }

    def _row(self, address: int) -> Mapping[str, Any]:
        return self._by_address[address]

    def _name(self, address: int | None) -> str | None:
        if address is None:
            return None
        row = self._by_address.get(address)
        return f"{address:#x}" if row is None else row["name"]


def _uppers(survey: NetSurvey, every: Sequence[Device]) -> Iterator[tuple[int, int, bool]]:
    """(device, the one above it, whether that is its master): ``struct netdev_adjacent``."""
    kernel, kind = survey.kernel, "struct net_device"
    start = kernel.offset(kind, "adj_list.upper")
    addresses = [device.address for device in every]
    first = survey.gaps(kernel.read_many(kind, addresses, ["adj_list.upper.next"]), "interfaces").columns[0]
    for address, pointer in zip(addresses, first, strict=True):
        if pointer is not None and pointer != address + start:
            found = kernel.walk_list(address + start, "struct netdev_adjacent", "list")
            survey.walked(found, "interfaces")
            for above, master in survey.gaps(found.read(["dev", "master"]), "interfaces"):
                if above:
                    yield address, above, bool(master)


def _peers(survey: NetSurvey, every: Sequence[Device]) -> dict[int, int]:
    """Ends of pairs that point at each other: drivers/net/veth.c, netkit.c."""
    texts = _Texts(survey)
    window = survey.kernel.window()
    places = {
        device.address: device.address + start
        for kind, start in _pairs(survey).items()
        for device in every
        if texts.at(device.row["kind"]) == kind
    }
    first = dict(zip(places, window.words(list(places.values())), strict=True))
    return {end: peer for end, peer in first.items() if peer is not None and first.get(peer) == end}


def _pairs(survey: NetSurvey) -> dict[str, int]:
    """The offset of the pointer to the peer, by kind of device."""
    kernel, start = survey.kernel, private_offset(survey.kernel)
    found = {"veth": start}  # veth's first member in all kernels; for kernels whose type is missing
    for kind, driver in (("veth", "struct veth_priv@veth"), ("netkit", "struct netkit@netkit")):
        if kernel.has_member(driver, "peer"):
            found[kind] = start + kernel.offset(driver, "peer")
    return found


def _alternative_names(survey: NetSurvey, every: Sequence[Device]) -> dict[int, tuple[str, ...]]:
    """Since 5.5 (ff92741270bf) a device has a list of names, its own being the head."""
    kernel, kind = survey.kernel, "struct netdev_name_node"
    if not kernel.has_type(kind):
        return {}
    addresses = [device.address for device in every]
    heads = survey.gaps(kernel.read_many("struct net_device", addresses, ["name_node"]), "names").columns[0]
    start = kernel.offset(kind, "list")
    found = kernel.walk_lists([head + start for head in heads if head], kind, "list")
    survey.walked(found, "names")
    texts = _Texts(survey)
    names: dict[int, tuple[str, ...]] = {}
    for device, pointer in survey.gaps(found.read(["dev", "name"]), "names"):
        text = texts.at(pointer)
        if device and text is not None:
            names[device] = (*names.get(device, ()), text)
    return names
