"""Counters: what needs no dump."""

from __future__ import annotations

import pytest

from crashdrive.errors import UsageError
from crashdrive.reports.net import snmp


def test_groups_in_any_case() -> None:
    assert snmp._groups(["tcpext", "IP"]) == {"TcpExt", "Ip"}
    assert "Udp6" in snmp._groups([])
    with pytest.raises(UsageError, match="no group 'Tcq'; there are: Ip, Icmp"):
        snmp._groups(["Tcq"])


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
