"""Reports on a dump of arm64, read on this host: against what the guest said of itself.

`scripts/lab standard --set arm64` and `scripts/lab crash 8.0.2-arm64` make what they need; skipped without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crashdrive.crash import Crash, open_dump
from tests.live.conftest import LAB

pytestmark = pytest.mark.live
DUMP = LAB / "dumps" / "6.1-arm64-elf-sysrq"
BINARY = LAB / "crash-arm64/8.0.2/crash"
PROC = DUMP / "truth/proc"


@pytest.fixture(scope="module")
def crash() -> Iterator[Crash]:
    """The dump, in a crash that has no tables of its own: none of these reports needs them."""
    for path in (DUMP / "vmcore", BINARY):
        if not path.exists():
            pytest.skip(f"{path} is missing: scripts/lab makes it (--set arm64)")
    with open_dump(
        DUMP / "vmlinux",
        DUMP / "vmcore",
        crash=[str(BINARY)],
        purpose="reports",
        btf=True,
        cache=False,
        timeout=600,
    ) as crash:
        yield crash
        assert crash.session.minimal


def sockets(name: str) -> set[tuple[str, int]]:
    """Local port and inode (in words, as /proc has them) of each line of /proc/net/NAME."""
    lines = (PROC / "net" / name).read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return {(row[9], int(row[1].rpartition(":")[2], 16)) for row in rows if row[9] != "0"}


@pytest.mark.parametrize("name", ["tcp", "tcp6", "udp", "udp6"])
def test_sockets_are_those_of_proc(crash: Crash, name: str) -> None:
    report = crash.report("netstat", all=True, netns="init")
    assert report.complete
    found = {
        (str(row.inode), row.local_port)
        for row in report.table("sockets").rows
        if row.proto == name and row.inode
    }
    assert found == sockets(name)
    assert found


def test_connections_that_are_tracked_are_found(crash: Crash) -> None:
    """The table is in a variable of a module, which this kernel has no name of."""
    report = crash.report("conntrack")
    said = (PROC / "net/nf_conntrack").read_text().splitlines()
    assert report.complete
    assert len(report.table("entries").rows) >= len(said) > 50


def stack_of(pid: int, comm: str | None) -> list[str]:
    """A task's stack as the guest said it, without names of copies of functions; empty where it didn't."""
    for path in (PROC / str(pid) / "stack", *PROC.glob(f"[0-9]*/task/{pid}/stack")):
        if path.exists():
            return [_plain(line.split()[1]) for line in path.read_text().splitlines()]
    assert pid == 0 or comm is not None
    return []


def _plain(place: str) -> str:
    name, _, offset = place.partition("+")
    return f"{re.sub(r'[.](part|isra|llvm)[.].*', '', name)}+{int(offset.partition('/')[0], 16):#x}"


def shown(frame: Any) -> str:
    return f"{frame.function}+{frame.offset:#x}"


def test_stacks_are_those_of_proc(crash: Crash) -> None:
    stacks = crash.kernel.stacks()
    assert stacks.complete
    compared = 0
    for stack in stacks:
        said = stack_of(stack.pid or 0, stack.comm)
        if not said or stack.running or (stack.off_cpu or 0) < 2:
            continue
        ours = [shown(frame) for frame in stack.frames if frame.function]
        assert ours[-len(said) :] == said, stack.comm
        compared += 1
    assert compared > 80


def test_the_one_that_panicked_is_followed_from_where_it_stood_to_user_space(crash: Crash) -> None:
    (stack,) = [one for one in crash.kernel.stacks() if one.running and one.comm == "finish"]
    names = [frame.function for frame in stack.frames]
    assert {"panic", "sysrq_handle_crash", "vfs_write", "el0t_64_sync"} < set(names)
    assert stack.ending == "user"


def test_the_verdict(crash: Crash) -> None:
    (verdict,) = crash.report("panic").table("verdict").rows
    assert (verdict.kind, verdict.function, verdict.comm) == ("sysrq", "sysrq_handle_crash", "finish")


def test_memory_of_processes(crash: Crash) -> None:
    """User memory is read by page tables that are walked here."""
    rows = crash.report("ps", arguments=True, comm="finish").table("arguments").rows
    assert [row.argv for row in rows] == [("labguest", "finish", "sysrq")]


@pytest.mark.parametrize(
    "name", ["routing", "netfilter", "memory", "files", "modules", "hang", "timers", "irq"]
)
def test_nothing_is_left_out(crash: Crash, name: str) -> None:
    assert crash.run_report(name).complete


def test_interrupts_are_those_of_proc(crash: Crash) -> None:
    """Those between CPUs are lines of their own; the last CPU was stopped by one more of them."""
    text = (PROC / "interrupts").read_text()
    said = {line.split()[0].rstrip(":"): line.split()[1:] for line in text.splitlines()[1:]}
    report = crash.report("irq")
    rows = report.table("interrupts").rows
    assert [str(row.irq) for row in rows] == [name for name in said if name.isdecimal()]
    assert {row.irq_names[0] for row in rows} == {said[str(row.irq)][-1] for row in rows}
    assert {row.irq_state for row in rows} == {""}
    lines = {row.interrupt_line: row for row in report.table("cpu_interrupts").rows}
    assert {name for name in said if name.startswith("IPI")} == lines.keys() - {"ERR"}
    for row in (*rows, *(row for row in lines.values() if row.cpu_counts)):
        name = row.interrupt_line if row in lines.values() else str(row.irq)
        counts = row.cpu_counts if row in lines.values() else row.irq_counts
        for cpu, then in enumerate(map(int, said[name][:2])):
            assert then <= counts[cpu] <= then + 600, name
        if row in lines.values():
            assert row.meaning == " ".join(said[name][2:])


def test_cpus_are_those_of_proc(crash: Crash) -> None:
    report = crash.report("sysinfo")
    said = dict(re.findall(r"^(CPU \w+)\t*: (\w+)$", (PROC / "cpuinfo").read_text(), re.MULTILINE))
    assert report.complete
    assert [row.cpu for row in report.table("cpus").rows] == [0, 1]
    for row in report.table("cpus").rows:
        assert (row.vendor_id, row.model) == ("ARM", int(said["CPU part"], 16))
        assert row.model_name == f"{said['CPU part']} r{int(said['CPU variant'], 16)}p{said['CPU revision']}"
    assert {row.name for row in report.table("mitigations").rows} >= {"spectre_v2", "spec_store_bypass"}


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
