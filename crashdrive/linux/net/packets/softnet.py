"""Received packets by CPU, and each CPU's backlog: ``struct softnet_data``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashdrive.linux.net.addresses import port
from crashdrive.linux.net.packets.queues import packets
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Address, Record

_KIND = "struct softnet_data"
_FIELDS = {
    "processed": ("processed",),
    # an atomic_t since 6.10
    "dropped": ("dropped.counter", "dropped", "drop_counters.drops0.counter"),
    # counted apart by nodes with even and odd numbers
    "dropped_odd": ("drop_counters.drops1.counter",),
    "time_squeeze": ("time_squeeze",),
    "received_rps": ("received_rps",),
    "flow_limit": ("flow_limit",),
    "flow_limit_count": ("flow_limit->count",),
    "input_queue": ("input_pkt_queue.qlen",),
    "process_queue": ("process_queue.qlen",),
    "deferred": ("defer_count",),
}
_PACKET = ("len", "dev->name", "protocol")
_REQUIRED = ("processed", "dropped", "time_squeeze", "input_queue", "process_queue")
_QUEUES = {"input": "input_pkt_queue", "process": "process_queue"}
# settings: variables of their own, members of net_hotdata since 6.9
_HOT = {
    "netdev_max_backlog": "max_backlog",
    "netdev_budget": "netdev_budget",
    "netdev_budget_usecs": "netdev_budget_usecs",
}


class Softnet(Record, frozen=True):
    """A CPU's counters of received packets since boot, and the packets in its queues.

    ``backlog`` is ``input_queue`` (filled by interrupts and other CPUs) and ``process_queue`` (being
    processed). ``flow_limit_count`` is None where no flow limit is set. ``deferred``: packets that wait to be
    freed, None where the kernel doesn't defer that.
    """

    cpu: int
    processed: int | None
    dropped: int | None
    time_squeeze: int | None
    received_rps: int | None
    flow_limit_count: int | None
    backlog: int | None
    input_queue: int | None
    process_queue: int | None
    deferred: int | None
    address: Address


class Limits(Record, frozen=True):
    """The limits: packets of the backlog, packets and seconds of a round of receiving."""

    max_backlog: int | None
    budget: int | None
    budget_seconds: float | None


class QueuedPacket(Record, frozen=True):
    """A packet in a CPU's backlog: ``protocol_number`` is its EtherType, ``address`` its ``sk_buff``'s."""

    cpu: int
    queue_name: str
    length: int | None
    device: str | None
    protocol_number: int | None
    address: Address


def cpus(survey: Survey, places: Sequence[int]) -> Iterator[Softnet]:
    """A row for each CPU, out of its ``softnet_data`` at these addresses: /proc/net/softnet_stat."""
    fields = Fields(survey.kernel, _KIND, _FIELDS, _REQUIRED)
    rows = survey.rows(fields, places, "softnet counters")
    for cpu, address, row in zip(survey.kernel.cpus, places, rows, strict=True):
        queues = (row["input_queue"], row["process_queue"])
        del row["flow_limit"]
        odd = row.pop("dropped_odd")
        if fields.has("dropped_odd"):
            row["dropped"] = None if None in (odd, row["dropped"]) else row["dropped"] + odd
        yield Softnet(cpu=cpu, address=address, backlog=None if None in queues else sum(queues), **row)


def limits(survey: Survey) -> Iterator[Limits]:
    """The limits of all CPUs, one row: net.core.netdev_max_backlog, netdev_budget, netdev_budget_usecs."""
    backlog, budget, usecs = (_limit(survey, *names) for names in _HOT.items())
    yield Limits(max_backlog=backlog, budget=budget, budget_seconds=None if usecs is None else usecs / 1e6)


def _limit(survey: Survey, variable: str, member: str) -> int | None:
    """A setting; None where this kernel lacks it (the time of a round exists since 4.12)."""
    kernel = survey.kernel
    if kernel.symbols.has(variable):
        return int(kernel.symbol_as(variable, "int"))
    if kernel.symbols.has("net_hotdata") and kernel.has_member("struct net_hotdata", member):
        return int(kernel.symbol_as("net_hotdata", "struct net_hotdata").member_(member))
    return None


_WHAT = "packets in backlogs"


def queued_packets(survey: Survey, places: Sequence[int]) -> Iterator[QueuedPacket]:
    """The packets in both queues of each CPU's ``softnet_data`` at these addresses."""
    kernel = survey.kernel
    heads = {
        place + kernel.offset(_KIND, member): (cpu, name)
        for cpu, place in zip(kernel.cpus, places, strict=True)
        for name, member in _QUEUES.items()
    }
    for head, waiting in packets(survey, list(heads), _WHAT).items():
        cpu, queue = heads[head]
        found = survey.gaps(kernel.read_many("struct sk_buff", waiting, _PACKET), _WHAT)
        for address, (length, device, protocol) in zip(waiting, found, strict=True):
            yield QueuedPacket(
                cpu=cpu, queue_name=queue, length=length, device=device, address=address,
                protocol_number=None if protocol is None else port(protocol.to_bytes(2, kernel.byte_order)),
            )  # fmt: skip
