"""Settings of the network against what sysctl said, name by name."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import Namespace, namespaces

# they count, and were read before the guest made its connections
COUNTS = {"net.netfilter.nf_conntrack_count"}


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("sysctl")


def told(namespace: Namespace) -> dict[str, str]:
    path = namespace.folder / "cmd/sysctl"
    text = path.read_bytes().decode("utf-8", "backslashreplace") if path.exists() else ""
    lines = (line.partition(" = ") for line in text.split("\n"))
    return {name: value.replace("\t", " ") for name, _, value in lines if name.startswith("net.")}


def of(report: Report, namespace: Namespace) -> dict[str, Any]:
    rows = [row for row in report.table("settings").rows if row.netns == namespace.label]
    found = {row.name: row for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_setting(lab: Any, reported: Report) -> None:
    """Nothing is missing, nothing is invented, and what has no value is what sysctl couldn't read either."""
    for namespace in namespaces(lab):
        said, found = told(namespace), of(reported, namespace)
        if not said:
            continue
        read = {name: row.value for name, row in found.items() if row.value is not None}
        assert read.keys() == said.keys()
        assert {n: read[n] for n in said.keys() - COUNTS} == {n: said[n] for n in said.keys() - COUNTS}
        absent = {row.name.rpartition(".")[2]: row.absent for row in found.values() if row.value is None}
        assert absent.items() <= {"flush": "write-only", "stable_secret": "not set"}.items()


def test_all_namespaces_have_some(lab: Any, reported: Report) -> None:
    for namespace in namespaces(lab):
        assert "net.ipv4.ip_local_port_range" in of(reported, namespace)


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings
    assert not reported.warnings


def test_by_name(lab: Any, reported: Report) -> None:
    some = Crash(lab.session, keep=False).report(
        "sysctl", prefix=("net.ipv4.tcp_mem", "net.core"), netns="init"
    )
    rows = some.table("settings").rows
    assert {row.name.split(".")[1] for row in rows} == {"core", "ipv4"}
    initial = namespaces(lab)[0].label
    wanted = [row for row in reported.table("settings").rows if row.netns == initial]
    assert list(rows) == [row for row in wanted if row.name.startswith(("net.ipv4.tcp_mem", "net.core"))]
