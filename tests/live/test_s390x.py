"""Reports on a dump of s390x, big-endian, read on this host: against what the guest said of itself.

`scripts/lab standard --set s390x` and `scripts/lab crash 8.0.2-s390x` make what they need; skipped without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from crashdrive.crash import Crash
from tests.live.conftest import LAB
from tests.reports.foreign_truth import (
    MORE,
    check_addresses_and_routes,
    check_arguments,
    check_log,
    check_meminfo,
    check_memory_of_processes,
    check_modules,
    check_sockets,
    check_softirqs,
    check_stacks,
    check_the_one_that_panicked,
    check_times_of_cpus,
    check_verdict,
    opened,
)

pytestmark = pytest.mark.live
DUMP = LAB / "dumps" / "6.1-s390x-elf-sysrq"
BINARY = LAB / "crash-s390x/8.0.2/crash"
TRUTH = DUMP / "truth"
PROC = TRUTH / "proc"


@pytest.fixture(scope="module")
def crash() -> Iterator[Crash]:
    with opened(DUMP, BINARY, "s390x") as crash:
        yield crash


@pytest.mark.parametrize("name", ["tcp", "tcp6", "udp", "udp6"])
def test_sockets_are_those_of_proc(crash: Crash, name: str) -> None:
    check_sockets(crash, PROC, name)


def test_stacks_are_those_of_proc(crash: Crash) -> None:
    assert crash.kernel.stacks().complete
    check_stacks(crash, PROC)


def test_the_one_that_panicked_is_followed_from_where_it_stood_to_user_space(crash: Crash) -> None:
    check_the_one_that_panicked(crash, "system_call")


def test_the_verdict(crash: Crash) -> None:
    check_verdict(crash)


def test_memory_of_processes(crash: Crash) -> None:
    """User memory is read by page tables that are walked here, in an address space of its own."""
    check_memory_of_processes(crash)


def test_arguments_of_all_processes_are_those_of_proc(crash: Crash) -> None:
    check_arguments(crash, PROC)


REPORTS = (
    "block", "cgroups", "conntrack", "cpu", "dmesg", "files", "hang", "interfaces", "ipc", "irq", "keys",
    "memory", "modules", "namespaces", "neighbours", "netfilter", "netns", "netstat", "panic", "ps", "qdisc",
    "rcu", "routing", "smp", "snmp", "sockstat", "softnet", "stacks", "timeline", "timers", "virtio",
    "workqueues",
)  # fmt: skip


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_left_out(crash: Crash, name: str) -> None:
    assert crash.run_report(name).complete


def test_what_is_not_read_is_said(crash: Crash) -> None:
    sysinfo, sysctl = crash.run_report("sysinfo"), crash.run_report("sysctl")
    assert not sysinfo.complete
    assert not sysctl.complete
    assert "mitigations" in " ".join(one.message for one in sysinfo.warnings)
    assert "s390dbf" in " ".join(one.message for one in sysctl.warnings)


def test_interrupts_are_those_of_proc(crash: Crash) -> None:
    text = (PROC / "interrupts").read_text()
    said = {line.split()[0].rstrip(":"): line.split()[1:] for line in text.splitlines()[1:]}
    report = crash.report("irq")
    counted = {row.irq_names[0]: row.irq_counts for row in report.table("interrupts").rows}
    lines = {row.interrupt_line: row for row in report.table("cpu_interrupts").rows}
    assert [*counted, *lines] == list(said)
    for name, (first, second, *meaning) in said.items():
        counts = counted.get(name) or lines[name].cpu_counts
        assert int(first) <= counts[0] <= int(first) + MORE, name
        assert int(second) <= counts[1] <= int(second) + MORE, name
        assert name in counted or lines[name].meaning == " ".join(meaning)


def test_softirqs_are_those_of_proc(crash: Crash) -> None:
    check_softirqs(crash, PROC)


def test_cpus_are_those_of_proc(crash: Crash) -> None:
    text = (PROC / "cpuinfo").read_text()
    rows = crash.report("sysinfo").table("cpus").rows
    assert [f"{row.model:04X}" for row in rows] == ["8561", "8561"]
    for name, member in (("physical id", "package"), ("core id", "core")):
        said = re.findall(rf"^{name} *: (\d+)$", text, re.MULTILINE)
        assert [str(getattr(row, member)) for row in rows] == said
    assert crash.report("sysinfo").table("system").rows[0].machine == "s390x"


def test_times_of_cpus_are_those_of_proc(crash: Crash) -> None:
    """Also those that the emulated machine's clock led astray."""
    check_times_of_cpus(crash, PROC)


def test_modules_are_those_of_proc(crash: Crash) -> None:
    check_modules(crash, PROC)


def test_addresses_and_routes_are_those_of_ip(crash: Crash) -> None:
    """`__be32` members are in the machine's own order there: nothing may swap them."""
    check_addresses_and_routes(crash, TRUTH)


def test_meminfo_is_that_of_proc(crash: Crash) -> None:
    check_meminfo(crash, PROC)


def test_the_log_is_that_of_dmesg(crash: Crash) -> None:
    check_log(crash, TRUTH)
