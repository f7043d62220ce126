"""Reports on a dump of ppc64le read on this host: against what the guest said of itself, and crash's `bt`.

`scripts/lab standard --set ppc64el` and `scripts/lab crash 8.0.2-ppc64el` make what they need; skipped
without.
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
DUMP = LAB / "dumps" / "6.1-ppc64el-elf-sysrq"
BINARY = LAB / "crash-ppc64el/8.0.2/crash"
TRUTH = DUMP / "truth"
PROC = TRUTH / "proc"
# what `bt` of crash 8.0.2 showed, from the caller of firmware on, and the kernel that it was
_KERNEL = "e04703597006cc36ab4eb3e421c377f39b50aecc"
_BY_CRASH = {
    "rtas_call": 0xC00000000003ABE8, "rtas_os_term": 0xC00000000003C508, "pseries_panic": 0xC0000000000E3864,
    "ppc_panic_platform_handler": 0xC000000000027F14, "atomic_notifier_call_chain": 0xC000000000177C28,
    "panic": 0xC000000000137E60, "sysrq_handle_crash": 0xC0000000008E5C68,
    "__handle_sysrq": 0xC0000000008E6610, "write_sysrq_trigger": 0xC0000000008E6F08,
    "proc_reg_write": 0xC00000000060437C, "vfs_write": 0xC00000000052B5BC, "ksys_write": 0xC00000000052BB90,
    "system_call_exception": 0xC00000000002B000, "system_call_vectored_common": 0xC00000000000C0F0,
}  # fmt: skip


@pytest.fixture(scope="module")
def crash() -> Iterator[Crash]:
    with opened(DUMP, BINARY, "ppc64el") as crash:
        yield crash


@pytest.mark.parametrize("name", ["tcp", "tcp6", "udp", "udp6"])
def test_sockets_are_those_of_proc(crash: Crash, name: str) -> None:
    check_sockets(crash, PROC, name)


def test_stacks_are_those_of_proc(crash: Crash) -> None:
    stacks = crash.kernel.stacks()
    assert stacks.complete
    assert {one.frames[0].function for one in stacks if one.frames and not one.running} == {"__switch_to"}
    check_stacks(crash, PROC)


def test_the_one_that_panicked_is_followed_from_firmware_to_user_space(crash: Crash) -> None:
    """The functions, and the addresses that each returns to, are those of crash's own ``bt``.

    Another build of 6.1, which Debian may have by the time that the dump is made, has other addresses.
    """
    check_the_one_that_panicked(crash, "system_call_vectored_common")
    (stack,) = [one for one in crash.kernel.stacks() if one.running and one.comm == "finish"]
    sure = [frame for frame in stack.frames if not frame.doubt and frame.function]
    assert [frame.function for frame in sure] == list(_BY_CRASH)
    if crash.session.identity["build_id"] == _KERNEL:
        assert {frame.function: frame.address for frame in sure} == _BY_CRASH


def test_a_cpu_that_was_stopped_is_followed_through_two_stacks(crash: Crash) -> None:
    """By the system reset that stopped it, on a stack of its own, to where it idled."""
    (stack,) = [one for one in crash.kernel.stacks() if one.comm == "swapper/1"]
    functions = [frame.function for frame in stack.frames]
    assert stack.complete
    assert {"nmi_stop_this_cpu", "system_reset_exception", "do_idle", "start_secondary"} < set(functions)
    assert {frame.segment for frame in stack.frames} == {"nmi", "process"}


def test_the_verdict(crash: Crash) -> None:
    check_verdict(crash)


def test_memory_of_processes(crash: Crash) -> None:
    """User memory is read by page tables that are walked here."""
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
    assert "mac_hid_toggle_emumouse" in " ".join(one.message for one in sysctl.warnings)


def test_interrupts_are_those_of_proc(crash: Crash) -> None:
    """Two lines have one name."""
    lines = [line.split() for line in (PROC / "interrupts").read_text().splitlines()[1:]]
    report = crash.report("irq")
    counted = [(str(row.irq), row.irq_counts) for row in report.table("interrupts").rows]
    counted += [(row.interrupt_line, row.cpu_counts) for row in report.table("cpu_interrupts").rows]
    assert [name for name, _ in counted] == [line[0].rstrip(":") for line in lines]
    for (name, counts), line in zip(counted, lines, strict=True):
        for cpu in (0, 1):
            assert int(line[1 + cpu]) <= counts[cpu] <= int(line[1 + cpu]) + MORE, name


def test_softirqs_are_those_of_proc(crash: Crash) -> None:
    check_softirqs(crash, PROC)


def test_cpus_are_those_of_proc(crash: Crash) -> None:
    text = (PROC / "cpuinfo").read_text()
    rows = crash.report("sysinfo").table("cpus").rows
    said = re.findall(r"^revision\t: [\d.]+ \(pvr (\w{4}) (\w{4})\)$", text, re.MULTILINE)
    assert [(f"{row.model:04x}", f"{row.stepping:04x}") for row in rows] == said
    assert {f"{row.model_name}, altivec supported" for row in rows} == set(
        re.findall(r"^cpu\t\t: (.*)$", text, re.MULTILINE)
    )
    assert crash.report("sysinfo").table("system").rows[0].machine == "ppc64le"


def test_times_of_cpus_are_those_of_proc(crash: Crash) -> None:
    check_times_of_cpus(crash, PROC)


def test_modules_are_those_of_proc(crash: Crash) -> None:
    check_modules(crash, PROC)


def test_addresses_and_routes_are_those_of_ip(crash: Crash) -> None:
    check_addresses_and_routes(crash, TRUTH)


def test_meminfo_is_that_of_proc(crash: Crash) -> None:
    check_meminfo(crash, PROC)


def test_the_log_is_that_of_dmesg(crash: Crash) -> None:
    check_log(crash, TRUTH)
