"""Connections that netfilter follows."""

from __future__ import annotations

from crashdrive.kernel.types.model import EnumType, Type
from crashdrive.linux.net.netfilter import conntrack
from tests.kernel.fake_memory import (
    FakeMemory,
    fake_kernel,
)
from tests.linux.net.small_kernel import NET, survey_of

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
    assert survey.notices[0].message == "connection tracking entries: 0 buckets are impossible; not read"
