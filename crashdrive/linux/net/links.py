"""Network interfaces in short: state, time of the last sending, losses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from crashdrive.linux.net.devices.devices import Interface
from crashdrive.linux.net.devices.txqueues import TransmitQueue
from crashdrive.linux.net.tc.qdisc_tree import Qdisc
from crashdrive.records import Address, Record

_LOST = (
    "rx_dropped", "tx_dropped", "rx_errors", "tx_errors", "rx_missed_errors", "rx_nohandler",
    "rx_over_errors", "rx_fifo_errors", "tx_fifo_errors", "tx_carrier_errors", "collisions",
)  # fmt: skip


class Link(Record, frozen=True):
    """An interface; counters as in `Statistics`, None where its driver keeps them.

    ``up``: set up; ``carrier``: with a link. ``sent_ago``: seconds since one of its queues last sent, None
    where the kernel doesn't keep that (drivers that send without the queue's lock: veth, bridges, bonds); the
    kernel doesn't keep when it last received. ``stopped``: the driver or BQL stopped its queues.
    ``timeouts``: of the transmit watchdog, ``losses``: counters of losses that aren't 0.
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
    losses: dict[str, int]
    address: Address


def links(
    devices: Iterable[Interface], queues: Iterable[TransmitQueue], qdiscs: Iterable[Qdisc]
) -> Iterator[Link]:
    """A row for each interface, made of its own row, its queues and its qdiscs."""
    queues_of: dict[tuple[str | None, str], list[TransmitQueue]] = defaultdict(list)
    for queue in queues:
        queues_of[(queue.netns, queue.device)].append(queue)
    qdiscs_of: dict[tuple[str | None, str], list[Qdisc]] = defaultdict(list)
    for qdisc in qdiscs:
        qdiscs_of[(qdisc.netns, qdisc.device)].append(qdisc)
    for device in devices:
        key = (device.netns, device.name)
        yield _link(device, queues_of[key], _dropped(qdiscs_of[key]))


def _dropped(qdiscs: Sequence[Qdisc]) -> int | None:
    """Drops of the root qdiscs, which include those of the qdiscs below."""
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
        losses={name: value for name, value in lost.items() if value},
        address=device.address,
    )
