"""Counters of network devices out of synthetic memory: what drivers keep, damage, what isn't known."""

from __future__ import annotations

import pytest

from crashdrive.kernel.types.model import Type
from crashdrive.linux.net.counters.device_counters import private_offset
from crashdrive.linux.net.devices.link_stats import _BASE, Reader, _grown
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.survey import NetSurvey
from tests.kernel.fake_memory import (
    LIST_HEAD,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

NET = 0xFFFF_8880_0BAD_0000
COUNTED = record(None, ("packets", ULONG), ("bytes", ULONG), ("drops", ULONG))
LINK = record(
    "rtnl_link_stats64",
    ("rx_packets", ULONG),
    ("tx_packets", ULONG),
    ("rx_bytes", ULONG),
    ("tx_bytes", ULONG),
)
TYPES: dict[str, Type] = {
    "struct net_device_ops": record("net_device_ops", ("ndo_get_stats64", ULONG)),
    "struct net_device": record(
        "net_device",
        ("netdev_ops", pointer("struct net_device_ops")),
        ("stats", record(None, *((name, ULONG) for name in _BASE))),
        ("num_tx_queues", UINT),
        ("num_rx_queues", UINT),
        ("adj_list", record(None, ("lower", LIST_HEAD))),
    ),
    "struct virtnet_info@virtio_net": record(
        "virtnet_info", ("sq", ULONG), ("rq", ULONG), ("max_queue_pairs", UINT)
    ),
    "struct receive_queue@virtio_net": record("receive_queue", ("vq", ULONG), ("stats", COUNTED)),
    "struct send_queue@virtio_net": record("send_queue", ("vq", ULONG), ("stats", COUNTED)),
    "struct bonding@bonding": record("bonding", ("bond_stats", LINK)),
    "struct slave@bonding": record("slave", ("dev", ULONG), ("slave_stats", LINK)),
    "struct netdev_adjacent": record(
        "netdev_adjacent", ("dev", ULONG), ("list", LIST_HEAD), ("private", ULONG)
    ),
}
SYMBOLS = {"virtnet_stats": 0x1000, "bond_get_stats": 0x2000, "other_get_stats64": 0x3000}


class Machine:
    """Devices with a driver each."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.kernel = fake_kernel(self.memory, TYPES, SYMBOLS)
        self.start = private_offset(self.kernel)
        self.devices: list[int] = []
        self.kernel.__dict__["possible_cpus"] = (0,)

    def device(self, method: str | None, *private: int) -> int:
        """A device whose driver's part begins with these words."""
        address = self.memory.allocate(self.start + 64, 64)
        if method:
            ops = self.memory.allocate(8)
            self.memory.word(ops, SYMBOLS[method])
            self.memory.word(address, ops)
        self.memory.word(address + self.start, *private)
        link_list(self.memory, address + self.kernel.offset("struct net_device", "adj_list.lower"), [])
        self.devices.append(address)
        return address

    def count(self, device: int, **counters: int) -> None:
        """Set counters in the device itself."""
        for name, value in counters.items():
            self.memory.word(device + self.kernel.offset("struct net_device", f"stats.{name}"), value)

    def queues(self, *counters: tuple[int, int, int]) -> int:
        """An array of queues, each with its packets, bytes and drops."""
        first = self.memory.allocate(32 * len(counters))
        for i, values in enumerate(counters):
            self.memory.word(first + 32 * i, 0, *values)
        return first

    def enslave(self, bond: int, device: int, *before: int) -> None:
        """Put a device below a bond that has last seen these counters."""
        slave, tie = self.memory.allocate(48), self.memory.allocate(40)
        self.memory.word(slave, device, *before)
        self.memory.word(tie, device)
        self.memory.word(tie + 24, slave)
        link_list(self.memory, bond + self.kernel.offset("struct net_device", "adj_list.lower"), [tie + 8])

    def reader(self) -> Reader:
        """What reads them."""
        net = NetNamespace(address=NET, inum=1, name=None, pid=None, initial=True)
        nets = Namespaces(nets=(net,))
        self.survey = NetSurvey(self.kernel, nets, nets)
        return Reader(self.survey, self.devices, {})


def test_queues_of_virtio_are_added_up() -> None:
    machine = Machine()
    received = machine.queues((5, 500, 1), (7, 700, 2))
    sent = machine.queues((3, 300, 0), (4, 400, 0))
    device = machine.device("virtnet_stats", sent, received, 2)
    machine.count(device, tx_dropped=9, rx_packets=1000)
    found = machine.reader().of(device, "eth0")
    assert found is not None
    assert (found.rx_packets, found.rx_bytes, found.rx_dropped) == (12, 1200, 3)
    assert (found.tx_packets, found.tx_bytes, found.tx_dropped, found.tx_errors) == (7, 700, 9, 0)
    assert machine.survey.complete


@pytest.mark.parametrize("damage", ["many", "none", "null", "hole"])
def test_damaged_queues_are_not_read_and_said(damage: str) -> None:
    machine = Machine()
    queues = machine.queues((5, 500, 1))
    count = {"many": 65535, "none": 0}.get(damage, 1)
    device = machine.device("virtnet_stats", 0 if damage == "null" else queues, queues, count)
    if damage == "hole":
        machine.memory.hole(device + machine.start)
        machine.memory.pages.pop((device + machine.start) // 4096, None)
    reader = machine.reader()
    assert damage == "hole" or reader.of(device, "eth0") is None
    reader.tell()
    assert not machine.survey.complete


def test_a_driver_that_isn_t_known_is_named_with_its_devices() -> None:
    machine = Machine()
    one, other = machine.device("other_get_stats64"), machine.device("other_get_stats64")
    plain = machine.device(None)
    machine.count(plain, rx_packets=3)
    reader = machine.reader()
    assert reader.of(one, "a0") is None
    assert reader.of(other, "a1") is None
    counted = reader.of(plain, "b")
    assert counted is not None
    assert counted.rx_packets == 3
    reader.tell()
    (notice,) = machine.survey.notices
    assert "(other_get_stats64); not read: those of a0, a1" in notice.message


def test_a_bond_has_what_its_slaves_counted_since_it_looked() -> None:
    machine = Machine()
    slave = machine.device(None)
    machine.count(slave, rx_packets=50, tx_packets=20)
    bond = machine.device("bond_get_stats", 100, 200, 0, 0)
    machine.enslave(bond, slave, 45, 25)
    found = machine.reader().of(bond, "bond0")
    assert found is not None
    assert (found.rx_packets, found.tx_packets) == (105, 200)  # what went backwards adds nothing


def test_a_slave_that_isn_t_known_leaves_nothing_known() -> None:
    machine = Machine()
    other = machine.device("other_get_stats64")
    bond = machine.device("bond_get_stats", 100, 200, 0, 0)
    machine.enslave(bond, other, 0, 0)
    itself = machine.device("bond_get_stats", 1, 2, 0, 0)
    machine.enslave(itself, itself, 0, 0)
    reader = machine.reader()
    assert (reader.of(bond, "bond0"), reader.of(itself, "bond1")) == (None, None)
    reader.tell()
    assert ["bond0, bond1" in notice.message for notice in machine.survey.notices] == [True]
    assert not machine.survey.complete


@pytest.mark.parametrize(
    ("before", "now", "grown"),
    [
        (3, 5, 2),
        (5, 3, 0),
        (0xFFFFFFF0, 0x10, 0x20),
        (1 << 40, (1 << 40) + 7, 7),
        (1 << 40, 5, 0),
        (None, 1, None),
    ],
)
def test_what_grew(before: int | None, now: int, grown: int | None) -> None:
    assert _grown(before, now) == grown
