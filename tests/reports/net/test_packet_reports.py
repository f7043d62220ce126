"""Counters, backlogs, hooks and followed connections where memory is damaged or a kernel has less."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from crashdrive.errors import UsageError
from crashdrive.kernel.types.model import ArrayType, EnumType, IntType, Type
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.net import percpu
from crashdrive.linux.net.counters import sockstat
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.netfilter import conntrack
from crashdrive.linux.net.netfilter import hooks as netfilter_hooks
from crashdrive.linux.net.packets import buffers
from crashdrive.linux.net.survey import Survey
from crashdrive.reports.net import skb, softnet
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    PAGE,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

CPUS = 2
NET = 0xFFFF_8880_1000_0000
MIB = record("mib", ("mibs", ArrayType(ULONG, 3)))


def survey_of(kernel: Kernel) -> Survey:
    found = (NetNamespace(address=NET, inum=1, name=None, pid=None, initial=True),)
    everywhere = Namespaces(found=found)
    return Survey(kernel, everywhere, everywhere)


def two_cpus(memory: FakeMemory, types: dict[str, Type], symbols: dict[str, int] | None = None) -> Kernel:
    """A kernel whose CPUs' areas are a page apart."""
    mask, offsets = memory.allocate(8), memory.allocate(8 * CPUS)
    memory.word(mask, (1 << CPUS) - 1)
    memory.word(offsets, *(cpu * PAGE for cpu in range(CPUS)))
    types = {"struct cpumask": record("cpumask", ("bits", ArrayType(ULONG, 1))), **types}
    return fake_kernel(
        memory, types, {"__cpu_present_mask": mask, "__per_cpu_offset": offsets, **(symbols or {})}
    )


def test_sums_over_cpus() -> None:
    memory = FakeMemory()
    kernel = two_cpus(memory, {"struct mib": MIB})
    place = memory.allocate(2 * PAGE, PAGE)
    memory.word(place, 1, 2, 3)
    memory.word(place + PAGE, 10, 20, (1 << 64) - 1)
    survey = survey_of(kernel)
    assert percpu.arrays(survey, "struct mib", "mibs", [place]) == {place: [11, 22, (1 << 64) + 2]}
    assert percpu.numbers(survey, "int", "", [place]) == {place: 11}
    assert survey.complete


def test_a_sum_without_one_cpu_is_none() -> None:
    memory = FakeMemory()
    kernel = two_cpus(memory, {"struct mib": MIB})
    place = memory.allocate(2 * PAGE, PAGE)
    memory.hole(place + PAGE)
    survey = survey_of(kernel)
    assert percpu.arrays(survey, "struct mib", "mibs", [place]) == {place: None}
    assert not survey.complete
    assert "excluded" in survey.notices[0].message


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
    rows = softnet.report(crash).table("softnet").rows
    assert [(row.cpu, row.processed, row.dropped, row.time_squeeze) for row in rows] == [
        (0, 5, 1, 2),
        (1, 0, 0, 0),
    ]
    assert {(row.received_rps, row.flow_limit_count, row.deferred) for row in rows} == {(None, None, None)}
    assert [row.backlog for row in rows] == [0, 0]


def test_counters_that_are_elsewhere() -> None:
    crash, _ = softnet_kernel(FakeMemory(), record("softnet_data", ("anything", UINT)))
    report = softnet.report(crash)
    assert not report.complete
    assert not report.table("softnet").rows
    assert report.warnings[0].message.startswith("this kernel keeps softnet counters elsewhere; not read")


def test_a_cpu_whose_memory_is_missing() -> None:
    memory = FakeMemory()
    crash, place = softnet_kernel(memory)
    memory.hole(place + PAGE)
    report = softnet.report(crash)
    first, second = report.table("softnet").rows
    assert (first.processed, second.processed, second.backlog) == (0, None, None)
    assert not report.complete


# hooks

ENTRY = record("nf_hook_entry", ("hook", pointer("int")), ("priv", pointer("int")))
HOOK_TYPES: dict[str, Type] = {
    "struct nf_hook_entry": ENTRY,
    "struct nf_hook_entries": record(
        "nf_hook_entries", ("num_hook_entries", UINT), ("hooks", ArrayType(ENTRY, None))
    ),
    "struct nf_hook_ops": record("nf_hook_ops", ("hook", pointer("int")), ("priority", INT)),
}


def hooks(memory: FakeMemory, count: int, place: int) -> tuple[list[netfilter_hooks.Hook], Survey]:
    kernel = fake_kernel(memory, HOOK_TYPES, {"a_function": 0xFFFF_FFFF_8100_0000})
    survey = survey_of(kernel)
    chain = netfilter_hooks._Chain(NET, "ipv4", "input", None, place)
    return list(netfilter_hooks._of_chain(survey, chain, count, {-200: "conntrack"})), survey


def test_hooks_with_what_they_were_registered_with() -> None:
    memory = FakeMemory()
    place, ops = memory.allocate(64), memory.allocate(16)
    memory.word(place + 8, 0xFFFF_FFFF_8100_0000, 7, 0xDEAD, 0, ops, 0)
    memory.int32(ops + 8, -200)
    (known, unknown), survey = hooks(memory, 2, place)
    assert (known.function, known.priority, known.priority_name, known.private_address) == (
        "a_function", -200, "conntrack", 7,
    )  # fmt: skip
    # a function in no image, without its registration
    assert (unknown.function, unknown.priority, unknown.address) == (
        "dead",
        None,
        0,
    ) or unknown.address is None
    assert survey.complete


# packets by address


@pytest.mark.parametrize(
    "changed",
    [{"length": 9}, {"tail": 90}, {"data": -1}, {"head": 0x10}, {"end": 0}, {"end": 1 << 30}, {"len": None}],
)
def test_what_is_a_packet(changed: dict[str, Any]) -> None:
    row: dict[str, Any] = {"head": 1 << 63, "data": 4, "tail": 14, "end": 64, "length": 30, "data_length": 20}
    assert buffers._is_packet(row, 1 << 62)
    if "len" in changed:
        changed = {"length": None}
    assert not buffers._is_packet(row | changed, 1 << 62)


def test_which_packet() -> None:
    with pytest.raises(UsageError, match="--address"):
        skb.report(None, address=(), queue=())


# followed connections

CONNECTION_TYPES: dict[str, Type] = {
    "enum ip_conntrack_status": EnumType(
        "ip_conntrack_status", 4, signed=False, enumerators=(("IPS_EXPECTED_BIT", 0), ("IPS_EXPECTED", 1))
    ),
    "enum tcp_conntrack": EnumType(
        "tcp_conntrack", 4, signed=False, enumerators=(("TCP_CONNTRACK_LISTEN", 9),)
    ),
}


def test_ends_of_all_kinds() -> None:
    row = {
        "source": bytes([10, 0, 0, 1, *bytes(12)]),
        "from": b"\x01\xbb",
        "destination": None,
        "to": b"\x08\x00",
    }
    assert conntrack._ends("ipv4", "tcp", row, "") == {
        "source": "10.0.0.1", "source_port": 443, "destination": None, "destination_port": 2048,
        "icmp_type": None, "icmp_code": None, "icmp_id": None,
    }  # fmt: skip
    ping = conntrack._ends("ipv4", "icmp", row, "")
    assert (ping["icmp_type"], ping["icmp_code"], ping["icmp_id"], ping["source_port"]) == (8, 0, 443, None)
    # a family that nobody knows
    assert conntrack._ends("7", "2", row, "")["source"] == "0a000001" + "00" * 12


def test_a_connection_of_which_parts_are_missing() -> None:
    kernel = fake_kernel(FakeMemory(), CONNECTION_TYPES)
    reader = conntrack._Reader(survey_of(kernel))
    row = dict.fromkeys([*conntrack._members(), "expires", "timeout"])
    entry = reader.entry(1, row)
    assert (entry.family, entry.protocol, entry.state, entry.source, entry.status) == (None,) * 5
    entry = reader.entry(1, row | {"family": 2, "protocol": 6, "tcp": 9, "status": 0b1000001, "net": NET})
    assert (entry.netns, entry.protocol, entry.state) == ("init", "tcp", "SYN_SENT2")
    assert entry.status == ("EXPECTED", "bit 6")
    # a state that the kernel has no name for
    assert reader.entry(1, row | {"protocol": 6, "tcp": 77}).state == "77"


def test_buckets_that_can_not_be() -> None:
    memory = FakeMemory()
    size = memory.allocate(8)
    kernel = fake_kernel(memory, symbols={"nf_conntrack_htable_size": size, "nf_conntrack_hash": size})
    survey = survey_of(kernel)
    assert conntrack._hashed(survey) == []
    assert not survey.complete
    assert survey.notices[0].message == "connection tracking entries: 0 buckets can't be; not read"


def test_counters_show_no_less_than_nothing() -> None:
    assert [sockstat._positive(value) for value in (-3, 0, 4, None)] == [0, 0, 4, None]


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
    report = softnet.report(crash, packets=True)
    (row,) = report.table("packets").rows
    assert (row.cpu, row.queue, row.length, row.device, row.protocol) == (1, "input", 60, "eth0", 0x86DD)
    assert report.complete


def test_a_backlog_that_never_ends() -> None:
    memory = FakeMemory()
    crash, head = backlog(memory)
    packet = memory.allocate(PACKET.size)
    link_list(memory, head, [packet])
    memory.word(packet, packet)
    report = softnet.report(crash, packets=True)
    assert [row.address for row in report.table("packets").rows] == [packet]
    assert not report.complete


def test_holes_in_a_backlog_are_said_of_it() -> None:
    """Not of unix sockets, whose queues are read by the same function."""
    memory = FakeMemory()
    crash, head = backlog(memory)
    gone = memory.allocate(PACKET.size, PAGE)
    link_list(memory, head, [gone])
    memory.hole(gone)
    report = softnet.report(crash, packets=True)
    assert not report.complete
    assert [notice.message.partition(":")[0] for notice in report.warnings] == ["packets in backlogs"]
