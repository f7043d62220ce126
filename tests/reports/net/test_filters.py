"""Filters: a word that names nothing is an error, what exists and matches nothing leaves a table empty."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.errors import UsageError
from crashdrive.kernel.types.model import EnumType
from crashdrive.linux.net.devices.devices import device_names
from crashdrive.linux.net.netfilter.conntrack import protocol_name
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.reports.net import conntrack, netfilter, netstat, routing
from tests.kernel.fake_memory import link_hlist
from tests.linux.net.routing.test_routing import Machine as Routes
from tests.linux.net.test_namespaces import Machine


def test_what_was_not_read_may_have_it() -> None:
    survey = NetSurvey.of(Machine().kernel, None)
    survey.require("interface", ["lo"], ["lo", "eth0"])
    with pytest.raises(UsageError, match="no interface 'eth1'; near: eth0; there are: lo, eth0"):
        survey.require("interface", ["eth1"], ["lo", "eth0"])
    survey.complete = False
    survey.require("interface", ["eth1"], ["lo", "eth0"])
    (notice,) = survey.notices
    assert notice.message.endswith("there are: lo, eth0; it may be in what is missing")


def test_interfaces_of_the_namespaces_that_are_asked_for() -> None:
    kernel = Machine().kernel
    assert sorted(device_names(NetSurvey.of(kernel, None))) == ["eth1000", "eth2000"]
    assert device_names(NetSurvey.of(kernel, "red")) == ["eth2000"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"pid": 7}, None),
        ({"pid": 8}, "no process 8; there are: 7, 9"),
        ({"program": "top"}, None),
        ({"program": "tpo"}, "no program 'tpo'; near: top; there are: sh, top"),
        ({"interface": "eth1000"}, None),
        ({"interface": "eth1"}, "no interface 'eth1'; near: eth"),
        ({}, None),
    ],
)
def test_sockets_of_processes_and_interfaces(asked: dict[str, Any], message: str | None) -> None:
    survey = NetSurvey.of(Machine().kernel, None)
    asked = {"pid": None, "program": None, "interface": None} | asked
    if message is None:
        netstat._require(survey, asked, [])
        return
    with pytest.raises(UsageError, match=message):
        netstat._require(survey, asked, [])


def test_a_process_that_a_damaged_list_may_have_lost() -> None:
    machine = Machine()
    machine.memory.hole(machine.pages["task 9"])
    survey = NetSurvey.of(machine.kernel, None)
    netstat._require(survey, {"pid": 9, "program": None, "interface": None}, [])
    assert not survey.complete
    assert survey.notices[-1].message.endswith("it may be in what is missing")


@pytest.mark.parametrize(
    ("word", "name"), [("TCP", "tcp"), ("6", "tcp"), ("47", "gre"), ("250", "250"), ("icmpv6", "icmpv6")]
)
def test_protocols_that_are_followed(word: str, name: str) -> None:
    assert protocol_name(word) == name


@pytest.mark.parametrize("word", ["tpc", "256", "-1", "", "\u0662"])
def test_protocols_that_are_none(word: str) -> None:
    with pytest.raises(UsageError, match=r"no protocol .*there are: icmp, tcp"):
        protocol_name(word)


def test_states_that_no_tracker_has() -> None:
    machine = Machine()
    states = (("TCP_CONNTRACK_NONE", 0), ("TCP_CONNTRACK_ESTABLISHED", 3))
    machine.kernel.layouts._known["enum tcp_conntrack"] = EnumType("tcp_conntrack", 4, False, states)
    survey = NetSurvey.of(machine.kernel, None)
    conntrack._require(survey, {"state": {"ESTABLISHED"}}, [])
    with pytest.raises(UsageError, match="no state 'FOO'; there are: ESTABLISHED, NONE"):
        conntrack._require(survey, {"state": {"FOO"}}, [])


def test_families_of_hooks() -> None:
    assert netfilter._families(["IPv4", "arp"]) == {"ipv4", "ip", "inet", "arp"}
    with pytest.raises(UsageError, match="no family 'ipx'; near: ip"):
        netfilter._families(["ipx"])


def test_routing_tables_that_exist() -> None:
    machine = Routes()
    machine.root(machine.leaf(10 << 24, 8))
    table = machine.make("struct fib_table")
    link_hlist(machine.memory, machine.memory_heads + 8 * 77, [table])
    machine.put("struct fib_table", table, "tb_id", 77)
    asked = {"four": True, "six": False}
    found = {word: len(routing._routes(machine.survey(), {**asked, "table": word}, {})) for word in _TABLES}
    assert found == {"main": 1, "254": 1, "0xfe": 1, "77": 0, "default": 0}
    for word in ("78", "nosuch", "12x"):
        with pytest.raises(UsageError, match=r"no table .*there are: main, local, default, 77"):
            routing._routes(machine.survey(), {**asked, "table": word}, {})


_TABLES = ("main", "254", "0xfe", "77", "default")
