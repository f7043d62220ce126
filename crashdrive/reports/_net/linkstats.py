"""Counters of network devices, from where their drivers keep them.

Sources: net/core/dev.c (dev_get_stats), drivers/net/loopback.c, dummy.c, veth.c, net/8021q/vlan_dev.c.
Which way a device goes is told by its ndo_get_stats64. Most hardware drivers sum counters of their own, of
which a dump's debug data knows nothing: these are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crashdrive.records import Notice, Record
from crashdrive.reports._net.sockets import Fields, Survey

_BASE = (
    "rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped",
    "multicast", "collisions", "rx_length_errors", "rx_over_errors", "rx_crc_errors", "rx_frame_errors",
    "rx_fifo_errors", "rx_missed_errors", "tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors",
    "tx_heartbeat_errors", "tx_window_errors", "rx_compressed", "tx_compressed",
)  # fmt: skip
_CORE = ("rx_dropped", "tx_dropped", "rx_nohandler", "rx_otherhost_dropped")
Counters = dict[str, int | None]
# enum netdev_stat_type
_TSTATS, _DSTATS = 2, 3
_NAMED = 8  # devices in a notice


class Statistics(Record, frozen=True):
    """``struct rtnl_link_stats64``: packets and bytes. None: kept where it isn't read."""

    rx_packets: int | None
    tx_packets: int | None
    rx_bytes: int | None
    tx_bytes: int | None
    rx_errors: int | None
    tx_errors: int | None
    rx_dropped: int | None
    tx_dropped: int | None
    multicast: int | None
    collisions: int | None
    rx_length_errors: int | None
    rx_over_errors: int | None
    rx_crc_errors: int | None
    rx_frame_errors: int | None
    rx_fifo_errors: int | None
    rx_missed_errors: int | None
    tx_aborted_errors: int | None
    tx_carrier_errors: int | None
    tx_fifo_errors: int | None
    tx_heartbeat_errors: int | None
    tx_window_errors: int | None
    rx_compressed: int | None
    tx_compressed: int | None
    rx_nohandler: int | None
    rx_otherhost_dropped: int | None


_DEVICE = {
    "get64": ("netdev_ops->ndo_get_stats64",),
    "get": ("netdev_ops->ndo_get_stats",),
    # since 6.7 (34d21de99cea) the core may know where they are
    "place": ("pcpu_stat_type",),
    "per_cpu": ("tstats",),
    "core": ("core_stats",),
    "xdp": ("xdp_state[1].prog",),
    **{name: (f"stats.{name}",) for name in _BASE},
}


class Reader:
    """Reads the counters of many devices together."""

    def __init__(self, survey: Survey, devices: Sequence[int], peers: Mapping[int, int]) -> None:
        self._survey = survey
        self._peers = peers
        self._unread: dict[str, list[str]] = {}
        columns = survey.read(Fields(survey.kernel, "struct net_device", _DEVICE), devices, "interfaces")
        self._rows = {
            device: dict(zip(columns, row, strict=True))
            for device, row in zip(devices, zip(*columns.values(), strict=True), strict=True)
        }
        self._cpu = {
            kind: self._sums(kind, [row["per_cpu"] for row in self._rows.values()], fields)
            for kind, fields in _PER_CPU.items()
            if survey.kernel.has_type(kind)
        }
        self._core = self._sums(
            "struct net_device_core_stats", [row["core"] for row in self._rows.values()], _CORE
        )

    def _sums(self, kind: str, pointers: Sequence[int | None], names: Sequence[str]) -> dict[int, Counters]:
        """Per-cpu structures added up, by their per-cpu pointer."""
        return sums(self._survey, kind, sorted({p for p in pointers if p}), names)

    def of(self, device: int, name: str) -> Statistics | None:
        """The counters of a device; None where its driver keeps them: `tell` says so."""
        row = self._rows[device]
        way = _WAYS.get(self._method(row))
        found = way(self, device, row) if way is not None else None
        if found is None:
            self._unread.setdefault(self._method(row), []).append(name)
            return None
        _add(found, self._core.get(row["core"] or 0, {}))
        return Statistics(**{field: found.get(field, 0) for field in Statistics.__struct_fields__})

    def tell(self) -> None:
        """Note which devices' counters are not read, one notice for each driver."""
        for driver, names in self._unread.items():
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            shown = ", ".join(names[:_NAMED]) + more
            said = f"a driver keeps statistics elsewhere ({driver}); not read: those of {shown}"
            self._survey.miss([Notice(kind="elsewhere", message=said)])

    def _method(self, row: Mapping[str, Any]) -> str:
        """The name of what the kernel would call; how the core keeps them where it calls nothing."""
        function = row["get64"] or row["get"]
        if function:
            place = self._survey.kernel.symbols.lookup(function)
            return place.symbol.name if place is not None else hex(function)
        return {_TSTATS: "dev_get_tstats64", _DSTATS: "dev_get_dstats64"}.get(row["place"] or 0, "")

    def plain(self, _device: int, row: Mapping[str, Any]) -> Counters:
        """In the device itself."""
        return {name: row[name] for name in _BASE}

    def software(self, device: int, row: Mapping[str, Any]) -> Counters | None:
        """In the device, and packets by CPU."""
        return self._more(self.plain(device, row), "struct pcpu_sw_netstats", row)

    def dropping(self, device: int, row: Mapping[str, Any]) -> Counters | None:
        """In the device, and packets and drops by CPU."""
        return self._more(self.plain(device, row), "struct pcpu_dstats", row)

    def tunnel(self, device: int, row: Mapping[str, Any]) -> Counters | None:
        """As `software`; the tun driver itself counts bad frames."""
        found = self.software(device, row)
        return None if found is None else {**found, "rx_frame_errors": None}

    def _more(self, found: Counters, kind: str, row: Mapping[str, Any]) -> Counters | None:
        more = self._cpu.get(kind, {}).get(row["per_cpu"] or 0)
        if row["per_cpu"] and more is None:
            return None
        for name, value in (more or {}).items():
            _add(found, {_RENAMED.get(name, name): value})
        return found

    def _sent(self, row: Mapping[str, Any]) -> Counters | None:
        """Packets and bytes of a device that counts only what it sends."""
        pointer = row["per_cpu"] or 0
        if row["place"] != _TSTATS:
            return self._cpu.get("struct pcpu_lstats", {}).get(pointer)
        both = self._cpu.get("struct pcpu_sw_netstats", {}).get(pointer)
        return None if both is None else {name: both[f"tx_{name}"] for name in ("packets", "bytes")}

    def loopback(self, _device: int, row: Mapping[str, Any]) -> Counters | None:
        """What was sent was received."""
        sent = self._sent(row)
        if sent is None:
            return None
        return {f"{way}_{name}": value for way in ("rx", "tx") for name, value in sent.items()}

    def sending(self, _device: int, row: Mapping[str, Any]) -> Counters | None:
        """A device that only sends."""
        sent = self._sent(row)
        return None if sent is None else {f"tx_{name}": value for name, value in sent.items()}

    def veth(self, device: int, row: Mapping[str, Any]) -> Counters | None:
        """What the peer sent was received; drops, and what XDP programs handle, the driver counts itself."""
        if self._survey.kernel.has_member("struct net_device", "vstats"):  # its own, until 5.0
            return None
        peer = self._rows.get(self._peers.get(device, 0))
        found = self.sending(device, row)
        if found is None:
            return None
        theirs = self._sent(peer) if peer and not peer["xdp"] and not row["xdp"] else None
        for name in ("packets", "bytes"):
            found[f"rx_{name}"] = None if theirs is None else theirs[name]
        return {**found, "rx_dropped": None, "tx_dropped": None}

    def vlan(self, device: int, _row: Mapping[str, Any]) -> Counters | None:
        """By CPU, in what belongs to the VLAN."""
        kernel, kind = self._survey.kernel, "struct vlan_dev_priv"
        if not kernel.has_type(kind):
            return None
        place = device + private_offset(self._survey)
        columns = self._survey.gaps(kernel.read_many(kind, [place], ["vlan_pcpu_stats"]), "VLANs")
        (pointer,) = columns["vlan_pcpu_stats"]
        names = (
            "rx_packets", "rx_bytes", "rx_multicast", "tx_packets", "tx_bytes", "rx_errors", "tx_dropped",
        )  # fmt: skip
        found = self._sums("struct vlan_pcpu_stats", [pointer], names).get(pointer or 0)
        return None if found is None else {_RENAMED.get(name, name): value for name, value in found.items()}


_PER_CPU = {
    "struct pcpu_sw_netstats": ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes"),
    "struct pcpu_lstats": ("packets", "bytes"),
    "struct pcpu_dstats": ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_drops", "tx_drops"),
}
_RENAMED = {"rx_multicast": "multicast", "rx_drops": "rx_dropped", "tx_drops": "tx_dropped"}
_WAYS: dict[str, Callable[[Reader, int, Mapping[str, Any]], Counters | None]] = {
    "": Reader.plain,
    "dev_get_tstats64": Reader.software,
    "ip_tunnel_get_stats64": Reader.software,
    "dev_get_dstats64": Reader.dropping,
    "tun_net_get_stats64": Reader.tunnel,
    "loopback_get_stats64": Reader.loopback,
    "dummy_get_stats64": Reader.sending,
    "veth_get_stats64": Reader.veth,
    "vlan_dev_get_stats64": Reader.vlan,
}


def private_offset(survey: Survey) -> int:
    """Where a driver's part of a device begins: netdev_priv()."""
    kernel, kind = survey.kernel, "struct net_device"
    if kernel.has_member(kind, "priv"):  # kernels of 2024 and later
        return kernel.offset(kind, "priv")
    return -(-kernel.sizeof(kind) // 32) * 32


def sums(survey: Survey, kind: str, pointers: Sequence[int], names: Sequence[str]) -> dict[int, Counters]:
    """Per-cpu counters added up over the CPUs, by their per-cpu pointer; None where one can't be read."""
    kernel = survey.kernel
    if not pointers or not kernel.has_type(kind):
        return {}
    cpus = kernel.cpus
    places = [kernel.per_cpu_address(pointer, cpu) for pointer in pointers for cpu in cpus]
    fields = Fields(kernel, kind, {name: (name,) for name in names})
    columns = survey.read(fields, places, "statistics")
    found: dict[int, Counters] = {}
    for i, pointer in enumerate(pointers):
        parts = slice(i * len(cpus), (i + 1) * len(cpus))
        found[pointer] = {name: _sum(survey, columns[name][parts]) for name in names if fields.has(name)}
    return found


def _sum(survey: Survey, values: Sequence[Any]) -> int | None:
    """Plain numbers, or the structure that wraps them in newer kernels (316580b69d0a: u64_stats_t)."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += number(survey, value)
    return total


def number(survey: Survey, value: int | bytes) -> int:
    """A counter out of either form."""
    if isinstance(value, int):
        return value
    return int.from_bytes(value, "little" if survey.kernel.byte_order == "little" else "big")


def _add(found: Counters, more: Mapping[str, int | None]) -> None:
    for name, value in more.items():
        before = found.get(name, 0)
        found[name] = None if before is None or value is None else before + value
