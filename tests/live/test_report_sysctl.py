"""Settings of the network against what sysctl said, name by name."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.reports.base import Report
from tests.live.guest_truth import Namespace, namespaces

pytestmark = pytest.mark.live

# they count, and were read before the guest made its connections
COUNTS = {"net.netfilter.nf_conntrack_count"}
# a kernel function computes them, or collects them from elsewhere
UNREAD = 20


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
    for namespace in namespaces(lab):
        said, found = told(namespace), of(reported, namespace)
        if not said:
            continue
        assert said.keys() <= found.keys()
        # those that only write, and IPv6's secrets, which can't be read before they are set
        assert all(
            not found[name].mode & 0o444 or name.endswith(".stable_secret")
            for name in found.keys() - said.keys()
        )
        read = {name: row.value for name, row in found.items() if row.value is not None}
        compared = read.keys() & said.keys() - COUNTS
        assert {name: read[name] for name in compared} == {name: said[name] for name in compared}
        assert len(compared) > 0.95 * len(said)


def test_all_namespaces_have_some(lab: Any, reported: Report) -> None:
    for namespace in namespaces(lab):
        assert "net.ipv4.ip_local_port_range" in of(reported, namespace)


def test_handlers_that_are_not_read(lab: Any, reported: Report) -> None:
    """No ordinary one is among them."""
    (notice,) = reported.warnings
    assert notice.kind == "elsewhere"
    assert not reported.complete
    rows = of(reported, namespaces(lab)[0]).values()
    unread = Counter(row.handler for row in rows if row.value is None and row.mode & 0o444)
    assert {name for name in unread if name.startswith(("proc_do", "neigh_", "addrconf", "devinet"))} <= {
        "proc_do_large_bitmap", "proc_do_rss_key", "proc_do_static_key", "neigh_proc_dointvec_unres_qlen",
        "addrconf_sysctl_stable_secret",
    }  # fmt: skip


def test_by_name(lab: Any, reported: Report) -> None:
    some = Crash(lab.session, keep=False).report(
        "sysctl", prefix=("net.ipv4.tcp_mem", "net.core"), netns="init"
    )
    rows = some.table("settings").rows
    assert {row.name.split(".")[1] for row in rows} == {"core", "ipv4"}
    wanted = [row for row in reported.table("settings").rows if row.netns == namespaces(lab)[0].label]
    assert list(rows) == [row for row in wanted if row.name.startswith(("net.ipv4.tcp_mem", "net.core"))]
