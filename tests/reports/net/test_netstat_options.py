"""What options of netstat ask for: protocols, states."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.errors import UsageError
from crashdrive.reports.net import netstat


def protos(*flags: str) -> set[str]:
    asked = {option.name: option.absent for option in netstat.OPTIONS} | dict.fromkeys(flags, True)
    return set(netstat._protos(asked))


def test_protocols_that_options_mean() -> None:
    inet = {"tcp", "udp", "udplite", "raw", "icmp"}
    six = {proto + "6" for proto in inet}
    assert protos() == inet | six | {"unix", "packet", "netlink"}
    assert protos("four") == inet
    assert protos("six") == six
    assert protos("four", "six") == inet | six
    assert protos("tcp") == {"tcp", "tcp6"}
    assert protos("tcp", "six") == {"tcp6"}
    assert protos("unix") == {"unix"}
    assert protos("unix", "four") == inet | {"unix"}
    assert protos("tcp", "packet", "netlink") == {"tcp", "tcp6", "packet", "netlink"}


def test_states_in_the_words_of_netstat_and_ss() -> None:
    assert netstat._states(["time-wait", "FIN_WAIT_2", "LISTENING"]) == {"TIME_WAIT", "FIN_WAIT2", "LISTEN"}
    assert netstat._states(["estab"]) == {"ESTABLISHED", "CONNECTED"}
    with pytest.raises(UsageError, match=r"no state 'bogus'; there are: .*TIME_WAIT"):
        netstat._states(["bogus"])


def test_by_default_what_is_connected() -> None:
    asked: dict[str, Any] = {option.name: option.absent for option in netstat.OPTIONS}
    plain = netstat._wanted(asked, frozenset())
    assert (plain.state("ESTABLISHED"), plain.state("LISTEN"), plain.state("UNCONN")) == (True, False, False)
    listening = netstat._wanted(asked | {"listening": True}, frozenset())
    assert (listening.state("CONNECTED"), listening.state("LISTEN")) == (False, True)
    everything = netstat._wanted(asked | {"all": True}, frozenset())
    assert (everything.state("LISTEN"), everything.state("TIME_WAIT")) == (True, True)
