"""The public readers give what reports show, typed, and say how complete it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sessionkit import SESSION, folders

from crashdrive.crash import Crash, open_dump
from crashdrive.errors import IncompleteError, UsageError
from crashdrive.linux.net import counters, devices, namespaces, netfilter, routing, sockets, tc
from crashdrive.linux.survey import Reading, Survey
from crashdrive.records import Notice
from tests.kernel.fake_memory import FakeMemory, fake_kernel


@pytest.fixture(scope="module", params=folders(), ids=lambda folder: folder.name)
def crash(request: pytest.FixtureRequest) -> Iterator[Crash]:
    folder: Path = request.param
    with open_dump(None, None, replay=folder / SESSION) as opened:
        yield opened


def test_sockets(crash: Crash) -> None:
    found: Reading[sockets.Socket] = sockets.read(crash.kernel)
    report = crash.report("netstat", all=True)
    assert list(found) == list(report.table("sockets").rows)
    assert (found.complete, found.notices) == (report.complete, report.warnings)


def test_sockets_of_some_protocols(crash: Crash) -> None:
    found = sockets.read(crash.kernel, protocols=("tcp", "tcp6"), connected=False)
    assert len(found) > 0
    assert {(row.proto[:3], row.state) for row in found} == {("tcp", "LISTEN")}
    with pytest.raises(UsageError, match="no protocol 'tpc'"):
        sockets.read(crash.kernel, protocols=("tpc",))


def test_routes(crash: Crash) -> None:
    shown = crash.report("routing", all=True)
    found = [(row.family, row.table, row.destination) for row in routing.read(crash.kernel)]
    assert found == [(row.family, row.table, row.destination) for row in shown.table("routes").rows]
    rules = [row.address for row in routing.read_rules(crash.kernel)]
    assert rules == [row.address for row in shown.table("rules").rows]


def test_neighbours(crash: Crash) -> None:
    shown = crash.report("neighbours", all=True).table("neighbours").rows
    assert list(routing.read_neighbours(crash.kernel)) == list(shown)


def test_interfaces_and_qdiscs(crash: Crash) -> None:
    assert list(devices.read(crash.kernel)) == list(crash.report("interfaces").table("interfaces").rows)
    shown = [row.address for row in crash.report("qdisc").table("qdiscs").rows]
    assert [row.address for row in tc.read(crash.kernel)] == shown


def test_counters_hooks_and_connections(crash: Crash) -> None:
    assert list(counters.read(crash.kernel)) == list(crash.report("snmp").table("counters").rows)
    assert list(netfilter.read(crash.kernel)) == list(crash.report("netfilter").table("hooks").rows)
    found = netfilter.read_connections(crash.kernel, netns="red")
    shown = crash.report("conntrack", netns="red")
    assert list(found) == list(shown.table("entries").rows)
    assert (found.complete, found.notices) == (shown.complete, shown.warnings)


def test_namespaces(crash: Crash) -> None:
    found, shown = namespaces.read(crash.kernel), crash.report("netns")
    assert list(found) == list(shown.table("namespaces").rows)
    assert (found.complete, found.notices) == (shown.complete, shown.warnings)


def test_what_is_missing_is_told_once() -> None:
    survey = Survey(fake_kernel(FakeMemory(), {}, {}))
    notice = Notice(kind="hole", message="sockets: a page is missing")

    def rows() -> Iterator[int]:
        yield 1
        survey.miss([notice, notice])

    found = survey.reading(rows())
    assert (list(found), found[0], len(found), found.complete, found.notices) == ([1], 1, 1, False, (notice,))
    with pytest.raises(IncompleteError, match="a page is missing"):
        found.check()
    assert survey.reading([])
    assert not survey.reading([]).rows
