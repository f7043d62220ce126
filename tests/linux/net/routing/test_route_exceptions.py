"""Exceptions to routes and encapsulations out of made-up memory: what is stale, damaged, or not read."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.routing.lwtunnel import encapsulations
from crashdrive.linux.net.routing.nexthops import NexthopObject, Shared
from crashdrive.linux.net.routing.route_exceptions import RouteException, exceptions
from crashdrive.linux.net.routing.rows import Route
from crashdrive.linux.net.survey import NetSurvey
from tests.kernel.fake_memory import (
    BOOL,
    CHAR,
    INT,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    pointer,
    record,
)

BUCKETS, HZ, NOW = 2048, 250, 1_000_000
GATEWAY = record(None, ("ipv4", UINT), ("ipv6", ArrayType(U8, 16)), kind="union")
DEVICE = record("net_device", ("name", ArrayType(CHAR, 16)))
COMMON = record(
    "fib_nh_common",
    ("nhc_dev", pointer(DEVICE)),
    ("nhc_gw_family", U8),
    ("nhc_flags", U8),
    ("nhc_gw", GATEWAY),
    ("nhc_exceptions", pointer("struct fnhe_hash_bucket")),
)
HOP = record("fib_nh", ("nh_common", COMMON))
LEARNT = record(
    "fib_nh_exception",
    ("fnhe_next", pointer("struct fib_nh_exception")),
    ("fnhe_genid", INT),
    ("fnhe_daddr", UINT),
    ("fnhe_pmtu", UINT),
    ("fnhe_mtu_locked", BOOL),
    ("fnhe_gw", UINT),
    ("fnhe_expires", ULONG),
    ("fnhe_rth_input", ULONG),
    ("fnhe_rth_output", ULONG),
)
STATE = record("lwtunnel_state", ("type", U8), ("data", ArrayType(U8, None)))
SEGMENTS = record(
    "ipv6_sr_hdr", ("first_segment", U8), ("flags", U8), ("segments", ArrayType(ArrayType(U8, 16), None))
)
TYPES: dict[str, Type] = {
    "struct net": record("net", ("fnhe_genid", record("atomic", ("counter", INT)))),
    "struct net_device": DEVICE, "struct fib_nh": HOP, "struct fib_nh_exception": LEARNT,
    "struct fib_info": record("fib_info", ("all", ULONG), ("fib_nh", ArrayType(HOP, 0))),
    "struct nh_info": record("nh_info", ("fib_nh", HOP)),
    "struct lwtunnel_state": STATE, "struct ipv6_sr_hdr": SEGMENTS,
    "struct seg6_iptunnel_encap": record("encap", ("mode", INT), ("srh", ArrayType(SEGMENTS, None))),
    "struct seg6_lwt": record("seg6_lwt", ("tuninfo", ArrayType(INT, None))),
    "struct mpls_iptunnel_encap": record(
        "mpls_iptunnel_encap", ("labels", U8), ("default_ttl", U8), ("label", ArrayType(UINT, None))
    ),
}  # fmt: skip


class Machine:
    """A route by eth0 whose next hop has a table of exceptions."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.kernel = fake_kernel(self.memory, TYPES)
        self.kernel.__dict__["hz"] = HZ
        assert self.kernel.kept("jiffies", lambda: NOW) == self.kernel.jiffies == NOW
        self.net, self.info = self.memory.allocate(64), self.memory.allocate(256)
        self.hop = self.info + self.kernel.offset("struct fib_info", "fib_nh")
        self.device, self.table = self.memory.allocate(16), self.memory.allocate(BUCKETS * 8)
        self.memory.write(self.device, b"eth0")
        self.put("struct fib_nh", self.hop, "nh_common.nhc_dev", self.device)
        self.put("struct fib_nh", self.hop, "nh_common.nhc_exceptions", self.table)
        one = NetNamespace(address=self.net, inum=1, name=None, pid=None, initial=True)
        self.survey = NetSurvey(self.kernel, Namespaces(nets=(one,)), Namespaces(nets=(one,)))

    def put(self, kind: str, address: int, path: str, value: int) -> None:
        place = self.kernel.place(kind, path)
        self.memory.write(address + place.offset, value.to_bytes(self.kernel.sizeof(place.type), "little"))

    def learn(self, last: int, bucket: int = 0, **members: int) -> int:
        """An exception for 192.0.2.``last``, the first of its bucket."""
        place = self.memory.allocate(self.kernel.sizeof("struct fib_nh_exception"))
        (before,) = struct.unpack("<Q", self.memory.read(self.table + 8 * bucket, 8))
        address = int.from_bytes(bytes((192, 0, 2, last)), "little")
        for name, value in {"fnhe_daddr": address, "fnhe_next": before, **members}.items():
            self.put("struct fib_nh_exception", place, name, value)
        self.memory.word(self.table + 8 * bucket, place)
        return place

    def route(self, **more: Any) -> Route:
        facts: dict[str, Any] = {
            "family": "inet", "table": "main", "type": "unicast", "destination": "192.0.2.0",
            "prefix_length": 24, "gateway": None, "device": "eth0", "metric": 0, "scope": "link",
            "protocol": "boot", "source": None, "netns": "init", "address": self.info,
        }  # fmt: skip
        return Route(**{**facts, **more})

    def found(self, *routes: Route, shared: dict[int, Shared] | None = None) -> list[RouteException]:
        return exceptions(self.survey, routes or [self.route()], shared or {})


def test_a_path_mtu_and_a_redirect() -> None:
    machine = Machine()
    machine.learn(7, fnhe_pmtu=1280, fnhe_expires=NOW + 60 * HZ, fnhe_rth_output=1)
    gateway = int.from_bytes(bytes((192, 0, 2, 1)), "little")
    machine.learn(8, 2047, fnhe_gw=gateway, fnhe_expires=NOW + 5 * HZ, fnhe_rth_input=1)
    found = machine.found()
    assert [one.lines for one in found] == [
        ("192.0.2.7 dev eth0", "    cache expires 60sec mtu 1280"),
        ("192.0.2.8 via 192.0.2.1 dev eth0", "    cache <redirected> expires 5sec"),
    ]
    assert [(one.was_used, one.stale, one.redirected, one.mtu) for one in found] == [
        (True, False, False, 1280), (True, False, True, None),
    ]  # fmt: skip
    assert machine.survey.complete


def test_metrics_of_the_route_stay() -> None:
    machine = Machine()
    machine.learn(7, fnhe_pmtu=552, fnhe_mtu_locked=1, fnhe_expires=NOW + HZ, fnhe_rth_output=1)
    route = machine.route(metrics={"mtu": 1400, "initcwnd": 20}, locked=("initcwnd",))
    (one,) = machine.found(route)
    assert one.lines[1] == "    cache expires 1sec mtu lock 552 initcwnd lock 20"
    assert (one.mtu, one.mtu_locked) == (552, True)


def test_what_the_kernel_does_not_use() -> None:
    """Older than the last change of routes; run out; not used by anything yet."""
    machine = Machine()
    machine.learn(7, fnhe_genid=3, fnhe_pmtu=1280, fnhe_expires=NOW + HZ, fnhe_rth_output=1)
    machine.learn(8, 1, fnhe_pmtu=1280, fnhe_expires=NOW - HZ, fnhe_rth_output=1)
    machine.learn(9, 2, fnhe_pmtu=1280, fnhe_expires=NOW + HZ)
    found = machine.found()
    assert [(one.stale, one.was_used) for one in found] == [(True, True), (True, True), (False, False)]
    assert [one.lines[1].rpartition("1280 ")[2] for one in found] == ["(stale)", "(stale)", "(not used yet)"]


def test_routes_that_share_a_nexthop_object() -> None:
    machine = Machine()
    machine.learn(7, fnhe_pmtu=1280, fnhe_expires=NOW + HZ, fnhe_rth_output=1)
    row = NexthopObject(
        netns="init", id=5, gateway=None, device="eth0", scope="link", protocol="boot", blackhole=False,
        fdb=False, resilient=False, flags=(), group=(), address=1, lines=(),
    )  # fmt: skip
    shared = {1: Shared(row, (), multipath=False, infos=(machine.hop,))}
    routes = [machine.route(nexthop_id=5, table=table) for table in ("main", "7", "7")]
    (one,) = machine.found(*routes, shared=shared)
    assert (one.route_tables, one.nexthop_id) == (("main", "7"), 5)
    assert one.lines[::2] == ("192.0.2.7 dev eth0", "192.0.2.7 dev eth0 table 7")


def test_a_loop_ends() -> None:
    machine = Machine()
    first = machine.learn(7)
    machine.learn(8)
    machine.put("struct fib_nh_exception", first, "fnhe_next", first)
    assert [one.destination for one in machine.found()] == ["192.0.2.8", "192.0.2.7"]
    assert [notice.kind for notice in machine.survey.notices] == ["loop"]
    assert not machine.survey.complete


def test_a_table_that_is_not_in_the_dump() -> None:
    machine = Machine()
    machine.put("struct fib_nh", machine.hop, "nh_common.nhc_exceptions", 0xFFFF_8880_7777_0000)
    assert machine.found() == []
    assert not machine.survey.complete


def test_an_exception_that_is_not_in_the_dump() -> None:
    machine = Machine()
    machine.learn(7)
    machine.memory.word(machine.table + 8, 0xFFFF_8880_7777_0000)
    assert [one.destination for one in machine.found()] == ["192.0.2.7"]
    assert not machine.survey.complete


# encapsulations


def wrapped(kind: int, data: bytes) -> tuple[str | None, NetSurvey]:
    machine = Machine()
    place = machine.memory.allocate(256)
    machine.memory.write(place, bytes([kind]) + data)
    none, found = encapsulations(machine.survey, [0, place])
    assert none is None
    return found, machine.survey


def test_mpls() -> None:
    found, survey = wrapped(1, struct.pack("<BBxxII", 2, 7, 100, 200))
    assert found == "mpls 100/200 ttl 7"
    assert survey.complete


def test_segments() -> None:
    parts = bytes.fromhex("20010db8" + "0" * 23 + "2") + bytes.fromhex("20010db8" + "0" * 23 + "1")
    found, survey = wrapped(5, struct.pack("<i", 1) + b"\x01\x00" + parts)
    assert found == "seg6 mode encap segs 2 [ 2001:db8::1 2001:db8::2 ]"
    assert survey.complete


@pytest.mark.parametrize(
    ("kind", "data", "name"),
    [
        (6, b"", "bpf"),
        (2, b"", "ip"),
        (77, b"", "77"),
        (1, b"\xff", "mpls"),
        (5, struct.pack("<i", 1) + b"\xff", "seg6"),
    ],
)
def test_what_is_not_read_is_said(kind: int, data: bytes, name: str) -> None:
    """Kinds that nobody knows here, structures that this kernel doesn't tell, counts that can't be."""
    found, survey = wrapped(kind, data)
    assert found is not None
    assert found.split()[0] == name
    assert "segs" not in found
    assert not survey.complete
