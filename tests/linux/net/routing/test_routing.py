"""Routes out of synthetic memory: damaged tries, features that a kernel lacks, and iproute2's words."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from crashdrive.kernel.types.model import ArrayType
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.routing import fib6, fib_trie
from crashdrive.linux.net.routing.iproute import route_lines
from crashdrive.linux.net.routing.proc_route import classic_routes
from crashdrive.linux.net.routing.rows import NextHop, Route
from crashdrive.linux.net.short_chains import chained
from crashdrive.linux.net.survey import NetSurvey
from tests.kernel.fake_memory import (
    CHAR,
    HLIST_HEAD,
    HLIST_NODE,
    INT,
    U8,
    UINT,
    FakeMemory,
    fake_kernel,
    link_hlist,
    pointer,
    record,
)

VECTOR = record("key_vector", ("key", UINT), ("pos", U8), ("bits", U8), ("slen", U8), ("leaf", HLIST_HEAD))
GATEWAY = record(None, ("ipv4", UINT), ("ipv6", ArrayType(U8, 16)), kind="union")
COMMON = record(
    "fib_nh_common",
    ("nhc_dev", pointer("struct net_device")),
    ("nhc_oif", INT),
    ("nhc_scope", U8),
    ("nhc_family", U8),
    ("nhc_gw_family", U8),
    ("nhc_flags", U8),
    ("nhc_lwtstate", pointer("struct lwtunnel_state")),
    ("nhc_gw", GATEWAY),
    ("nhc_weight", INT),
)
HOP = record("fib_nh", ("nh_common", COMMON))
TYPES = {
    "struct key_vector": VECTOR,
    "struct trie": record("trie", ("kv", ArrayType(VECTOR, 1))),
    "struct net_device": record("net_device", ("name", ArrayType(CHAR, 16))),
    "struct lwtunnel_state": record("lwtunnel_state", ("type", INT)),
    "struct dst_metrics": record("dst_metrics", ("metrics", ArrayType(UINT, 17))),
    "struct fib_nh": HOP,
    "struct fib_table": record(
        "fib_table", ("tb_hlist", HLIST_NODE), ("tb_id", UINT), ("tb_data", pointer("unsigned long"))
    ),
    "struct fib_alias": record(
        "fib_alias",
        ("fa_list", HLIST_NODE),
        ("fa_info", pointer("struct fib_info")),
        ("fa_dscp", U8),
        ("fa_type", U8),
        ("fa_slen", U8),
        ("tb_id", UINT),
    ),
    "struct fib_info": record(
        "fib_info",
        ("fib_protocol", U8),
        ("fib_scope", U8),
        ("fib_prefsrc", UINT),
        ("fib_priority", UINT),
        ("fib_metrics", pointer("struct dst_metrics")),
        ("fib_nhs", INT),
        ("fib_nh", ArrayType(HOP, 0)),
    ),
    "struct net": record(
        "net",
        ("ipv4", record("netns_ipv4", ("rules_ops", UINT), ("fib_table_hash", pointer("struct hlist_head")))),
    ),
}  # fmt: skip


class Machine:
    """A namespace with the table main, whose trie has routes hung in by `leaf`."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.kernel: Kernel = fake_kernel(self.memory, TYPES)
        self.net, self.trie = self.make("struct net"), self.make("struct trie")
        self.memory_heads = heads = self.memory.allocate(256 * 8)
        self.put("struct net", self.net, "ipv4.fib_table_hash", heads)
        table = self.make("struct fib_table")
        link_hlist(self.memory, heads + 254 * 8, [table])
        self.put("struct fib_table", table, "tb_id", 254)
        self.put("struct fib_table", table, "tb_data", self.trie)
        self.device = self.make("struct net_device")
        self.memory.write(self.device, b"eth0")
        self.info = self.make("struct fib_info", extra=self.kernel.sizeof("struct fib_nh"))
        self.put("struct fib_info", self.info, "fib_nhs", 1)
        self.put("struct fib_nh", self.hop, "nh_common.nhc_dev", self.device)
        self.put("struct fib_info", self.info, "fib_metrics", self.make("struct dst_metrics"))

    @property
    def hop(self) -> int:
        return self.info + self.kernel.offset("struct fib_info", "fib_nh")

    def make(self, kind: str, extra: int = 0) -> int:
        return self.memory.allocate(self.kernel.sizeof(kind) + extra)

    def put(self, kind: str, address: int, path: str, value: int) -> None:
        place = self.kernel.place(kind, path)
        size = self.kernel.sizeof(place.type)
        self.memory.write(address + place.offset, value.to_bytes(size, "little"))

    def root(self, child: int) -> None:
        self.memory.word(self.trie + 8, child)

    def leaf(self, key: int, length: int) -> int:
        vector, alias = self.make("struct key_vector"), self.make("struct fib_alias")
        self.put("struct key_vector", vector, "key", key)
        self.memory.word(vector + 8, alias)
        for name, value in (("fa_info", self.info), ("fa_type", 1), ("fa_slen", 32 - length), ("tb_id", 254)):
            self.put("struct fib_alias", alias, name, value)
        return vector

    def node(self, key: int, position: int, *children: int) -> int:
        """An inner node whose children are told apart by the bits from ``position``."""
        bits = len(children).bit_length() - 1
        vector = self.memory.allocate(8 + 8 * len(children))
        self.memory.write(vector, struct.pack("<IBB", key, position, bits))
        self.memory.word(vector + 8, *children)
        return vector

    def survey(self) -> NetSurvey:
        one = NetNamespace(address=self.net, inum=1, name=None, pid=None, initial=True)
        everywhere = Namespaces(nets=(one,))
        return NetSurvey(self.kernel, everywhere, everywhere)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def prefixes(survey: NetSurvey) -> list[tuple[str, int]]:
    return [(route.destination, route.prefix_length) for route in fib_trie.routes(survey, {})]


def test_trie(machine: Machine) -> None:
    low, high = machine.leaf(0x0A000000, 8), machine.leaf(0x8A000000, 8)
    machine.root(machine.node(0, 31, low, high))
    survey = machine.survey()
    found = fib_trie.routes(survey, {})
    assert [route_lines(route, details=False) for route in found] == [
        ("10.0.0.0/8 dev eth0 proto unspec",),
        ("138.0.0.0/8 dev eth0 proto unspec",),
    ]
    assert survey.complete
    assert not survey.notices


def test_several_children(machine: Machine) -> None:
    leaves = [machine.leaf(key << 24, 8) for key in range(1, 4)]
    machine.root(machine.node(0, 24, 0, *leaves))
    assert prefixes(machine.survey()) == [("1.0.0.0", 8), ("2.0.0.0", 8), ("3.0.0.0", 8)]


def test_a_loop_in_the_trie(machine: Machine) -> None:
    """A node below itself isn't followed, and what is beside it is still there."""
    sure = machine.leaf(0x0A000000, 8)
    node = machine.node(0, 31, sure, 0)
    machine.memory.word(node + 16, node)
    machine.root(node)
    survey = machine.survey()
    assert prefixes(survey) == [("10.0.0.0", 8)]
    assert not survey.complete
    assert [notice.kind for notice in survey.notices] == ["node"]


@pytest.mark.parametrize("pointer_", [0xDEAD000000000100, 3, 0xFFFF_8880_7777_0000])
def test_a_child_that_is_none(machine: Machine, pointer_: int) -> None:
    machine.root(machine.node(0, 31, machine.leaf(0x0A000000, 8), pointer_))
    survey = machine.survey()
    assert prefixes(survey) == [("10.0.0.0", 8)]
    assert not survey.complete


def test_a_node_of_too_many_children(machine: Machine) -> None:
    machine.root(machine.node(0, 31, machine.leaf(0x0A000000, 8), 0))
    vector = machine.node(0, 0, 0, 0)
    machine.memory.write(vector + 5, b"\x1f")
    machine.root(vector)
    survey = machine.survey()
    assert prefixes(survey) == []
    assert not survey.complete


def test_a_leaf_whose_key_belongs_elsewhere(machine: Machine) -> None:
    machine.root(machine.node(0, 31, machine.leaf(0x8A000000, 8), 0))
    survey = machine.survey()
    assert prefixes(survey) == []
    assert not survey.complete


def test_a_missing_fib_info(machine: Machine) -> None:
    sure, doubtful = machine.leaf(0x0A000000, 8), machine.leaf(0x8A000000, 8)
    machine.root(machine.node(0, 31, sure, doubtful))
    alias = int.from_bytes(machine.memory.read(doubtful + 8, 8), "little")
    machine.put("struct fib_alias", alias, "fa_info", 0xFFFF_8880_7777_0000)
    survey = machine.survey()
    assert prefixes(survey) == [("10.0.0.0", 8)]
    assert not survey.complete


def test_a_way_that_is_not_in_the_dump(machine: Machine) -> None:
    """The route is there; where it leads is not, and its line says so."""
    page = machine.memory.allocate(2 * 4096, 4096) + 4096
    far = page - machine.kernel.offset("struct fib_info", "fib_nh")
    machine.memory.write(far, machine.memory.read(machine.info, machine.hop - machine.info))
    machine.memory.hole(page)
    machine.info = far
    machine.root(machine.leaf(0x0A000000, 8))
    survey = machine.survey()
    (route,) = fib_trie.routes(survey, {})
    assert route_lines(route, details=False) == ("10.0.0.0/8 proto unspec unread",)
    assert not survey.complete


def test_more_ways_than_can_be(machine: Machine) -> None:
    machine.root(machine.leaf(0x0A000000, 8))
    machine.put("struct fib_info", machine.info, "fib_nhs", 1 << 30)
    survey = machine.survey()
    (route,) = fib_trie.routes(survey, {})
    assert (route.device, route.nexthops) == (None, ())
    assert not survey.complete


def test_names_are_escaped(machine: Machine) -> None:
    machine.memory.write(machine.device, b"a\n\x1b[2Jb\0")
    machine.root(machine.leaf(0x0A000000, 8))
    (route,) = fib_trie.routes(machine.survey(), {})
    assert route_lines(route, details=False) == ("10.0.0.0/8 dev a\\n\\x1b[2Jb proto unspec",)


def test_chains(machine: Machine) -> None:
    """Each chain by itself; one that comes back ends, and the others go on."""
    kind, survey = "struct fib_alias", machine.survey()
    nodes = [machine.make(kind) for _ in range(4)]
    for node, following in zip(nodes, (nodes[1], 0, nodes[3], nodes[2]), strict=True):
        machine.memory.word(node, following)
    assert chained(survey, kind, [nodes[0], 0, nodes[2]], "fa_list.next", "x") == [nodes[:2], [], nodes[2:]]
    assert [notice.kind for notice in survey.notices] == ["loop"]


def test_a_kernel_without_ipv6(machine: Machine) -> None:
    survey = machine.survey()
    assert fib6.routes(survey, {}) == []
    assert survey.complete
    assert [notice.kind for notice in survey.notices] == ["absent"]


def test_a_kernel_that_keeps_routes_elsewhere() -> None:
    memory = FakeMemory()
    kernel = fake_kernel(memory, {"struct net": record("net", ("number", INT))})
    one = NetNamespace(address=memory.allocate(64), inum=1, name=None, pid=None, initial=True)
    survey = NetSurvey(kernel, Namespaces(nets=(one,)), Namespaces(nets=(one,)))
    assert survey.attempt("IPv4 routes", lambda: fib_trie.routes(survey, {})) == []
    assert not survey.complete
    assert [notice.kind for notice in survey.notices] == ["elsewhere"]


# words


def route(**more: Any) -> Route:
    facts: dict[str, Any] = {
        "family": "inet", "table": "main", "type": "unicast", "destination": "192.0.2.0", "prefix_length": 24,
        "gateway": None, "device": "eth0", "metric": 0, "scope": "global", "protocol": "static",
        "source": None, "netns": None, "address": 1,
    }  # fmt: skip
    return Route(**{**facts, **more})


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, "192.0.2.0/24 dev eth0 proto static"),
        ({"prefix_length": 0, "gateway": "192.0.2.1"}, "default via 192.0.2.1 dev eth0 proto static"),
        ({"prefix_length": 32, "table": "7"}, "192.0.2.0 dev eth0 table 7 proto static"),
        ({"gateway": "2001:db8::1"}, "192.0.2.0/24 via inet6 2001:db8::1 dev eth0 proto static"),
        ({"type": "blackhole", "device": None}, "blackhole 192.0.2.0/24 proto static"),
        (
            {"metrics": {"mtu": 1400, "rto_min": 300, "rtt": 16}, "locked": ("mtu",)},
            "192.0.2.0/24 dev eth0 proto static mtu lock 1400 rto_min 300ms rtt 2ms",
        ),
        (
            {"metrics": {"features": 1, "congctl": "bbr"}},
            "192.0.2.0/24 dev eth0 proto static features ecn congctl bbr",
        ),
        ({"metrics": {"rto_min": 1500}}, "192.0.2.0/24 dev eth0 proto static rto_min 1.5s"),
    ],
)
def test_words(facts: dict[str, Any], text: str) -> None:
    assert route_lines(route(**facts), details=False) == (text,)


def test_words_of_several_ways() -> None:
    hops = (
        NextHop(gateway="192.0.2.1", device="eth0", weight=2, flags=("linkdown",)),
        NextHop(gateway=None, device="eth1", weight=1),
    )
    assert route_lines(route(device=None, nexthops=hops), details=False) == (
        "192.0.2.0/24 proto static",
        "        nexthop via 192.0.2.1 dev eth0 weight 2 linkdown",
        "        nexthop dev eth1 weight 1",
    )


def test_classic_lines() -> None:
    """One line for each way of IPv6, the first way of IPv4; other tables and broadcasts aren't shown."""
    hops = (NextHop(gateway="fe80::1", device="a", weight=1), NextHop(gateway=None, device="b", weight=1))
    six = route(family="inet6", destination="2001:db8::", rtf_flags=0x200, nexthops=hops)
    found = classic_routes([six, route(type="broadcast"), route(table="9"), route(type="unreachable")])
    assert [(line.destination, line.flags, line.device) for line in found] == [
        ("2001:db8::/24", "!G", "a"),
        ("2001:db8::/24", "!", "b"),
        ("192.0.2.0", "!", "eth0"),
    ]
