"""Counters of received packets against /proc/net/softnet_stat and sysctl."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import bound, namespaces, settings

# packets of timers (retransmits, solicitations) that come in the last moment, or in a second of a slow guest
MOST = 40


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("softnet", packets=True)


def test_every_cpu(lab: Any, reported: Report) -> None:
    lines = [
        [int(word, 16) for word in line.split()]
        for line in namespaces(lab)[0].text("softnet_stat").splitlines()
    ]
    most = MOST * bound(lab, 1.0, max(1.0, namespaces(lab)[0].age("softnet_stat")[1]))
    rows = reported.table("softnet").rows
    assert len(rows) == len(lines) > 1
    for row, line in zip(rows, lines, strict=True):
        assert line[0] <= row.processed <= line[0] + most
        assert line[2] <= row.time_squeeze <= line[2] + most
        assert (row.dropped, row.received_rps, row.flow_limit_count or 0) == (line[1], line[9], line[10])
        assert row.cpu == line[12]
        assert row.backlog == row.input_queue + row.process_queue == line[11]
        if len(line) > 13:
            assert [row.input_queue, row.process_queue] == line[13:]
    assert len(reported.table("packets").rows) == sum(row.backlog for row in rows)


def test_limits(lab: Any, reported: Report) -> None:
    (row,) = reported.table("limits").rows
    told = settings(lab)
    assert row.max_backlog == int(told["net.core.netdev_max_backlog"])
    assert row.budget == int(told["net.core.netdev_budget"])
    assert row.budget_seconds == pytest.approx(int(told["net.core.netdev_budget_usecs"]) / 1e6)


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings
