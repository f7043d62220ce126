"""Filters on real dumps: unknown words are errors, known ones that match nothing leave tables empty."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.errors import UsageError

UNKNOWN: list[tuple[str, dict[str, Any], str]] = [
    ("conntrack", {"state": ("ESTABLISHD",)}, "no state 'ESTABLISHD'; near: ESTABLISHED"),
    ("conntrack", {"protocol": ("tpc",)}, "no protocol 'tpc'; near: tcp"),
    ("routing", {"table": "nosuch"}, "no table 'nosuch'; there are: main, local, default"),
    ("routing", {"table": "77"}, "no table '77'"),
    ("interfaces", {"device": "nosuch"}, "no interface 'nosuch'; there are: lo"),
    ("qdisc", {"device": "lo0"}, "no interface 'lo0'; near: lo"),
    ("neighbours", {"device": "nosuch"}, "no interface 'nosuch'"),
    ("neighbours", {"state": ("reachble",)}, "no state 'REACHBLE'; near: REACHABLE"),
    ("netfilter", {"family": ("ipx",)}, "no family 'ipx'; near: ip"),
    ("netstat", {"interface": "nosuch"}, "no interface 'nosuch'"),
    ("netstat", {"pid": 4_000_000}, "no process 4000000"),
    ("netstat", {"program": "ini"}, "no program 'ini'; near: init"),
    ("netstat", {"state": ("LISTN",)}, "no state 'LISTN'; near: LISTEN"),
    ("snmp", {"group": ("Tcpx",)}, "no group 'Tcpx'; near: Tcp"),
    ("sockstat", {"netns": "redd"}, "no network namespace 'redd'; near: red"),
]
EMPTY: list[tuple[str, dict[str, Any]]] = [
    ("conntrack", {"protocol": ("250",)}),
    ("conntrack", {"state": ("closereq",)}),
    ("routing", {"table": "default"}),
    ("netstat", {"pid": 2, "program": "kthreadd"}),
    ("netstat", {"port": (4,)}),
]


@pytest.fixture(scope="module")
def crash(lab: Any) -> Crash:
    return Crash(lab.session, keep=False)


@pytest.mark.parametrize(("name", "options", "message"), UNKNOWN)
def test_unknown_words(crash: Crash, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        crash.run_report(name, **options)


@pytest.mark.parametrize(("name", "options"), EMPTY)
def test_what_exists_and_matches_nothing(crash: Crash, name: str, options: dict[str, Any]) -> None:
    report = crash.run_report(name, **options)
    assert report.complete
    assert len(report.tables[0].rows) == 0
