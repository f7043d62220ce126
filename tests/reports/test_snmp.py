"""Counters: what needs no dump."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.errors import UnknownTypeError, UsageError
from crashdrive.reports import snmp


def said(text: str) -> Any:
    session = SimpleNamespace(run=lambda _command: SimpleNamespace(text=text))
    return SimpleNamespace(kernel=SimpleNamespace(session=session))


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


def test_enumeration_without_a_name() -> None:
    text = "type = enum {A_NUM, A_INMSGS, A_OUT = 7, A_LAST}\n"
    assert snmp.enumerators(said(text), "A_NUM") == {"A_NUM": 0, "A_INMSGS": 1, "A_OUT": 7, "A_LAST": 8}
    with pytest.raises(UnknownTypeError):
        snmp.enumerators(said('No symbol "A_NUM" in current context.\n'), "A_NUM")


def test_icmp_counters_that_nobody_knows_keep_their_names() -> None:
    known = {"ICMP_MIB_NUM": 0, "ICMP_MIB_INMSGS": 1, "ICMP_MIB_INECHOS": 2, "ICMP_MIB_OUTNEW": 3}
    kinds = [("Echos", 8)]
    assert snmp._plain_icmp(known, "In", kinds) == [("InMsgs", 1)]
    assert snmp._plain_icmp(known, "Out", kinds) == [("OUTNEW", 3)]
