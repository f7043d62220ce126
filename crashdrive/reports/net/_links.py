"""Network interfaces in short: whether they work, when they last sent, and what they lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from crashdrive.linux.net.devices.devices import Interface
from crashdrive.linux.net.devices.txqueues import TransmitQueue
from crashdrive.linux.net.tc.qdisc_tree import Qdisc
from crashdrive.records import Address, Finding, Record, Report
from crashdrive.reports.net._findings import evidence

SILENT = 60.0  # seconds
_LOST = (
    "rx_dropped", "tx_dropped", "rx_errors", "tx_errors", "rx_missed_errors", "rx_nohandler",
    "rx_over_errors", "rx_fifo_errors", "tx_fifo_errors", "tx_carrier_errors", "collisions",
)  # fmt: skip


class Link(Record, frozen=True):
    """An interface; counters as in `Statistics`, None where its driver keeps them.

    ``up``: set up; ``carrier``: and working. ``sent_ago``: seconds since a queue of it last sent, None where
    the kernel doesn't keep that (drivers that send without the queue's lock: all of veth, bridges, bonds);
    when something was last received it keeps nowhere. ``stopped``: the driver, or the limit of bytes, takes
    no more. ``timeouts`` of the transmit watchdog, ``lost``: counters of what was lost that aren't 0.
    """

    netns: str | None
    device: str
    operstate: str
    up: bool
    carrier: bool
    sent_ago: float | None
    stopped: tuple[str, ...]
    timeouts: int | None
    rx_packets: int | None
    tx_packets: int | None
    qdisc_drops: int | None
    lost: dict[str, int]
    address: Address


def links(told: Report) -> Iterator[Link]:
    """Rows out of the report ``interfaces`` with its queues and qdiscs."""
    devices: Sequence[Interface] = told.table("interfaces").rows
    queues: dict[tuple[str | None, str], list[TransmitQueue]] = defaultdict(list)
    for queue in told.table("queues").rows:
        queues[(queue.netns, queue.device)].append(queue)
    drops: dict[tuple[str | None, str], list[Qdisc]] = defaultdict(list)
    for qdisc in told.table("qdiscs").rows:
        drops[(qdisc.netns, qdisc.device)].append(qdisc)
    for device in devices:
        key = (device.netns, device.name)
        yield _link(device, queues[key], _dropped(drops[key]))


def _dropped(qdiscs: Sequence[Qdisc]) -> int | None:
    """The root shows what those below it dropped."""
    roots = [one.drops for one in qdiscs if one.parent is None]
    return None if None in roots else sum(one or 0 for one in roots)


def _link(device: Interface, queues: Sequence[TransmitQueue], dropped: int | None) -> Link:
    ages = [one.last_start_ago for one in queues if one.last_start_ago is not None]
    timeouts = [one.timeouts for one in queues if one.timeouts is not None]
    counted = device.statistics
    lost = {name: getattr(counted, name) for name in _LOST} if counted is not None else {}
    return Link(
        netns=device.netns,
        device=device.name,
        operstate=device.operstate,
        up="UP" in device.flags,
        carrier="LOWER_UP" in device.flags,
        sent_ago=min(ages, default=None),
        stopped=tuple(dict.fromkeys(name for one in queues for name in one.stopped)),
        timeouts=sum(timeouts) if timeouts else None,
        rx_packets=counted.rx_packets if counted is not None else None,
        tx_packets=counted.tx_packets if counted is not None else None,
        qdisc_drops=dropped,
        lost={name: value for name, value in lost.items() if value},
        address=device.address,
    )


def link_findings(rows: Sequence[Link]) -> Iterator[Finding]:
    """Interfaces that lose packets, that don't work, and that have been silent for long."""
    working = [row for row in rows if row.up and row.carrier]
    losing = [row for row in rows if row.lost or row.qdisc_drops]
    late = [row for row in rows if row.timeouts]
    stopped = [row for row in working if row.stopped and (row.sent_ago or 0) >= 1]
    dead = [row for row in rows if row.up and not row.carrier]
    silent = [row for row in working if row.sent_ago is not None and row.sent_ago >= SILENT]
    yield from evidence("warning", "interface-drops", "{count} interfaces lost packets", losing, _lost)
    yield from evidence(
        "warning", "transmit-timeout", "{count} interfaces did not send in time", late,
        lambda row: f"{_named(row)}: {row.timeouts} timeouts",
    )  # fmt: skip
    yield from evidence(
        "warning", "transmit-stopped", "{count} interfaces take nothing to send", stopped,
        lambda row: f"{_named(row)}: stopped by {', '.join(row.stopped)}, sent {row.sent_ago:.1f} s ago",
    )  # fmt: skip
    yield from evidence("info", "no-carrier", "{count} interfaces are up and have no carrier", dead, _named)
    yield from evidence(
        "info", "interface-silent", "{count} interfaces have sent nothing for long", silent,
        lambda row: f"{_named(row)}: sent {row.sent_ago:.1f} s ago",
    )  # fmt: skip


def _named(row: Link) -> str:
    return f"{row.device} (netns {row.netns})"


def _lost(row: Link) -> str:
    told = [f"{name} {count}" for name, count in row.lost.items()]
    told += [f"qdisc drops {row.qdisc_drops}"] if row.qdisc_drops else []
    return f"{_named(row)}: {', '.join(told)}"
