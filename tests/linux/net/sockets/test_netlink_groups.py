"""Groups of netlink sockets, whose bits lie elsewhere than the socket."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.linux.net.sockets.other_detail import netlink_table
from crashdrive.linux.net.sockets.rows import Socket
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import to_builtins
from tests.kernel.fake_memory import PAGE, UINT, ULONG, FakeMemory, pointer, record
from tests.linux.net.small_kernel import survey_of, two_cpus

NETLINK = record("netlink_sock", ("groups", pointer(ULONG)), ("ngroups", UINT))


def one_socket(memory: FakeMemory, bits: int, count: int) -> tuple[NetSurvey, list[Socket]]:
    """A netlink socket with that many groups."""
    address = memory.allocate(NETLINK.size, PAGE)
    memory.word(address, bits, count)
    unknown: dict[str, Any] = dict.fromkeys(Socket.__struct_fields__)
    row = Socket(**unknown | {"proto": "netlink", "family": "netlink", "address": address})
    return survey_of(two_cpus(memory, {"struct netlink_sock": NETLINK})), [row]


def groups(survey: NetSurvey, rows: list[Socket]) -> list[Any]:
    (table,) = netlink_table(survey, rows)
    return [row["multicast_groups"] for row in to_builtins(table.rows)]


def test_bits_are_numbers_from_one() -> None:
    memory = FakeMemory()
    bits = memory.allocate(8, PAGE)
    memory.word(bits, 0b101)
    survey, rows = one_socket(memory, bits, 34)
    assert groups(survey, rows) == [(1, 3)]
    assert survey.complete


@pytest.mark.parametrize("count", [0, 34])
def test_no_groups(count: int) -> None:
    survey, rows = one_socket(FakeMemory(), 0, count)
    assert groups(survey, rows) == [()]
    assert survey.complete


def test_groups_that_are_missing_are_said_to_be() -> None:
    memory = FakeMemory()
    bits = memory.allocate(8, PAGE)
    memory.hole(bits)
    survey, rows = one_socket(memory, bits, 34)
    assert groups(survey, rows) == [None]
    assert not survey.complete
    assert "groups of 1 netlink sockets" in survey.notices[0].message


def test_more_groups_than_can_be_are_not_none() -> None:
    memory = FakeMemory()
    survey, rows = one_socket(memory, memory.allocate(8, PAGE), 1 << 30)
    assert groups(survey, rows) == [None]
    assert not survey.complete


def test_a_socket_that_is_missing_is_told_once() -> None:
    memory = FakeMemory()
    survey, rows = one_socket(memory, memory.allocate(8, PAGE), 34)
    memory.hole(rows[0].address)
    assert groups(survey, rows) == [None]
    assert len(survey.notices) == 1
