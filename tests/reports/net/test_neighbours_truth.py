"""Neighbours of real dumps against what ``ip neigh`` and /proc/net/arp said in the guest, both ways.

Between these and the panic timers run: probes are sent, and states follow each other. What they may have
become is named in `NEXT`; an entry that was just made or given up may come or go.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import bound

# what time alone makes of a state, by net/core/neighbour.c's timer, and traffic that begins by itself
# an answer that came since can also have changed its flags, probes and mac
NEXT = {
    "REACHABLE": {"REACHABLE", "STALE", "DELAY"},
    "STALE": {"STALE", "DELAY", "PROBE", "REACHABLE"},
    "DELAY": {"DELAY", "PROBE", "REACHABLE"},
    "PROBE": {"PROBE", "REACHABLE", "FAILED"},
    "INCOMPLETE": {"INCOMPLETE", "FAILED"},
    "FAILED": {"FAILED", "INCOMPLETE"},
    "NOARP": {"NOARP"},
    "PERMANENT": {"PERMANENT"},
}
# a slow guest takes long enough for all of it
MOVING = {"REACHABLE", "STALE", "DELAY", "PROBE", "FAILED", "INCOMPLETE"}
SLOW = NEXT | dict.fromkeys(("REACHABLE", "STALE", "DELAY", "PROBE"), MOVING)
AGES = {"used": "used_ago", "confirmed": "confirmed_ago", "updated": "updated_ago"}
AFTERWARDS = 2


class Truth(NamedTuple):
    label: str
    folder: Path
    age: float


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("neighbours")


@pytest.fixture(scope="module")
def told(lab: Any, reported: Report) -> list[Truth]:
    about = json.loads((lab.folder / "dump.json").read_text())
    root = lab.folder / "truth"
    index = json.loads((root / "index.json").read_text())
    named = sorted(path.name for path in (root / "netns").iterdir())
    (initial,) = {row.netns for row in reported.table("neighbours").rows} - set(named)
    folders = [(initial, root, ""), *((n, root / "netns" / n, f"netns/{n}/") for n in named)]
    return [
        Truth(label, folder, about["panic_uptime"] - index[f"{prefix}cmd/ip-neigh-json"]["before"])
        for label, folder, prefix in folders
    ]


def rows(report: Report, truth: Truth, *, proxy: bool) -> dict[tuple[str, str], Any]:
    found = [r for r in report.table("neighbours").rows if r.netns == truth.label and r.proxy == proxy]
    by_key = {(row.destination, row.device): row for row in found}
    assert len(by_key) == len(found)
    return by_key


def test_ip_neigh(lab: Any, reported: Report, told: list[Truth]) -> None:
    for truth in told:
        said = {
            (one["dst"], one["dev"]): one
            for one in json.loads((truth.folder / "cmd/ip-neigh-json").read_text())
        }
        found = rows(reported, truth, proxy=False)
        # failed entries without use are given up, new ones come by themselves
        given_up = bound(lab, {"FAILED"}, {"FAILED", "INCOMPLETE"})
        lasting = {key for key, one in said.items() if not given_up & set(one["state"])}
        assert lasting <= found.keys()
        assert all(row.updated_ago <= truth.age for key, row in found.items() if key not in said)
        for key, row in found.items():
            if key in said:
                assert row.state in bound(lab, NEXT, SLOW)[said[key]["state"][0]]
                same(said[key], row, truth.age)


def same(said: dict[str, Any], row: Any, age: float) -> None:
    (state,) = said["state"]
    moved = row.state != state or row.updated_ago <= age + AFTERWARDS or row.confirmed_ago <= age + AFTERWARDS
    if not moved:
        flags = tuple(name in row.flags for name in ("router", "extern_learn"))
        assert flags == ("router" in said, "extern_learn" in said)
    if not moved and state != "INCOMPLETE":
        assert row.mac == said.get("lladdr")
        assert row.probes == said["probes"]
    for name, ago in AGES.items():
        # ages grow by what has passed, or begin anew
        assert -1 <= getattr(row, ago) <= said[name] + 1 + age + AFTERWARDS
        if state in {"PERMANENT", "NOARP"}:
            assert abs(getattr(row, ago) - said[name] - age) <= AFTERWARDS


def test_proxies(reported: Report, told: list[Truth]) -> None:
    for truth in told:
        lines = (truth.folder / "cmd/ip-neigh-proxy").read_text().split("\n")
        said = {(words[0], words[2]) for words in map(str.split, lines) if words}
        assert rows(reported, truth, proxy=True).keys() == said


def test_proc_arp(reported: Report, told: list[Truth]) -> None:
    """Read right before the panic; entries of IPv4 that need no resolving are left out there."""
    for truth in told:
        lines = [line.split() for line in (truth.folder / "proc/net/arp").read_text().split("\n")[1:-1]]
        said = {(words[0], words[5]): (words[3], int(words[2], 16)) for words in lines}
        found = rows(reported, truth, proxy=False) | rows(reported, truth, proxy=True)
        four = {
            key: (row.mac or "00:00:00:00:00:00", arp_flags(row))
            for key, row in found.items()
            if row.family == "inet" and row.state != "NOARP"
        }
        assert four == said


def arp_flags(row: Any) -> int:
    if row.proxy:
        return 0x0C
    return (2 if row.mac else 0) | (4 if row.state == "PERMANENT" else 0)


def test_options(lab: Any) -> None:
    crash = Crash(lab.session, keep=False)
    found = crash.report("neighbours", all=True, six=True).table("neighbours").rows
    assert {row.family for row in found} == {"inet6"}
    assert "NOARP" in {row.state for row in found}
    failed = crash.report("neighbours", state=("permanent",), device="br0").table("neighbours").rows
    assert {(row.destination, row.mac) for row in failed} == {("10.2.0.3", "02:00:00:00:02:03")}


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings
