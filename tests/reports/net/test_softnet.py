"""Counters and backlogs of each CPU."""

from __future__ import annotations

import struct

from crashdrive.kernel.types.model import ArrayType, IntType, Type
from crashdrive.linux.kernel import Kernel
from crashdrive.reports import run_report
from tests.kernel.fake_memory import (
    CHAR,
    PAGE,
    UINT,
    FakeMemory,
    link_list,
    pointer,
    record,
)
from tests.linux.net.small_kernel import CPUS, two_cpus

# packets

QUEUE = record(
    "sk_buff_head", ("next", pointer("struct sk_buff")), ("prev", pointer("struct sk_buff")), ("qlen", UINT)
)
PACKET = record(
    "sk_buff",
    ("next", pointer("struct sk_buff")),
    ("prev", pointer("struct sk_buff")),
    ("dev", pointer("struct net_device")),
    ("len", UINT),
    ("protocol", IntType("unsigned short", 2, signed=False)),
)
SOFTNET = record(
    "softnet_data",
    ("processed", UINT),
    ("dropped", UINT),
    ("time_squeeze", UINT),
    ("input_pkt_queue", QUEUE),
    ("process_queue", QUEUE),
)


class _Crash:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel


def softnet_kernel(memory: FakeMemory, kind: Type = SOFTNET) -> tuple[_Crash, int]:
    place = memory.allocate(2 * PAGE, PAGE)
    types = {
        "struct softnet_data": kind,
        "struct sk_buff": PACKET,
        "struct sk_buff_head": QUEUE,
        "struct net_device": record("net_device", ("name", ArrayType(CHAR, 16))),
    }
    return _Crash(two_cpus(memory, types, {"softnet_data": place})), place


def test_counters_of_an_older_kernel() -> None:
    memory = FakeMemory()
    crash, place = softnet_kernel(memory)
    memory.write(place, struct.pack("<3I", 5, 1, 2))
    rows = run_report(crash, "softnet").table("softnet").rows
    assert [(row.cpu, row.processed, row.dropped, row.time_squeeze) for row in rows] == [
        (0, 5, 1, 2),
        (1, 0, 0, 0),
    ]
    assert {(row.received_rps, row.flow_limit_count, row.deferred) for row in rows} == {(None, None, None)}
    assert [row.backlog for row in rows] == [0, 0]


def test_counters_that_are_elsewhere() -> None:
    crash, _ = softnet_kernel(FakeMemory(), record("softnet_data", ("anything", UINT)))
    report = run_report(crash, "softnet")
    assert not report.complete
    assert not report.table("softnet").rows
    assert report.warnings[0].message.startswith("this kernel keeps softnet counters elsewhere; not read")


def test_a_cpu_whose_memory_is_missing() -> None:
    memory = FakeMemory()
    crash, place = softnet_kernel(memory)
    memory.hole(place + PAGE)
    report = run_report(crash, "softnet")
    first, second = report.table("softnet").rows
    assert (first.processed, second.processed, second.backlog) == (0, None, None)
    assert not report.complete


def backlog(memory: FakeMemory) -> tuple[_Crash, int]:
    """A kernel with empty backlogs, and where the second CPU's first one is."""
    crash, place = softnet_kernel(memory)
    heads = [
        place + cpu * PAGE + crash.kernel.offset("struct softnet_data", name)
        for cpu in range(CPUS)
        for name in ("input_pkt_queue", "process_queue")
    ]
    for head in heads:
        link_list(memory, head, [])
    return crash, heads[2]


def test_packets_in_backlogs() -> None:
    memory = FakeMemory()
    crash, head = backlog(memory)
    packet, device = memory.allocate(PACKET.size), memory.allocate(16)
    link_list(memory, head, [packet])
    memory.write(device, b"eth0")
    memory.word(packet + 16, device)
    memory.write(packet + 24, struct.pack("<IH", 60, 0xDD86))
    report = run_report(crash, "softnet", packets=True)
    (row,) = report.table("packets").rows
    assert (row.cpu, row.queue_name, row.length, row.device, row.protocol_number) == (
        1,
        "input",
        60,
        "eth0",
        0x86DD,
    )
    assert report.complete


def test_a_backlog_that_never_ends() -> None:
    memory = FakeMemory()
    crash, head = backlog(memory)
    packet = memory.allocate(PACKET.size)
    link_list(memory, head, [packet])
    memory.word(packet, packet)
    report = run_report(crash, "softnet", packets=True)
    assert [row.address for row in report.table("packets").rows] == [packet]
    assert not report.complete


def test_holes_in_a_backlog_are_said_of_it() -> None:
    """Not of unix sockets, whose queues are read by the same function."""
    memory = FakeMemory()
    crash, head = backlog(memory)
    gone = memory.allocate(PACKET.size, PAGE)
    link_list(memory, head, [gone])
    memory.hole(gone)
    report = run_report(crash, "softnet", packets=True)
    assert not report.complete
    assert [notice.message.partition(":")[0] for notice in report.warnings] == ["packets in backlogs"]
