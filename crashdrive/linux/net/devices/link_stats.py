"""Counters of network devices, read from the structures in which their drivers keep them.

Sources: net/core/dev.c (dev_get_stats), drivers/net/loopback.c, dummy.c, veth.c, net/8021q/vlan_dev.c. A
device's ndo_get_stats64 tells where they are; `crashdrive.linux.net.devices.driver_stats` reads some drivers'
own counters. Counters of other drivers (most hardware) are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crashdrive.linux.net.counters.device_counters import Counters, add, number, private_offset, sums
from crashdrive.linux.net.devices.driver_stats import DRIVERS
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Long, Notice, Record

__all__ = ["Counters", "Reader", "Statistics", "number", "sums"]

_BASE = (
    "rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped",
    "multicast", "collisions", "rx_length_errors", "rx_over_errors", "rx_crc_errors", "rx_frame_errors",
    "rx_fifo_errors", "rx_missed_errors", "tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors",
    "tx_heartbeat_errors", "tx_window_errors", "rx_compressed", "tx_compressed",
)  # fmt: skip
# until 5.18 (625788b58445) in the device itself
_CORE_OF_OLD = {f"core_{name}": (f"{name}.counter",) for name in ("rx_dropped", "tx_dropped", "rx_nohandler")}
_CORE = ("rx_dropped", "tx_dropped", "rx_nohandler", "rx_otherhost_dropped")
# enum netdev_stat_type
_TSTATS, _DSTATS = 2, 3
_NAMED = 8  # devices in a notice


class Statistics(Record, frozen=True):
    """``struct rtnl_link_stats64``: packets and bytes. None: the counter isn't read."""

    rx_packets: int | None
    tx_packets: int | None
    rx_bytes: Long | None
    tx_bytes: Long | None
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
    # since 6.7 (34d21de99cea) the core may keep them for the driver
    "place": ("pcpu_stat_type",),
    "per_cpu": ("tstats",),
    "core": ("core_stats",),
    **_CORE_OF_OLD,
    "xdp": ("xdp_state[1].prog",),
    "tx_queues": ("num_tx_queues",),
    "rx_queues": ("num_rx_queues",),
    **{name: (f"stats.{name}",) for name in _BASE},
}


class Reader:
    """Reads the counters of many devices together; ``rows``: each device's own members."""

    def __init__(self, survey: Survey, devices: Sequence[int], peers: Mapping[int, int]) -> None:
        self.survey = survey
        self._peers = peers
        self._unread: dict[tuple[str, str], list[str]] = {}
        self._found: dict[int, Statistics | None] = {}
        fields = Fields(survey.kernel, "struct net_device", _DEVICE)
        self._of_core = [name for name in _CORE_OF_OLD if fields.has(name)]
        self.rows = dict(survey.addressed(fields, devices, "interfaces"))
        self._cpu = {
            kind: self._sums(kind, [row["per_cpu"] for row in self.rows.values()], fields)
            for kind, fields in _PER_CPU.items()
            if survey.kernel.has_type(kind)
        }
        self._core = self._sums(
            "struct net_device_core_stats", [row["core"] for row in self.rows.values()], _CORE
        )
        self._of_drivers = self._by_drivers()

    def _by_drivers(self) -> dict[int, Counters | None]:
        """Counters in drivers' structures; the devices of a driver are read together."""
        groups: dict[str, list[int]] = {}
        for device, row in self.rows.items():
            groups.setdefault(self._method(row), []).append(device)
        found: dict[int, Counters | None] = {}
        for method, read in DRIVERS.items():
            if method in groups:
                found.update(read(self, groups[method]))
        return found

    def _sums(self, kind: str, pointers: Sequence[int | None], names: Sequence[str]) -> dict[int, Counters]:
        """Per-cpu structures added up, by their per-cpu pointer."""
        return sums(self.survey, kind, sorted({p for p in pointers if p}), names)

    def of(self, device: int, name: str) -> Statistics | None:
        """The counters of a device; None where they aren't read: `tell` notes that, also of single ones."""
        found = self._statistics(device)
        if found is None or None in (getattr(found, field) for field in found.__struct_fields__):
            lost = "not read" if found is None else "not all read"
            self._unread.setdefault((self._method(self.rows[device]), lost), []).append(name)
        return found

    def _statistics(self, device: int) -> Statistics | None:
        if device not in self._found:
            self._found[device] = None  # ends the recursion of a bond that were its own slave
            self._found[device] = self._summed(device)
        return self._found[device]

    def _summed(self, device: int) -> Statistics | None:
        row = self.rows[device]
        found = self._of_drivers.get(device)
        way = _WAYS.get(self._method(row))
        if found is None and way is not None:
            found = way(self, device, row)
        if found is None:
            return None
        add(found, self._core.get(row["core"] or 0, {}))
        add(found, {name.removeprefix("core_"): row[name] for name in self._of_core})
        return Statistics(**{field: found.get(field, 0) for field in Statistics.__struct_fields__})

    def tell(self) -> None:
        """Note which devices' counters are not read, one notice for each driver."""
        for (driver, lost), names in self._unread.items():
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            shown = ", ".join(names[:_NAMED]) + more
            where = f"a driver keeps statistics elsewhere ({driver})" if driver else "damaged statistics"
            said = f"{where}; {lost}: those of {shown}"
            self.survey.miss([Notice(kind="elsewhere", message=said)])

    def _method(self, row: Mapping[str, Any]) -> str:
        """The name of the driver's function; without one, the name of the core's way of keeping them."""
        function = row["get64"] or row["get"]
        if function:
            place = self.survey.kernel.symbols.lookup(function)
            return place.symbol.name if place is not None else hex(function)
        return {_TSTATS: "dev_get_tstats64", _DSTATS: "dev_get_dstats64"}.get(row["place"] or 0, "")

    def plain(self, device: int) -> Counters:
        """Counters in the device itself."""
        return {name: self.rows[device][name] for name in _BASE}

    def software(self, device: int) -> Counters | None:
        """Counters in the device, and packets by CPU."""
        return self._more(self.plain(device), "struct pcpu_sw_netstats", self.rows[device])

    def sent(self, device: int) -> Counters | None:
        """Packets and bytes of a device that counts only what it sends."""
        return self._sent(self.rows[device]) if device in self.rows else None

    def _more(self, found: Counters, kind: str, row: Mapping[str, Any]) -> Counters | None:
        more = self._cpu.get(kind, {}).get(row["per_cpu"] or 0)
        if row["per_cpu"] and more is None:
            return None
        for name, value in (more or {}).items():
            add(found, {_RENAMED.get(name, name): value})
        return found

    def _sent(self, row: Mapping[str, Any]) -> Counters | None:
        """Packets and bytes of a device that counts only what it sends."""
        pointer = row["per_cpu"] or 0
        if row["place"] != _TSTATS:
            return self._cpu.get("struct pcpu_lstats", {}).get(pointer)
        both = self._cpu.get("struct pcpu_sw_netstats", {}).get(pointer)
        return None if both is None else {name: both[f"tx_{name}"] for name in ("packets", "bytes")}

    def dropping(self, device: int, row: Mapping[str, Any]) -> Counters | None:
        """Counters in the device, and packets and drops by CPU."""
        return self._more(self.plain(device), "struct pcpu_dstats", row)

    def loopback(self, _device: int, row: Mapping[str, Any]) -> Counters | None:
        """lo: it receives what it sends."""
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
        if self.survey.kernel.has_member("struct net_device", "vstats"):  # its own, until 5.0
            return None
        peer = self.rows.get(self._peers.get(device, 0))
        found = self.sending(device, row)
        if found is None:
            return None
        theirs = self._sent(peer) if peer and not peer["xdp"] and not row["xdp"] else None
        for name in ("packets", "bytes"):
            found[f"rx_{name}"] = None if theirs is None else theirs[name]
        return {**found, "rx_dropped": None, "tx_dropped": None}

    def bond(self, device: int, row: Mapping[str, Any]) -> Counters | None:
        """Counters of a bond: those that it kept, and what its slaves counted since: bond_fold_stats()."""
        del row
        kernel, kind, names = self.survey.kernel, "struct bonding@bonding", Statistics.__struct_fields__
        kept = [name for name in names if kernel.has_member(kind, f"bond_stats.{name}")]
        if not kept or not kernel.has_type("struct slave@bonding"):
            return None
        own = self.survey.gaps(
            kernel.read_many(
                kind, [device + private_offset(kernel)], [f"bond_stats.{name}" for name in kept]
            ),
            "bonds",
        )
        found: Counters = dict(zip(kept, next(iter(own)), strict=True))
        start = kernel.offset("struct net_device", "adj_list.lower")
        walked = kernel.walk_list(device + start, "struct netdev_adjacent", "list")
        self.survey.walked(walked, "slaves of bonds")
        columns = self.survey.gaps(walked.read(["dev", "private"]), "slaves of bonds")
        for lower, slave in columns:
            more = self._slave(lower, slave, kept)
            if more is None:
                return None
            add(found, more)
        return found

    def _slave(self, device: int | None, slave: int | None, names: Sequence[str]) -> Counters | None:
        """Growth of a slave's counters since its bond read them last; None where it isn't known."""
        now = self._statistics(device) if device in self.rows and device is not None else None
        if now is None or not slave:
            return None
        fields = [f"slave_stats.{name}" for name in names]
        columns = self.survey.kernel.read_many("struct slave@bonding", [slave], fields)
        then = next(iter(self.survey.gaps(columns, "slaves of bonds")))
        return {name: _grown(before, getattr(now, name)) for name, before in zip(names, then, strict=True)}

    def vlan(self, device: int, _row: Mapping[str, Any]) -> Counters | None:
        """Per-CPU counters in the VLAN's private data."""
        kernel, kind = self.survey.kernel, "struct vlan_dev_priv"
        if not kernel.has_type(kind):
            return None
        place = device + private_offset(self.survey.kernel)
        columns = self.survey.gaps(kernel.read_many(kind, [place], ["vlan_pcpu_stats"]), "VLANs")
        (pointer,) = columns["vlan_pcpu_stats"]
        names = (
            "rx_packets", "rx_bytes", "rx_multicast", "tx_packets", "tx_bytes", "rx_errors", "tx_dropped",
        )  # fmt: skip
        found = self._sums("struct vlan_pcpu_stats", [pointer], names).get(pointer or 0)
        return None if found is None else {_RENAMED.get(name, name): value for name, value in found.items()}


def _grown(before: int | None, now: int | None) -> int | None:
    """The growth of a counter; a driver's counter of 32 bits may have wrapped around."""
    if before is None or now is None:
        return None
    if (before | now) >> 32:
        return max(now - before, 0)
    grown = (now - before) & 0xFFFFFFFF
    return 0 if grown >> 31 else grown


_PER_CPU = {
    "struct pcpu_sw_netstats": ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes"),
    "struct pcpu_lstats": ("packets", "bytes"),
    "struct pcpu_dstats": ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_drops", "tx_drops"),
}
_RENAMED = {"rx_multicast": "multicast", "rx_drops": "rx_dropped", "tx_drops": "tx_dropped"}
_WAYS: dict[str, Callable[[Reader, int, Mapping[str, Any]], Counters | None]] = {
    "": lambda reader, device, _row: reader.plain(device),
    "dev_get_tstats64": lambda reader, device, _row: reader.software(device),
    "ip_tunnel_get_stats64": lambda reader, device, _row: reader.software(device),
    "dev_get_dstats64": Reader.dropping,
    "bond_get_stats": Reader.bond,
    "loopback_get_stats64": Reader.loopback,
    "dummy_get_stats64": Reader.sending,
    "veth_get_stats64": Reader.veth,
    "vlan_dev_get_stats64": Reader.vlan,
}
