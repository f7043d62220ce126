"""Counters: what needs no dump."""

from __future__ import annotations

import pytest

from crashdrive.errors import UsageError
from crashdrive.linux.net.counters import snmp


def testgroups_of_in_any_case() -> None:
    assert snmp.groups_of(["tcpext", "IP"]) == {"TcpExt", "Ip"}
    assert "Udp6" in snmp.groups_of([])
    with pytest.raises(UsageError, match="no group 'Tcq'; near: Tcp; there are: Ip, Icmp"):
        snmp.groups_of(["Tcq"])


def test_sums_wrap_around() -> None:
    assert snmp._value([(1 << 64) - 1 + 5], 0, bits=64) == 4
    assert snmp._value([(1 << 32) - 1], 0, bits=32, signed=True) == -1
    assert snmp._value((), 7, bits=64) == 0
    assert snmp._value(None, 7, bits=64) is None


def test_icmp_counters_that_nobody_knows_keep_their_names() -> None:
    known = {"ICMP_MIB_NUM": 0, "ICMP_MIB_INMSGS": 1, "ICMP_MIB_INECHOS": 2, "ICMP_MIB_OUTNEW": 3}
    kinds = [("Echos", 8)]
    assert snmp._plain_icmp(known, "In", kinds) == [("InMsgs", 1)]
    assert snmp._plain_icmp(known, "Out", kinds) == [("OUTNEW", 3)]
