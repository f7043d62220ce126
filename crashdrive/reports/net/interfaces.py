r"""Network interfaces with addresses, counters, queues and queueing disciplines.

\b
Examples:
  crashdrive report interfaces vmcore
  crashdrive report interfaces -s --netns red vmcore      counters too
  crashdrive report interfaces --qdiscs --queues vmcore
  crashdrive report interfaces --features --drivers --device eth0 vmcore
  crashdrive report interfaces --device eth0 --format json vmcore

Counters that drivers keep are read for virtual devices and virtio_net; for other drivers (most hardware) they
are marked as missing. Ring sizes are those of virtio_net alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from crashdrive.linux.net.devices.devices import Device, Interface, devices, interfaces
from crashdrive.linux.net.devices.features import features
from crashdrive.linux.net.devices.txqueues import transmit_queues
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.net.tc.qdisc_tree import qdiscs
from crashdrive.records import Long, Record, Report, Table
from crashdrive.reports.base import Option, report_of
from crashdrive.reports.net._options import NETNS

NAME = "interfaces"
SUMMARY = "Network interfaces: flags, addresses, masters, counters, queues and qdiscs."
BTF = True
OPTIONS = (
    Option(name="statistics", flags=("-s", "--statistics"), help="A table of the counters too."),
    Option(name="queues", flags=("--queues",), help="Transmit queues too."),
    Option(name="qdiscs", flags=("--qdiscs",), help="Queueing disciplines too (report qdisc has more)."),
    Option(name="features", flags=("--features",), help="Features (offloads) too, as ethtool -k has them."),
    Option(name="drivers", flags=("--drivers",), help="Drivers, buses and ring sizes too."),
    Option(name="all", flags=("-a", "--all"), help="All of these tables."),
    Option(name="device", flags=("--device",), help="One interface.", kind="text"),
    NETNS,
)


class AddressLine(Record, frozen=True):
    """An address with its interface, for people; records have them in the interface's row."""

    netns: str | None
    device: str
    address: str
    peer: str | None
    scope: str
    label: str | None
    flags: tuple[str, ...]
    valid_seconds: float | None
    preferred_seconds: float | None


class CounterLine(Record, frozen=True):
    """The counters that people look at first."""

    netns: str | None
    device: str
    rx_packets: int | None
    rx_bytes: Long | None
    rx_errors: int | None
    rx_dropped: int | None
    multicast: int | None
    tx_packets: int | None
    tx_bytes: Long | None
    tx_errors: int | None
    tx_dropped: int | None
    collisions: int | None


class DriverLine(Record, frozen=True):
    """An interface's driver and device, for people; records have them in the interface's row."""

    netns: str | None
    device: str
    driver: str | None
    bus_info: str | None
    parent: str | None
    rx_ring: int | None
    rx_ring_max: int | None
    tx_ring: int | None
    tx_ring_max: int | None


def report(crash: Any, **asked: Any) -> Report:
    """The interfaces that are asked for; options by the names in `OPTIONS`."""
    survey = NetSurvey.of(crash.kernel, asked["netns"])
    every = survey.attempt("interfaces", partial(devices, survey))
    found = survey.attempt("interfaces", partial(interfaces, survey, every))
    if asked["device"] is not None:
        survey.require("interface", [asked["device"]], [row.name for row in found])
    rows = [row for row in found if asked["device"] in {None, row.name}]
    several = ("netns",) if len(survey.chosen) > 1 else ()
    tables = [_interfaces(rows, several), _addresses(rows, several)]
    if asked["statistics"] or asked["all"]:
        tables.append(_counters(rows, several))
    if asked["drivers"] or asked["all"]:
        tables.append(_drivers(rows, several))
    for name, read, columns in _MORE:
        if asked[name] or asked["all"]:
            tables.append(_more(survey, every, asked, name, read, (*several, *columns)))
    return report_of(NAME, survey, tables)


_MORE: tuple[tuple[str, Callable[[NetSurvey, Sequence[Device]], list[Any]], tuple[str, ...]], ...] = (
    (
        "queues",
        transmit_queues,
        ("device", "queue", "qdisc", "stopped", "in_flight_bytes", "limit_bytes", "last_start_ago"),
    ),
    (
        "qdiscs",
        qdiscs,
        ("device", "kind", "handle", "parent", "qlen", "backlog", "drops", "bytes", "packets", "address"),
    ),
    ("features", features, ("device", "feature", "on", "fixed", "requested")),
)


def _more(
    survey: NetSurvey,
    every: Sequence[Device],
    asked: dict[str, Any],
    name: str,
    read: Callable[[NetSurvey, Sequence[Device]], list[Any]],
    columns: tuple[str, ...],
) -> Table:
    rows = survey.attempt(name, partial(read, survey, every))
    return Table(
        name=name, rows=[row for row in rows if asked["device"] in {None, row.device}], columns=columns
    )


def _interfaces(rows: Sequence[Interface], several: tuple[str, ...]) -> Table:
    shown = ("index", "name", "operstate", "mtu", "kind", "master", "link", "mac", "flags", "qdisc")
    return Table(name="interfaces", rows=rows, columns=(*several, *shown, "address"))


def _addresses(rows: Sequence[Interface], several: tuple[str, ...]) -> Table:
    lines = [
        AddressLine(
            netns=row.netns,
            device=row.name,
            address=f"{one.address}/{one.prefix_length}",
            peer=one.peer,
            scope=one.scope,
            label=one.label,
            flags=one.flags,
            valid_seconds=one.valid_seconds,
            preferred_seconds=one.preferred_seconds,
        )
        for row in rows
        for one in row.addresses
    ]
    shown = ("device", "address", "scope", "peer", "label", "flags", "valid_seconds")
    return Table(name="addresses", rows=lines, columns=(*several, *shown))


_COUNTERS = CounterLine.__struct_fields__[2:]


def _counters(rows: Sequence[Interface], several: tuple[str, ...]) -> Table:
    lines = [
        CounterLine(
            netns=row.netns,
            device=row.name,
            **{name: getattr(row.statistics, name, None) for name in _COUNTERS},
        )
        for row in rows
    ]
    return Table(name="statistics", rows=lines, columns=(*several, "device", *_COUNTERS))


def _drivers(rows: Sequence[Interface], several: tuple[str, ...]) -> Table:
    lines = [
        DriverLine(
            netns=row.netns,
            device=row.name,
            driver=row.driver,
            bus_info=row.bus_info,
            parent=row.parent_device,
            **{f"{way}_ring{most}": getattr(row.rings, way + most, None) for way, most in _RINGS},
        )
        for row in rows
    ]
    return Table(name="drivers", rows=lines, columns=(*several, *DriverLine.__struct_fields__[1:]))


_RINGS = [(way, most) for way in ("rx", "tx") for most in ("", "_max")]
