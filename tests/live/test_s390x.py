"""Reports on a dump of s390x, big-endian, read on this host: against what the guest said of itself.

`scripts/lab standard --set s390x` and `scripts/lab crash 8.0.2-s390x` make what they need; skipped without.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from crashdrive.crash import Crash, open_dump
from tests.live.conftest import LAB
from tests.reports.foreign_truth import (
    check_memory_of_processes,
    check_sockets,
    check_stacks,
    check_the_one_that_panicked,
    check_verdict,
)

pytestmark = pytest.mark.live
DUMP = LAB / "dumps" / "6.1-s390x-elf-sysrq"
BINARY = LAB / "crash-s390x/8.0.2/crash"
TRUTH = DUMP / "truth"
PROC = TRUTH / "proc"
# the kernel counts on while /proc is read, and until the dump
_MORE = 1200
_LINES = 200


@pytest.fixture(scope="module")
def crash() -> Iterator[Crash]:
    """The dump, in a crash that has no tables of its own: none of these reports needs them."""
    for path in (DUMP / "vmcore", BINARY):
        if not path.exists():
            pytest.skip(f"{path} is missing: scripts/lab makes it (--set s390x)")
    with open_dump(
        DUMP / "vmlinux",
        DUMP / "vmcore",
        crash=[str(BINARY)],
        purpose="reports",
        btf=True,
        cache=False,
        timeout=900,
    ) as crash:
        yield crash
        assert crash.session.minimal


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
    rows = crash.report("ps", arguments=True).table("arguments").rows
    compared = 0
    for row in rows:
        said = PROC / str(row.pid) / "cmdline"
        if said.exists() and row.argv:
            assert [word.encode() for word in row.argv] == said.read_bytes().split(b"\0")[:-1], row.pid
            compared += 1
    assert compared > 30


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
        assert int(first) <= counts[0] <= int(first) + _MORE, name
        assert int(second) <= counts[1] <= int(second) + _MORE, name
        assert name in counted or lines[name].meaning == " ".join(meaning)


def test_softirqs_are_those_of_proc(crash: Crash) -> None:
    lines = (PROC / "softirqs").read_text().splitlines()[1:]
    said = {line.split()[0].rstrip(":"): [int(word) for word in line.split()[1:]] for line in lines}
    rows = crash.report("irq").table("softirqs").rows
    assert [row.softirq for row in rows] == list(said)
    for row in rows:
        for cpu, then in enumerate(said[row.softirq]):
            assert then <= row.counts[cpu] <= then + _MORE


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
    rows = crash.report("cpu").table("times").rows
    for row in rows:
        line = next(
            text for text in (PROC / "stat").read_text().splitlines() if text.startswith(f"cpu{row.cpu} ")
        )
        user, nice, system, idle = (int(word) / 100 for word in line.split()[1:5])
        assert user <= row.user_seconds + 0.02 <= user + 3
        assert nice <= row.nice_seconds + 0.02 <= nice + 3
        assert system <= row.system_seconds + 0.02 <= system + 6
        assert idle <= row.idle_seconds + 0.02 <= idle + 3


def test_modules_are_those_of_proc(crash: Crash) -> None:
    lines = [line.split() for line in (PROC / "modules").read_text().splitlines()]
    rows = {row.name: row for row in crash.report("modules").table("modules").rows}
    assert rows.keys() == {line[0] for line in lines}
    for name, _, _, _, _, address, *_ in lines:
        assert rows[name].base == int(address, 16)


def test_addresses_and_routes_are_those_of_ip(crash: Crash) -> None:
    """`__be32` members are in the machine's own order there: nothing may swap them."""
    links = json.loads((TRUTH / "cmd/ip-addr-json").read_text())
    said = {(one["ifname"], f"{a['local']}/{a['prefixlen']}") for one in links for a in one["addr_info"]}
    report = crash.report("interfaces", all=True, netns="init")
    assert {(row.device, row.address) for row in report.table("addresses").rows} == said
    routes = json.loads((TRUTH / "cmd/ip-route-all-json").read_text())
    wanted = {one["dst"] for one in routes if re.fullmatch(r"[\d.]+\.\d+/\d+", one["dst"])}
    rows = crash.report("routing", all=True, four=True, netns="init").table("routes").rows
    assert wanted
    assert wanted <= {f"{row.destination}/{row.prefix_length}" for row in rows}


def test_meminfo_is_that_of_proc(crash: Crash) -> None:
    said = {
        name: int(number) << 10
        for name, number in re.findall(r"^(\w+): +(\d+) kB$", (PROC / "meminfo").read_text(), re.MULTILINE)
    }
    found = {row.item: row.amount_bytes for row in crash.report("memory").table("amounts").rows}
    near = 24 << 20
    for name in ("MemTotal", "MemFree", "Cached", "Slab", "AnonPages", "PageTables", "VmallocUsed", "Percpu"):
        assert abs(found[name] - said[name]) < near, name
    assert found["MemTotal"] == said["MemTotal"]


def test_the_log_is_that_of_dmesg(crash: Crash) -> None:
    said = (TRUTH / "cmd/dmesg").read_bytes().decode(errors="backslashreplace").splitlines()
    found = [row.text for row in crash.report("dmesg").table("log").rows]
    # up to what the guest wrote itself, which its dmesg breaks into other lines
    first = [line.split("] ", 1)[1].rstrip() for line in said if "] " in line][:_LINES]
    assert len(first) == _LINES
    assert [text.splitlines()[0].rstrip() for text in found[:_LINES]] == first
