"""Neighbours and counters out of synthetic memory: damage, and what kernels lack or keep elsewhere."""

from __future__ import annotations

import pytest

from crashdrive.errors import UsageError
from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.net.devices.link_stats import sums
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.routing.neighbours import neighbours
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.reports import run_report
from tests.kernel.fake_memory import CHAR, U8, UINT, ULONG, FakeMemory, fake_kernel, pointer, record

NET = 0xFFFF_8880_0BAD_0000
BUCKETS = 8
TYPES: dict[str, Type] = {
    "struct net_device": record(
        "net_device",
        ("name", ArrayType(CHAR, 16)),
        ("nd_net", record(None, ("net", ULONG))),
        ("addr_len", U8),
    ),
    "struct neigh_hash_table": record(
        "neigh_hash_table", ("hash_buckets", pointer(pointer("struct neighbour"))), ("hash_shift", UINT)
    ),
    "struct neigh_table": record("neigh_table", ("nht", pointer("struct neigh_hash_table"))),
    "struct neighbour": record(
        "neighbour",
        ("next", pointer("struct neighbour")),
        ("confirmed", ULONG),
        ("nud_state", U8),
        ("flags", UINT),
        ("ha", ArrayType(U8, 32)),
        ("dev", pointer("struct net_device")),
        ("primary_key", ArrayType(U8, 0)),
    ),
    "struct counters": record("counters", ("packets", ULONG), ("errors", UINT)),
    "struct clocksource": record("clocksource", ("mult", UINT), ("shift", UINT)),
}


class Machine:
    """An ARP table of eight buckets."""

    def __init__(self) -> None:
        self.memory = memory = FakeMemory()
        self.table = memory.allocate(8)
        jiffies = memory.allocate(8)
        memory.word(jiffies, 10_000)
        symbols = {"arp_tbl": self.table, "jiffies_64": jiffies}
        self.kernel = fake_kernel(memory, TYPES, symbols)
        hashed, self.buckets = memory.allocate(16), memory.allocate(8 * BUCKETS)
        memory.word(self.table, hashed)
        memory.word(hashed, self.buckets)
        memory.int32(hashed + 8, 3)
        self.hashed = hashed
        self.device = memory.allocate(64)
        memory.write(self.device, b"eth0")
        memory.word(self.device + self.kernel.offset("struct net_device", "nd_net.net"), NET)
        memory.write(self.device + self.kernel.offset("struct net_device", "addr_len"), b"\x06")

    def neighbour(self, last: int, state: int, bucket: int) -> int:
        """10.0.0.``last`` at the head of a bucket."""
        kind = "struct neighbour"
        one = self.memory.allocate(self.kernel.sizeof(kind) + 8)
        head = self.buckets + 8 * bucket
        self.memory.write(one, self.memory.read(head, 8))
        self.memory.word(head, one)
        self.memory.word(one + self.kernel.offset(kind, "confirmed"), 9_500)
        self.memory.write(one + self.kernel.offset(kind, "nud_state"), bytes([state]))
        self.memory.write(one + self.kernel.offset(kind, "ha"), bytes(range(1, 7)))
        self.memory.word(one + self.kernel.offset(kind, "dev"), self.device)
        self.memory.write(one + self.kernel.offset(kind, "primary_key"), bytes([10, 0, 0, last]))
        return one

    def survey(self) -> NetSurvey:
        one = NetNamespace(address=NET, inum=1, name=None, pid=None, initial=True)
        everywhere = Namespaces(nets=(one,))
        return NetSurvey(self.kernel, everywhere, everywhere)


def test_entries() -> None:
    machine = Machine()
    machine.neighbour(2, 0x02, 1)
    machine.neighbour(3, 0x20, 1)
    machine.neighbour(4, 0xC0, 5)
    survey = machine.survey()
    found = [(one.destination, one.device, one.state, one.mac) for one in neighbours(survey, "inet")]
    assert found == [
        ("10.0.0.3", "eth0", "FAILED", None),
        ("10.0.0.2", "eth0", "REACHABLE", "01:02:03:04:05:06"),
        ("10.0.0.4", "eth0", "NOARP,PERMANENT", "01:02:03:04:05:06"),
    ]
    assert neighbours(survey, "inet")[0].confirmed_ago == 2.0  # 500 ticks of 250 a second
    assert survey.complete


def test_a_loop_in_a_bucket() -> None:
    machine = Machine()
    first = machine.neighbour(2, 2, 1)
    second = machine.neighbour(3, 2, 1)
    machine.memory.word(first, second)
    survey = machine.survey()
    assert {one.destination for one in neighbours(survey, "inet")} == {"10.0.0.2", "10.0.0.3"}
    assert not survey.complete


def test_more_buckets_than_can_be() -> None:
    machine = Machine()
    machine.memory.int32(machine.hashed + 8, 60)
    survey = machine.survey()
    assert neighbours(survey, "inet") == []
    assert not survey.complete


def test_a_hardware_address_that_is_too_long() -> None:
    machine = Machine()
    machine.neighbour(2, 2, 1)
    machine.memory.write(machine.device + machine.kernel.offset("struct net_device", "addr_len"), b"\xff")
    (one,) = neighbours(machine.survey(), "inet")
    assert one.mac is None


def test_a_device_that_is_not_in_the_dump() -> None:
    machine = Machine()
    machine.neighbour(2, 2, 1)
    lost = machine.neighbour(3, 2, 2)
    machine.memory.word(lost + machine.kernel.offset("struct neighbour", "dev"), 0xFFFF_8880_7777_0000)
    survey = machine.survey()
    found = [(one.destination, one.device, one.netns) for one in neighbours(survey, "inet")]
    assert found == [("10.0.0.2", "eth0", "init"), ("10.0.0.3", None, None)]
    assert not survey.complete


def test_an_entry_without_a_device_is_none() -> None:
    """A bucket that leads to other bytes."""
    machine = Machine()
    other = machine.neighbour(3, 2, 2)
    machine.memory.word(other + machine.kernel.offset("struct neighbour", "dev"), 0)
    survey = machine.survey()
    list(neighbours(survey, "inet"))
    assert not survey.complete


def test_a_kernel_without_ndp() -> None:
    survey = Machine().survey()
    assert neighbours(survey, "inet6") == []
    assert survey.complete
    assert [notice.kind for notice in survey.notices] == ["absent"]


def test_unknown_states() -> None:
    with pytest.raises(UsageError, match="no state 'GONE'"):
        run_report(None, "neighbours", state=("gone",))


def test_a_counter_of_which_a_cpu_is_missing() -> None:
    """A part is no sum."""
    machine = Machine()
    here, beyond = machine.memory.allocate(16), machine.memory.allocate(4096, 4096)
    machine.memory.word(here, 5, 2)
    machine.memory.hole(beyond)
    machine.kernel.__dict__["possible_cpus"] = (0, 1)
    machine.kernel.__dict__["_per_cpu_offsets"] = [0, beyond - here]
    survey = machine.survey()
    assert sums(survey, "struct counters", [here], ("packets", "errors")) == {
        here: {"packets": None, "errors": None}
    }
    assert not survey.complete
    machine.kernel.__dict__["possible_cpus"] = (0,)
    assert sums(survey, "struct counters", [here], ("packets", "absent")) == {here: {"packets": 5}}
