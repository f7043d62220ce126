"""Qdiscs out of synthetic memory: damage, kinds whose types nobody knows, and tc's words."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.net.devices.devices import Device
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.classes import classes
from crashdrive.linux.net.tc.filters import filter_lines, filters
from crashdrive.linux.net.tc.lines import class_lines, qdisc_lines
from crashdrive.linux.net.tc.qdisc_tree import QdiscReading, readings
from crashdrive.linux.net.tc.qdiscs.base import kinds, words32
from tests.kernel.fake_memory import (
    CHAR,
    HLIST_HEAD,
    HLIST_NODE,
    INT,
    LIST_HEAD,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_hlist,
    link_list,
    pointer,
    record,
)

NET = 0xFFFF_8880_0BAD_0000
ROOT = 0xFFFF_FFFF
QUEUE = record(
    "gnet_stats_queue", *((name, UINT) for name in ("qlen", "backlog", "drops", "requeues", "overlimits"))
)
BASIC = record("gnet_stats_basic_sync", ("bytes", ULONG), ("packets", ULONG))
LIST = record(None, ("qlen", UINT))
RING = record(
    "ptr_ring", ("producer", INT), ("consumer_head", INT), ("size", INT), ("queue", pointer(pointer("char")))
)
SKB_ARRAY = record("skb_array", ("ring", RING))
QDISC = record(
    "Qdisc", ("flags", UINT), ("limit", UINT), ("ops", pointer("struct Qdisc_ops")), ("hash", HLIST_NODE),
    ("handle", UINT), ("parent", UINT), ("refcnt", INT), ("cpu_bstats", ULONG), ("cpu_qstats", ULONG),
    ("q", LIST), ("gso_skb", LIST), ("skb_bad_txq", LIST), ("bstats", BASIC), ("qstats", QUEUE),
    ("privdata", ArrayType(ULONG, 0)),
)  # fmt: skip
COMMON = record("Qdisc_class_common", ("classid", UINT), ("hnode", HLIST_NODE))
HASH = record("Qdisc_class_hash", ("hash", pointer("struct hlist_head")), ("hashsize", UINT))
RATE = record(
    "psched_ratecfg", ("rate_bytes_ps", ULONG), ("overhead", UINT), ("mpu", UINT), ("linklayer", U8)
)
TYPES: dict[str, Type] = {
    "struct Qdisc": QDISC,
    "struct Qdisc_ops": record("Qdisc_ops", ("id", ArrayType(CHAR, 16))),
    "struct gnet_stats_queue": QUEUE,
    "struct gnet_stats_basic_sync": BASIC,
    "struct netdev_queue": record("netdev_queue", ("qdisc_sleeping", pointer("struct Qdisc"))),
    "struct net_device": record(
        "net_device", ("qdisc", pointer("struct Qdisc")), ("ingress_queue", pointer("struct netdev_queue")),
        ("qdisc_hash", ArrayType(HLIST_HEAD, 4)), ("_tx", pointer("struct netdev_queue")),
    ),
    "struct sk_buff": record("sk_buff", ("next", ULONG), ("cb", ArrayType(U8, 48))),
    "struct qdisc_skb_cb": record("qdisc_skb_cb", ("pkt_len", UINT)),
    "struct pfifo_fast_priv": record("pfifo_fast_priv", ("q", ArrayType(SKB_ARRAY, 3))),
    "struct tcf_block": record("tcf_block", ("chain_list", LIST_HEAD), ("index", UINT)),
    "struct tcf_chain": record(
        "tcf_chain", ("filter_chain", ULONG), ("list", LIST_HEAD), ("block", ULONG), ("index", UINT)
    ),
    "struct tcf_proto": record(
        "tcf_proto", ("next", ULONG), ("root", ULONG), ("data", ULONG), ("protocol", UINT),
        ("prio", UINT), ("ops", pointer("struct tcf_proto_ops")),
    ),
    "struct tcf_proto_ops": record("tcf_proto_ops", ("kind", ArrayType(CHAR, 16))),
}  # fmt: skip
HTB: dict[str, Type] = {
    "struct htb_sched": record(
        "htb_sched", ("clhash", HASH), ("rate2quantum", INT), ("defcls", INT), ("direct_pkts", UINT),
        ("overlimits", UINT), ("block", ULONG),
    ),
    "struct htb_class": record(
        "htb_class", ("common", COMMON), ("parent", ULONG), ("level", INT),
        ("leaf", record(None, ("q", pointer("struct Qdisc")))), ("prio", UINT), ("quantum", INT),
        ("rate", RATE), ("ceil", RATE), ("buffer", ULONG), ("cbuffer", ULONG),
        ("xstats", record(None, ("lends", UINT), ("borrows", UINT), ("giants", UINT))),
        ("tokens", ULONG), ("ctokens", ULONG), ("drops", UINT), ("overlimits", UINT), ("bstats", BASIC),
    ),
}  # fmt: skip


class Machine:
    """One device, eth0, with a root qdisc."""

    def __init__(self, **types: Type) -> None:
        self.memory = FakeMemory()
        self.kernel = fake_kernel(
            self.memory, TYPES | {f"struct {name}": kind for name, kind in types.items()}
        )
        self.device = self.memory.allocate(self.kernel.sizeof("struct net_device"))
        self.hashed = 0

    def put(self, kind: str, address: int, **values: int) -> None:
        """Members; double underscores stand for dots."""
        for name, value in values.items():
            place = self.kernel.place(kind, name.replace("__", "."))
            size = self.kernel.sizeof(place.type)
            at = address + self.kernel.offset(kind, name.replace("__", "."))
            self.memory.write(at, struct.pack("<Q", value)[: min(size, 8)])

    def qdisc(self, name: bytes, size: int = 256, *, root: bool = True, **values: int) -> int:
        """A qdisc with room for its kind's own."""
        start = self.memory.allocate(QDISC.size + size, 64)
        ops = self.memory.allocate(16)
        self.memory.write(ops, name)
        members = {"handle": 0x10000, "parent": ROOT, "refcnt": 1, **values}
        self.put("struct Qdisc", start, ops=ops, **members)
        if root:
            self.put("struct net_device", self.device, qdisc=start)
        else:
            table = self.device + self.kernel.offset("struct net_device", "qdisc_hash")
            node = start + self.kernel.offset("struct Qdisc", "hash")
            link_hlist(self.memory, table + 8 * self.hashed, [node])
            self.hashed += 1
        return start

    def survey(self) -> NetSurvey:
        one = NetNamespace(address=NET, inum=1, name="net", pid=None, initial=True)
        everywhere = Namespaces(nets=(one,))
        return NetSurvey(self.kernel, everywhere, everywhere)

    def read(self) -> tuple[NetSurvey, list[QdiscReading]]:
        survey = self.survey()
        device = Device(self.device, {"net": NET, "name": "eth0", "tx_queues": 1})
        return survey, readings(survey, [device])

    def only(self) -> tuple[NetSurvey, Any]:
        survey, (one,) = self.read()
        return survey, one.qdisc


def rows(survey: NetSurvey, found: list[QdiscReading]) -> list[Any]:
    return [one.row for one in classes(survey, found)]


def test_kind_that_nobody_knows() -> None:
    machine = Machine()
    machine.qdisc(b"we\x1b[2Jird", qstats__overlimits=7, q__qlen=2)
    survey, one = machine.only()
    assert (one.unread, one.details, one.overlimits, one.qlen) == (True, None, 7, 2)
    assert "[private data not read]" in qdisc_lines(one)[0]
    assert survey.complete


def test_types_of_the_kind_are_missing() -> None:
    """htb sets its overlimits when it is asked: those in the qdisc are of the last time."""
    machine = Machine()
    machine.qdisc(b"htb", qstats__overlimits=7, qstats__drops=3)
    survey, one = machine.only()
    assert (one.unread, one.overlimits, one.drops) == (True, None, 3)
    assert qdisc_lines(one)[1] == " Sent 0 bytes 0 pkt (dropped 3, overlimits ? requeues 0)"
    assert classes(survey, machine.read()[1]) == []


def htb() -> tuple[Machine, int]:
    machine = Machine(**{name.removeprefix("struct "): kind for name, kind in HTB.items()})
    start = machine.qdisc(b"htb", qstats__overlimits=7)
    own = start + machine.kernel.offset("struct Qdisc", "privdata")
    table = machine.memory.allocate(16)
    machine.put(
        "struct htb_sched", own, overlimits=9, defcls=0x20, rate2quantum=10, clhash__hash=table,
        clhash__hashsize=2,
    )  # fmt: skip
    return machine, own


def htb_class(machine: Machine, table: int, **values: int) -> int:
    one = machine.memory.allocate(machine.kernel.sizeof("struct htb_class"))
    machine.put("struct htb_class", one, **values)
    link_hlist(machine.memory, table, [one + machine.kernel.offset("struct htb_class", "common.hnode")])
    return one


def test_htb() -> None:
    machine, own = htb()
    table = machine.kernel.read_pointer(own)
    leaf = machine.qdisc(
        b"pfifo", root=False, handle=0x100000, parent=0x10010, q__qlen=4, qstats__backlog=400, limit=9
    )
    inner = htb_class(machine, table, common__classid=0x10001, level=7, rate__rate_bytes_ps=12_500_000)
    htb_class(
        machine, table + 8, common__classid=0x10010, parent=inner, leaf__q=leaf, overlimits=3,
        rate__rate_bytes_ps=1_250_000, ceil__rate_bytes_ps=12_500_000, buffer=1_280_000, bstats__bytes=77,
    )  # fmt: skip
    survey, found = machine.read()
    assert [(one.qdisc.kind, one.qdisc.unread) for one in found] == [("htb", False), ("pfifo", False)]
    assert found[0].qdisc.overlimits == 9
    assert qdisc_lines(found[1].qdisc)[0] == "qdisc pfifo 10: dev eth0 parent 1:10 limit 9p"
    root, child = rows(survey, found)
    assert (root.handle, root.parent, root.leaf, root.qlen, root.details.level) == ("1:1", None, None, 0, 7)
    assert (child.handle, child.parent, child.leaf, child.qlen, child.backlog) == (
        "1:10",
        "1:1",
        "10:",
        4,
        400,
    )
    assert (child.overlimits, child.bytes, child.details.burst) == (3, 77, 1600)
    assert class_lines(child)[0].startswith(
        "class htb 1:10 dev eth0 parent 1:1 leaf 10: prio 0 quantum 0 rate 10Mbit ceil 100Mbit "
    )
    assert survey.complete


def test_classes_in_a_loop() -> None:
    machine, own = htb()
    table = machine.kernel.read_pointer(own)
    one = htb_class(machine, table, common__classid=0x10001)
    node = one + machine.kernel.offset("struct htb_class", "common.hnode")
    machine.memory.word(node, node)
    survey, found = machine.read()
    assert [each.row.handle for each in classes(survey, found)] == ["1:1"]
    assert not survey.complete
    assert any("classes of htb" in notice.message for notice in survey.notices)


def test_table_of_classes_that_cannot_be() -> None:
    machine, own = htb()
    machine.put("struct htb_sched", own, clhash__hashsize=0xFFFF_FFF1)
    survey, found = machine.read()
    assert classes(survey, found) == []
    assert not survey.complete


def rings(*numbers: tuple[int, int, int], packets: int = 0, qlen: int = 0) -> Any:
    """(producer, consumer_head, size) of each band; packets are in the first one's first places."""
    machine = Machine()
    start = machine.qdisc(b"pfifo_fast", q__qlen=qlen)
    own = start + machine.kernel.offset("struct Qdisc", "privdata")
    for band, (producer, head, size) in enumerate(numbers):
        queue = machine.memory.allocate(8 * max(size, 1) if size < 100 else 8)
        values = {"producer": producer, "consumer_head": head, "size": size, "queue": queue}
        machine.put("struct pfifo_fast_priv", own, **{f"q[{band}]__ring__{n}": v for n, v in values.items()})
        for i in range(packets if not band else 0):
            skb = machine.memory.allocate(machine.kernel.sizeof("struct sk_buff"))
            machine.put("struct sk_buff", skb, next=0)
            machine.memory.int32(skb + machine.kernel.offset("struct sk_buff", "cb"), 100 + i)
            machine.memory.word(queue + 8 * i, skb)
    return machine.only()


@pytest.mark.parametrize(
    ("first", "packets", "qlen", "waiting", "size"),
    [
        ((2, 0, 8), 2, 2, 2, 201),
        ((3, 3, 8), 0, 0, 0, 0),
        ((3, 3, 8), 8, 8, 8, 828),  # full
        ((2, 6, 8), 8, 4, 4, 414),  # around its end
        ((4, 1, 8), 3, 2, 2, 203),  # one is gone already
    ],
)
def test_bands(first: tuple[int, int, int], packets: int, qlen: int, waiting: int, size: int) -> None:
    survey, one = rings(first, (0, 0, 8), (5, 5, 8), packets=packets, qlen=qlen)
    assert one.details.band_packets == (waiting, 0, 0)
    assert one.details.band_bytes == (size, 0, 0)
    assert survey.complete


@pytest.mark.parametrize("first", [(9, 0, 8), (0, -1, 8), (0, 0, 0), (0, 2**30, 2**31 - 1)])
def test_rings_that_cannot_be(first: tuple[int, int, int]) -> None:
    survey, one = rings((first[0], first[1] & 0xFFFF_FFFF, first[2]), (0, 0, 8), (0, 0, 8), qlen=1)
    assert one.details.band_packets[0] is None
    assert one.details.band_packets[2] == 0
    assert not survey.complete


def test_numbers_that_the_dump_lacks_are_told() -> None:
    machine = Machine()
    survey, place = machine.survey(), machine.memory.allocate(8)
    machine.memory.write(place, struct.pack("<I", 7))
    assert words32(survey, [place], "flows of cake") == [7]
    assert survey.notices == []
    assert words32(survey, [place, 0xFFFF_8880_DEAD_0000], "flows of cake") == [7, None]
    assert not survey.complete
    assert [notice.message for notice in survey.notices] == [
        "flows of cake: 1 values unread, first at 0xffff8880dead0000"
    ]


def test_held_packets() -> None:
    machine = Machine()
    machine.qdisc(b"pfifo", q__qlen=5, gso_skb__qlen=1, skb_bad_txq__qlen=2)
    assert machine.only()[1].held == 3


def test_qdiscs_in_a_loop() -> None:
    machine = Machine()
    machine.qdisc(b"noqueue")
    one = machine.qdisc(b"pfifo", root=False, handle=0x20000, parent=0x10001)
    node = one + machine.kernel.offset("struct Qdisc", "hash")
    machine.memory.word(node, node)
    survey, found = machine.read()
    assert [each.qdisc.handle for each in found] == ["1:", "2:"]
    assert not survey.complete


def test_mq_shows_the_sum_of_its_queues() -> None:
    machine = Machine()
    machine.qdisc(b"mq", qstats__drops=99, handle=0)
    leaf = machine.qdisc(
        b"pfifo", root=False, handle=0, parent=1, q__qlen=3, qstats__drops=2, bstats__bytes=50
    )
    queue = machine.memory.allocate(8)
    machine.memory.word(queue, leaf)
    machine.put("struct net_device", machine.device, _tx=queue)
    survey, found = machine.read()
    root, child = (one.qdisc for one in found)
    assert (root.handle, root.qlen, root.drops, root.bytes) == ("0:", 3, 2, 50)
    assert (child.handle, child.parent) == ("0:", ":1")
    assert [one.row.handle for one in classes(survey, found)] == [":1"]
    machine.memory.word(queue, 0xDEAD_0000_0000_0000)
    survey, found = machine.read()
    assert (found[0].qdisc.qlen, found[0].qdisc.bytes) == (None, None)
    (lost,) = rows(survey, found)
    assert (lost.leaf, lost.qlen) == ("?", None)
    assert class_lines(lost) == (
        "class mq :1 dev eth0 root leaf ?",
        " Sent ? bytes ? pkt (dropped ?, overlimits ? requeues ?)",
        " backlog ? ?p requeues ?",
    )
    assert not survey.complete


def blocked(kind: bytes, count: int = 1) -> tuple[Machine, list[int]]:
    """htb with a block of one chain and filters of a kind that isn't read."""
    machine, own = htb()
    block = machine.memory.allocate(machine.kernel.sizeof("struct tcf_block"))
    chain = machine.memory.allocate(machine.kernel.sizeof("struct tcf_chain"))
    machine.put("struct htb_sched", own, block=block)
    head = block + machine.kernel.offset("struct tcf_block", "chain_list")
    link_list(machine.memory, head, [chain + machine.kernel.offset("struct tcf_chain", "list")])
    ops = machine.memory.allocate(16)
    machine.memory.write(ops, kind)
    protos = [machine.memory.allocate(machine.kernel.sizeof("struct tcf_proto")) for _ in range(count)]
    for i, proto in enumerate(protos):
        machine.put("struct tcf_proto", proto, ops=ops, prio=(i + 1) << 16, protocol=0x0008, root=1)
        if i:
            machine.put("struct tcf_proto", protos[i - 1], next=proto)
    machine.put("struct tcf_chain", chain, block=block, index=5, filter_chain=protos[0])
    return machine, protos


def test_filters() -> None:
    machine, _ = blocked(b"strange", 2)
    survey, found = machine.read()
    first, second = filters(survey, found, classes(survey, found))
    assert (first.kind, first.priority, first.protocol, first.chain, first.elements) == (
        "strange",
        1,
        "ip",
        5,
        None,
    )
    assert filter_lines(second) == (
        "filter dev eth0 parent 1: protocol ip pref 2 strange chain 5 [private data not read]",
    )
    assert survey.complete


def test_filters_in_a_loop() -> None:
    machine, protos = blocked(b"flower", 2)
    machine.put("struct tcf_proto", protos[1], next=protos[0])
    survey, found = machine.read()
    assert [one.priority for one in filters(survey, found, [])] == [1, 2]
    assert not survey.complete


def test_every_kind_has_what_it_needs() -> None:
    assert {"fq_codel", "htb", "pfifo", "mq", "noqueue", "clsact"} <= kinds().keys()
    for name, kind in kinds().items():
        assert kind.structure is not None or not kind.members, name
        assert set(kind.optional) <= set(kind.members), name
        assert set(kind.overwrites.values()) <= set(kind.members), name


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (0, "0b"),
        (1023, "1023b"),
        (1024, "1Kb"),
        (1039, "1Kb"),
        (1040, "1040b"),
        (32762, "32Kb"),
        (32 << 20, "32Mb"),
    ],
)
def test_sizes(number: int, word: str) -> None:
    assert tcwords.size(number) == word


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (0, "0bit"),
        (1, "8bit"),
        (125, "1Kbit"),
        (12_500_000, "100Mbit"),
        (1001, "8008bit"),
        (6_250_000_000, "50Gbit"),
    ],
)
def test_rates(number: int, word: str) -> None:
    assert tcwords.rate(number) == word


@pytest.mark.parametrize(
    ("seconds", "word"), [(0.004999, "5ms"), (1.5, "1.5s"), (5e-4, "500us"), (-2e-3, "-2ms"), (0.0, "0us")]
)
def test_times(seconds: float, word: str) -> None:
    assert tcwords.microseconds(seconds) == word


def test_handles() -> None:
    numbers = [0x10000, 0x1002A, 1, 0, ROOT, 0xFFFF_FFF1]
    assert [tcwords.handle(number) for number in numbers] == ["1:", "1:2a", ":1", "none", "root", "ffff:fff1"]


def test_bursts_that_tc_cannot_tell() -> None:
    """1600 bytes at a byte a second: more ticks than a number of 32 bits holds."""
    assert tcwords.burst(1, 1600 * 10**9) == 1600
    assert tcwords.burst(11_250_000, 142_000) == 1586
