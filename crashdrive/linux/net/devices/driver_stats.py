"""Counters in drivers' own structures, by the driver's function that adds them up.

Sources: net/bridge/br_device.c; drivers/net: virtio_net.c, veth.c, macvlan.c, tun.c, bonding/bond_main.c,
ipvlan/ipvlan_main.c, team/, ifb.c, vrf.c, nlmon.c, macsec.c, netkit.c, ppp/ppp_generic.c. Their types are
the modules' own. A device's counters are None where this kernel keeps them in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from crashdrive.linux.net.counters.device_counters import Counters, add, private_offset, sums, total
from crashdrive.linux.survey import Fields, Survey

Found = Mapping[int, Counters | None]
Row = Mapping[str, Any]
_MOST_QUEUES = 1 << 14
_PACKETS = ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")


class Reader(Protocol):
    """Reads the counters of many devices: `crashdrive.linux.net.devices.link_stats.Reader`."""

    survey: Survey
    rows: dict[int, dict[str, Any]]

    def plain(self, device: int) -> Counters: ...
    def software(self, device: int) -> Counters | None: ...
    def sent(self, device: int) -> Counters | None: ...


def virtio(reader: Reader, devices: Sequence[int]) -> Found:
    """virtnet_stats(): by queue; some in the device itself."""
    info = _private(reader, "struct virtnet_info@virtio_net", devices, ("rq", "sq", "max_queue_pairs"))
    received = _queues(
        reader,
        "struct receive_queue@virtio_net",
        {device: (row["rq"], row["max_queue_pairs"]) for device, row in info.items()},
        {"rx_packets": "stats.packets", "rx_bytes": "stats.bytes", "rx_dropped": "stats.drops"},
    )
    sent = _queues(
        reader,
        "struct send_queue@virtio_net",
        {device: (row["sq"], row["max_queue_pairs"]) for device, row in info.items()},
        {"tx_packets": "stats.packets", "tx_bytes": "stats.bytes"},
        {"tx_errors": "stats.tx_timeouts"},  # newer kernels
    )
    found: dict[int, Counters | None] = {}
    for device in received.keys() & sent.keys():
        own = ("tx_dropped", "tx_fifo_errors", "rx_length_errors", "rx_frame_errors")
        plain = {name: reader.rows[device][name] for name in own}
        found[device] = {**received[device], **sent[device], **plain}
    return found


def veth(reader: Reader, devices: Sequence[int]) -> Found:
    """veth_get_stats64(): an end receives what its peer sent; drops and XDP are counted by receive queue."""
    ends = _private(reader, "struct veth_priv@veth", devices, ("peer", "dropped.counter", "rq"))
    counted = _queues(
        reader,
        "struct veth_rq@veth",
        {end: (row["rq"], reader.rows[end]["rx_queues"]) for end, row in ends.items()},
        {name: f"stats.vs.{name}" for name in ("rx_drops", "xdp_packets", "xdp_bytes", *_XDP_LOST)},
    )
    found: dict[int, Counters | None] = {}
    for end, row in ends.items():
        ours, theirs = counted.get(end), counted.get(row["peer"] or 0)
        sent, received = reader.sent(end), reader.sent(row["peer"] or 0)
        if ours is None or sent is None or (row["peer"] and (theirs is None or received is None)):
            continue
        tx: Counters = {"tx_packets": sent["packets"], "tx_bytes": sent["bytes"]}
        rx: Counters = {"rx_packets": ours["xdp_packets"], "rx_bytes": ours["xdp_bytes"]}
        lost: Counters = {"tx_dropped": row["dropped.counter"], "rx_dropped": ours["rx_drops"]}
        add(lost, {"tx_dropped": ours["xdp_tx_err"], "rx_dropped": ours["peer_tq_xdp_xmit_err"]})
        if theirs is not None and received is not None:
            add(tx, {"tx_packets": theirs["xdp_packets"], "tx_bytes": theirs["xdp_bytes"]})
            add(rx, {"rx_packets": received["packets"], "rx_bytes": received["bytes"]})
            add(lost, {"tx_dropped": theirs["peer_tq_xdp_xmit_err"], "rx_dropped": theirs["xdp_tx_err"]})
        found[end] = {**tx, **rx, **lost}
    return found


_XDP_LOST = ("xdp_tx_err", "peer_tq_xdp_xmit_err")


def tun(reader: Reader, devices: Sequence[int]) -> Found:
    """tun_net_get_stats64(): as other tunnels; bad frames by the driver."""
    kind = "struct tun_struct@tun"
    # until 5.10: counters by CPU of tun's own
    if reader.survey.kernel.has_type(kind) and reader.survey.kernel.has_member(kind, "pcpu_stats"):
        return _tun_by_cpu(reader, devices)
    own = _private(reader, kind, devices, ("rx_frame_errors.counter",))
    found: dict[int, Counters | None] = {}
    for device in devices:
        counted = reader.software(device) if reader.rows[device]["per_cpu"] else None
        if counted is not None:
            add(counted, {"rx_frame_errors": own.get(device, {}).get("rx_frame_errors.counter")})
            found[device] = counted
    return found


def _by_cpu(
    kind: str, pointer: str, counters: str, renamed: Mapping[str, str], *also: str
) -> Callable[[Reader, Sequence[int]], Found]:
    """The function for a driver with per-CPU counters; ``also``: further counters in the device itself."""

    def read(reader: Reader, devices: Sequence[int]) -> Found:
        own = _private(reader, kind, devices, (pointer,))
        pointers = {device: row[pointer] for device, row in own.items() if row[pointer]}
        added = sums(reader.survey, counters, sorted(set(pointers.values())), tuple(renamed))
        found: dict[int, Counters | None] = {}
        for device, place in pointers.items():
            if place in added and added[place].keys() == renamed.keys():
                row = {renamed[name]: value for name, value in added[place].items()}
                found[device] = {**row, **{name: reader.rows[device][name] for name in also}}
        return found

    return read


_SAME = {name: name for name in _PACKETS}
_macvlan = _by_cpu(
    "struct macvlan_dev@macvlan",
    "pcpu_stats",
    "struct vlan_pcpu_stats",
    {**_SAME, "rx_multicast": "multicast", "rx_errors": "rx_errors", "tx_dropped": "tx_dropped"},
)
_ipvlan = _by_cpu(
    "struct ipvl_dev@ipvlan",
    "pcpu_stats",
    "struct ipvl_pcpu_stats@ipvlan",
    {
        "rx_pkts": "rx_packets",
        "rx_bytes": "rx_bytes",
        "rx_mcast": "multicast",
        "tx_pkts": "tx_packets",
        "tx_bytes": "tx_bytes",
        "rx_errs": "rx_errors",
        "tx_drps": "tx_dropped",
    },
    "tx_errors",
)
_tun_by_cpu = _by_cpu(
    "struct tun_struct@tun",
    "pcpu_stats",
    "struct tun_pcpu_stats@tun",
    {**_SAME, **{name: name for name in ("rx_dropped", "tx_dropped", "rx_frame_errors")}},
)
_bridge_by_cpu = _by_cpu("struct net_bridge@bridge", "stats", "struct pcpu_sw_netstats", _SAME)
_team = _by_cpu(
    "struct team@team",
    "pcpu_stats",
    "struct team_pcpu_stats@team",
    {**_SAME, "rx_multicast": "multicast"} | {n: n for n in ("rx_dropped", "tx_dropped", "rx_nohandler")},
)


def _errors_dropped(
    read: Callable[[Reader, Sequence[int]], Found],
) -> Callable[[Reader, Sequence[int]], Found]:
    """The function for a driver that counts packets it couldn't receive as errors and as dropped."""

    def both(reader: Reader, devices: Sequence[int]) -> Found:
        found = read(reader, devices)
        return {
            device: None if row is None else {**row, "rx_dropped": row["rx_errors"]}
            for device, row in found.items()
        }

    return both


def bridge(reader: Reader, devices: Sequence[int]) -> Found:
    """br_get_stats64(), until 5.10: packets by CPU in the bridge's own structure."""
    found: dict[int, Counters | None] = {}
    for device, counted in _bridge_by_cpu(reader, devices).items():
        if counted is not None:
            own = reader.plain(device)
            add(own, counted)
            found[device] = own
    return found


def vrf(reader: Reader, devices: Sequence[int]) -> Found:
    """vrf_get_stats64(), until 6.10: counters by CPU, of a structure of the module's own in older kernels."""
    kernel, kind = reader.survey.kernel, "struct pcpu_dstats@vrf"
    old = kernel.has_member(kind, "rx_pkts")
    packets, drops = ("pkts", "drps") if old else ("packets", "drops")
    wanted = {f"{way}_{name}": f"{way}_{told}" for way in ("rx", "tx") for name, told in _bytes(packets)}
    wanted[f"tx_{drops}"] = "tx_dropped"
    places = {device: reader.rows[device]["per_cpu"] for device in devices if reader.rows[device]["per_cpu"]}
    added = sums(reader.survey, kind, sorted(set(places.values())), tuple(wanted))
    return {
        device: {wanted[name]: value for name, value in added[place].items()}
        for device, place in places.items()
        if place in added and added[place].keys() == wanted.keys()
    }


def _bytes(packets: str) -> tuple[tuple[str, str], ...]:
    return (packets, "packets"), ("bytes", "bytes")


def ifb(reader: Reader, devices: Sequence[int]) -> Found:
    """ifb_stats64(): by queue; drops in the device."""
    kind = "struct ifb_q_private@ifb"
    # until 5.15: beside each other in the queue itself
    kernel = reader.survey.kernel
    plain = kernel.has_type(kind) and kernel.has_member(kind, "rx_packets")
    own = _private(reader, "struct ifb_dev_private@ifb", devices, ("tx_private",))
    counted = _queues(
        reader,
        kind,
        {device: (row["tx_private"], reader.rows[device]["tx_queues"]) for device, row in own.items()},
        {
            f"{way}_{name}": f"{way}_{name}" if plain else f"{way}_stats.{name}"
            for way in ("rx", "tx")
            for name in ("packets", "bytes")
        },
    )
    return {
        device: {**row, **{name: reader.rows[device][name] for name in ("rx_dropped", "tx_dropped")}}
        for device, row in counted.items()
    }


def monitor(reader: Reader, devices: Sequence[int]) -> Found:
    """nlmon_get_stats64(): packets that it was given count as received."""
    given = {device: reader.sent(device) for device in devices}
    return {
        device: {f"rx_{name}": value for name, value in sent.items()}
        for device, sent in given.items()
        if sent is not None
    }


def _beside(*also: str) -> Callable[[Reader, Sequence[int]], Found]:
    """Packets by CPU as in other tunnels, some counters in the device; the rest isn't told."""

    def read(reader: Reader, devices: Sequence[int]) -> Found:
        found: dict[int, Counters | None] = {}
        for device in devices:
            row = reader.rows[device]
            if row["per_cpu"] and (counted := reader.software(device)) is not None:
                found[device] = {name: counted[name] for name in (*_PACKETS, *also)}
        return found

    return read


def ppp(reader: Reader, devices: Sequence[int]) -> Found:
    """ppp_get_stats64(): packets in the driver's structure, errors in the device."""
    own = _private(reader, "struct ppp@ppp_generic", devices, tuple(f"stats64.{name}" for name in _PACKETS))
    errors = ("rx_errors", "tx_errors", "rx_dropped", "tx_dropped", "rx_length_errors")
    return {
        device: {
            **{name.removeprefix("stats64."): value for name, value in row.items()},
            **{name: reader.rows[device][name] for name in errors},
        }
        for device, row in own.items()
    }


DRIVERS: Mapping[str, Callable[[Reader, Sequence[int]], Found]] = {
    "virtnet_stats": virtio,
    "veth_get_stats64": veth,
    "tun_net_get_stats64": tun,
    "br_get_stats64": bridge,
    "macvlan_dev_get_stats64": _errors_dropped(_macvlan),
    "ipvlan_get_stats64": _errors_dropped(_ipvlan),
    "team_get_stats64": _team,
    "vrf_get_stats64": vrf,
    "ifb_stats64": ifb,
    "nlmon_get_stats64": monitor,
    "vsockmon_get_stats64": monitor,
    "macsec_get_stats64": _beside("rx_dropped", "tx_dropped", "rx_errors"),
    "netkit_get_stats": _beside("tx_dropped"),
    "xfrmi_get_stats64": _beside("rx_dropped", "tx_dropped"),
    "ppp_get_stats64": ppp,
}
"""Functions that read many devices at once, by the name of the kernel's own function."""


def _private(reader: Reader, kind: str, devices: Sequence[int], names: Sequence[str]) -> dict[int, Row]:
    """Members of each device's private data; empty where the kernel has no such type or member."""
    kernel = reader.survey.kernel
    if not kernel.has_type(kind) or not all(kernel.has_member(kind, name) for name in names):
        return {}
    start = private_offset(kernel)
    fields = Fields(kernel, kind, {name: (name,) for name in names})
    rows = reader.survey.rows(fields, [device + start for device in devices], "interfaces")
    return {device: row for device, row in zip(devices, rows, strict=True) if None not in row.values()}


def _queues(
    reader: Reader,
    kind: str,
    arrays: Mapping[int, tuple[int, int]],
    names: Mapping[str, str],
    maybe: Mapping[str, str] | None = None,
) -> dict[int, Counters]:
    """Members of queues added up: of each device's array, by address and length.

    ``maybe``: members that not every kernel has.
    """
    kernel = reader.survey.kernel
    if not kernel.has_type(kind) or not all(kernel.has_member(kind, path) for path in names.values()):
        return {}
    wanted = {
        **names,
        **{name: path for name, path in (maybe or {}).items() if kernel.has_member(kind, path)},
    }
    size = kernel.sizeof(kind)
    sane = {d: (place, count) for d, (place, count) in arrays.items() if place and 0 < count <= _MOST_QUEUES}
    places = [place + i * size for place, count in sane.values() for i in range(count)]
    fields = Fields(kernel, kind, {name: (path,) for name, path in wanted.items()})
    rows = zip(*reader.survey.read(fields, places, "queues").values(), strict=True)
    found: dict[int, Counters] = {}
    for device, (_, count) in sane.items():
        columns = zip(*(next(rows) for _ in range(count)), strict=True)
        found[device] = {
            name: total(reader.survey, column) for name, column in zip(wanted, columns, strict=True)
        }
    return found
