"""Reports on a dump of arm64, read on this host: against what the guest said of itself.

`scripts/lab standard --set arm64` and `scripts/lab crash 8.0.2-arm64` make what they need; skipped without.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crashdrive.crash import Crash, open_dump
from tests.live.conftest import LAB
from tests.reports.foreign_truth import (
    check_cpus,
    check_interrupts,
    check_memory_of_processes,
    check_sockets,
    check_stacks,
    check_the_one_that_panicked,
    check_verdict,
    opened,
)

pytestmark = pytest.mark.live
DUMP = LAB / "dumps" / "6.1-arm64-elf-sysrq"
BINARY = LAB / "crash-arm64/8.0.2/crash"
PROC = DUMP / "truth/proc"


@pytest.fixture(scope="module")
def crash() -> Iterator[Crash]:
    with opened(DUMP, BINARY, "arm64", 600) as crash:
        yield crash


@pytest.mark.parametrize("name", ["tcp", "tcp6", "udp", "udp6"])
def test_sockets_are_those_of_proc(crash: Crash, name: str) -> None:
    check_sockets(crash, PROC, name)


def test_connections_that_are_tracked_are_found(crash: Crash) -> None:
    """The table is in a variable of a module, which this kernel has no name of."""
    report = crash.report("conntrack")
    said = (PROC / "net/nf_conntrack").read_text().splitlines()
    assert report.complete
    assert len(report.table("entries").rows) >= len(said) > 50


def test_stacks_are_those_of_proc(crash: Crash) -> None:
    assert crash.kernel.stacks().complete
    check_stacks(crash, PROC)


def test_the_one_that_panicked_is_followed_from_where_it_stood_to_user_space(crash: Crash) -> None:
    check_the_one_that_panicked(crash)


def test_the_verdict(crash: Crash) -> None:
    check_verdict(crash)


def test_memory_of_processes(crash: Crash) -> None:
    """User memory is read by page tables that are walked here."""
    check_memory_of_processes(crash)


@pytest.mark.parametrize(
    "name", ["routing", "netfilter", "memory", "files", "modules", "hang", "timers", "irq"]
)
def test_nothing_is_left_out(crash: Crash, name: str) -> None:
    assert crash.run_report(name).complete


def test_interrupts_are_those_of_proc(crash: Crash) -> None:
    check_interrupts(crash, PROC)


def test_cpus_are_those_of_proc(crash: Crash) -> None:
    check_cpus(crash, PROC)


def test_what_arm64_computes_is_said(crash: Crash) -> None:
    report = crash.report("sysctl")
    assert not report.complete
    assert "armv8pmu" in report.warnings[0].message


def test_a_vmlinux_of_another_architecture_is_refused() -> None:
    """Before anything is started."""
    from crashdrive.errors import VmlinuxError

    other = LAB / "dumps/6.1-elf-sysrq/vmlinux"
    if not other.exists() or not DUMP.exists():
        pytest.skip("no dumps of both architectures")
    with pytest.raises(VmlinuxError, match=r"is of x86_64, the dump .* is of aarch64"):
        open_dump(other, DUMP / "vmcore", crash=[str(BINARY)])


def test_paths_are_as_the_lab_makes_them() -> None:
    assert Path(BINARY).name == "crash"
