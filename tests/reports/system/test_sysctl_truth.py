"""All settings against what sysctl said, name by name."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.errors import UsageError
from crashdrive.records import Report
from tests.reports.conftest import Guest
from tests.reports.guest_truth import Namespace, namespaces, settings

REPORT = "sysctl"
# they count, and were read before the guest made its connections
COUNTS = {"net.netfilter.nf_conntrack_count"}


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).report("sysctl")


# what the guest does after it has told them, until it dies
CHANGED = {
    "fs.dentry-state": "files of /proc are opened",
    "fs.inode-nr": "the same",
    "fs.inode-state": "the same",
    "fs.file-nr": "the same",
    "kernel.ns_last_pid": "processes are started",
    "kernel.panic_on_oops": "set before the panic",
    "kernel.sysrq": "set before the panic",
    "kernel.printk": "console_verbose() of panic()",
    "kernel.ftrace_enabled": "machine_kexec() turns it off, where there is a kexec",
}
# made anew for each reader; not printed where all CPUs are alike; reading it makes counters exact
NOTHING = {
    "kernel.random.uuid": "not set",
    "kernel.sched_energy_aware": "not set",
    "vm.compact_memory": "write-only",
    "vm.drop_caches": "write-only",
    "vm.stat_refresh": "says nothing",
}


def test_settings_of_the_machine(guest: Guest, reported: Report) -> None:
    rows = {row.name: row for row in reported.table("settings").rows if row.netns is None}
    said = {name: value.replace("\t", " ") for name, value in settings(guest).items()}
    said = {name: value for name, value in said.items() if not name.startswith(("net.", "sysctl: ")) and name}
    assert len(said) > 230
    assert said.keys() <= rows.keys()
    assert rows.keys() - said.keys() <= NOTHING.keys()
    different = {n for n, value in said.items() if rows[n].value != value and not rows[n].absent}
    assert different <= CHANGED.keys()
    absent = {name: row.absent for name, row in rows.items() if row.absent}
    assert absent.items() <= NOTHING.items()


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


def test_every_setting(guest: Guest, reported: Report) -> None:
    """Nothing is missing, nothing is invented, and what has no value is what sysctl couldn't read either."""
    for namespace in namespaces(guest):
        said, found = told(namespace), of(reported, namespace)
        if not said:
            continue
        read = {name: row.value for name, row in found.items() if row.value is not None}
        assert read.keys() == said.keys()
        assert {n: read[n] for n in said.keys() - COUNTS} == {n: said[n] for n in said.keys() - COUNTS}
        absent = {row.name.rpartition(".")[2]: row.absent for row in found.values() if row.value is None}
        assert absent.items() <= {"flush": "write-only", "stable_secret": "not set"}.items()


def test_all_namespaces_have_some(guest: Guest, reported: Report) -> None:
    for namespace in namespaces(guest):
        assert "net.ipv4.ip_local_port_range" in of(reported, namespace)


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings
    assert not reported.warnings


def test_by_name(guest: Guest, reported: Report) -> None:
    some = Crash(guest.session, keep=False).report(
        "sysctl", prefix=("net.ipv4.tcp_mem", "net.core"), netns="init"
    )
    rows = some.table("settings").rows
    assert {row.name.split(".")[1] for row in rows} == {"core", "ipv4"}
    initial = namespaces(guest)[0].label
    wanted = [row for row in reported.table("settings").rows if row.netns == initial]
    assert list(rows) == [row for row in wanted if row.name.startswith(("net.ipv4.tcp_mem", "net.core"))]


def test_unknown_name(guest: Guest) -> None:
    with pytest.raises(UsageError, match=r"no setting 'net\.ipv4\.tpc_mem'; near: net\.ipv4\.tcp_mem"):
        Crash(guest.session, keep=False).report("sysctl", prefix=("net.ipv4.tpc_mem",))
