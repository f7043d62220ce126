"""What reports say of a guest of another architecture, held against what that guest said of itself.

Checks of a dump (`tests/live/test_arm64.py`, `test_s390x.py`, `test_ppc64le.py`) and of its recording
(`tests/reports/test_architectures.py`): each takes the crash, and the guest's /proc as it was right before
it died.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from crashdrive.crash import Crash, open_dump

MORE: Final = 1200
"""How often something may have been counted since /proc was read, and until the dump."""
_LINES: Final = 200


@contextmanager
def opened(dump: Path, binary: Path, kind: str, timeout: float = 900) -> Iterator[Crash]:
    """The dump, in a crash that has no tables of its own: none of these reports needs them.

    Skipped where ``scripts/lab`` hasn't made it; ``kind``: the set of dumps that it is of.
    """
    for path in (dump / "vmcore", binary):
        if not path.exists():
            pytest.skip(f"{path} is missing: scripts/lab makes it (--set {kind})")
    with open_dump(
        dump / "vmlinux",
        dump / "vmcore",
        crash=[str(binary)],
        purpose="reports",
        btf=True,
        cache=False,
        timeout=timeout,
    ) as crash:
        yield crash
        assert crash.session.minimal


def sockets(proc: Path, name: str) -> set[tuple[str, int]]:
    """Local port and inode (in words, as /proc has them) of each line of /proc/net/NAME."""
    lines = (proc / "net" / name).read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return {(row[9], int(row[1].rpartition(":")[2], 16)) for row in rows if row[9] != "0"}


def check_sockets(crash: Crash, proc: Path, name: str) -> None:
    report = crash.report("netstat", all=True, netns="init")
    assert report.complete
    found = {
        (str(row.inode), row.local_port)
        for row in report.table("sockets").rows
        if row.proto == name and row.inode
    }
    assert found == sockets(proc, name)
    assert found


def stack_of(proc: Path, pid: int, comm: str | None) -> list[str]:
    """A task's stack as the guest said it, without names of copies of functions; empty where it didn't."""
    for path in (proc / str(pid) / "stack", *proc.glob(f"[0-9]*/task/{pid}/stack")):
        if path.exists():
            places = [line.split()[1] for line in path.read_text().splitlines()]
            # The kernel leaves out the scheduler's functions. ppc64's __switch_to() in front of them is none,
            # and in front of it stands what happens to be in _switch()'s own frame: no caller's address.
            apart = [at + 1 for at in (0, 1) if places[at : at + 1] and places[at].startswith("__switch_to+")]
            return [_plain(place) for place in places[apart[0] if apart else 0 :]]
    assert pid == 0 or comm is not None
    return []


def _plain(place: str) -> str:
    name, _, offset = place.partition("+")
    return f"{_function(name)}+{int(offset.partition('/')[0], 16):#x}"


def _function(name: str) -> str:
    """A function without what copies of it are called; s390x has two names for one at the same address."""
    return re.sub(r"^__s390x_sys_", "__se_sys_", re.sub(r"[.](part|isra|llvm)[.].*", "", name))


def shown(frame: Any) -> str:
    return f"{_function(frame.function)}+{frame.offset:#x}"


def check_stacks(crash: Crash, proc: Path) -> None:
    stacks = crash.kernel.stacks()
    compared = 0
    for stack in stacks:
        said = stack_of(proc, stack.pid or 0, stack.comm)
        if not said or stack.running or (stack.off_cpu or 0) < 2:
            continue
        ours = [shown(frame) for frame in stack.frames if frame.function]
        assert ours[-len(said) :] == said, stack.comm
        compared += 1
    assert compared > 80


def check_the_one_that_panicked(crash: Crash, entry: str = "el0t_64_sync") -> None:
    """``entry``: the function by which system calls come in."""
    (stack,) = [one for one in crash.kernel.stacks() if one.running and one.comm == "finish"]
    names = [frame.function for frame in stack.frames]
    assert {"panic", "sysrq_handle_crash", "vfs_write", entry} < set(names)
    assert stack.ending == "user"


def check_verdict(crash: Crash) -> None:
    (verdict,) = crash.report("panic").table("verdict").rows
    assert (verdict.kind, verdict.function, verdict.comm) == ("sysrq", "sysrq_handle_crash", "finish")


def check_memory_of_processes(crash: Crash) -> None:
    """User memory is read by page tables that are walked here."""
    rows = crash.report("ps", arguments=True, comm="finish").table("arguments").rows
    assert [row.argv for row in rows] == [("labguest", "finish", "sysrq")]


def check_interrupts(crash: Crash, proc: Path) -> None:
    """Those between CPUs are lines of their own; the last CPU was stopped by one more of them."""
    text = (proc / "interrupts").read_text()
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


def check_cpus(crash: Crash, proc: Path) -> None:
    report = crash.report("sysinfo")
    said = dict(re.findall(r"^(CPU \w+)\t*: (\w+)$", (proc / "cpuinfo").read_text(), re.MULTILINE))
    assert report.complete
    assert [row.cpu for row in report.table("cpus").rows] == [0, 1]
    for row in report.table("cpus").rows:
        assert (row.vendor_id, row.model) == ("ARM", int(said["CPU part"], 16))
        assert row.model_name == f"{said['CPU part']} r{int(said['CPU variant'], 16)}p{said['CPU revision']}"
    assert {row.name for row in report.table("mitigations").rows} >= {"spectre_v2", "spec_store_bypass"}


def check_arguments(crash: Crash, proc: Path) -> None:
    rows = crash.report("ps", arguments=True).table("arguments").rows
    compared = 0
    for row in rows:
        said = proc / str(row.pid) / "cmdline"
        if said.exists() and row.argv:
            assert [word.encode() for word in row.argv] == said.read_bytes().split(b"\0")[:-1], row.pid
            compared += 1
    assert compared > 30


def check_softirqs(crash: Crash, proc: Path) -> None:
    lines = (proc / "softirqs").read_text().splitlines()[1:]
    said = {line.split()[0].rstrip(":"): [int(word) for word in line.split()[1:]] for line in lines}
    rows = crash.report("irq").table("softirqs").rows
    assert [row.softirq for row in rows] == list(said)
    for row in rows:
        for cpu, then in enumerate(said[row.softirq]):
            assert then <= row.counts[cpu] <= then + MORE


def check_times_of_cpus(crash: Crash, proc: Path) -> None:
    rows = crash.report("cpu").table("times").rows
    for row in rows:
        line = next(
            text for text in (proc / "stat").read_text().splitlines() if text.startswith(f"cpu{row.cpu} ")
        )
        user, nice, system, idle = (int(word) / 100 for word in line.split()[1:5])
        assert user <= row.user_seconds + 0.02 <= user + 3
        assert nice <= row.nice_seconds + 0.02 <= nice + 3
        assert system <= row.system_seconds + 0.02 <= system + 6
        assert idle <= row.idle_seconds + 0.02 <= idle + 3


def check_modules(crash: Crash, proc: Path) -> None:
    lines = [line.split() for line in (proc / "modules").read_text().splitlines()]
    rows = {row.name: row for row in crash.report("modules").table("modules").rows}
    assert rows.keys() == {line[0] for line in lines}
    for name, _, _, _, _, address, *_ in lines:
        assert rows[name].base == int(address, 16)


def check_addresses_and_routes(crash: Crash, truth: Path) -> None:
    links = json.loads((truth / "cmd/ip-addr-json").read_text())
    said = {(one["ifname"], f"{a['local']}/{a['prefixlen']}") for one in links for a in one["addr_info"]}
    report = crash.report("interfaces", all=True, netns="init")
    assert {(row.device, row.address) for row in report.table("addresses").rows} == said
    routes = json.loads((truth / "cmd/ip-route-all-json").read_text())
    wanted = {one["dst"] for one in routes if re.fullmatch(r"[\d.]+\.\d+/\d+", one["dst"])}
    rows = crash.report("routing", all=True, four=True, netns="init").table("routes").rows
    assert wanted
    assert wanted <= {f"{row.destination}/{row.prefix_length}" for row in rows}


def check_meminfo(crash: Crash, proc: Path) -> None:
    said = {
        name: int(number) << 10
        for name, number in re.findall(r"^(\w+): +(\d+) kB$", (proc / "meminfo").read_text(), re.MULTILINE)
    }
    found = {row.item: row.amount_bytes for row in crash.report("memory").table("amounts").rows}
    near = 24 << 20
    for name in ("MemTotal", "MemFree", "Cached", "Slab", "AnonPages", "PageTables", "VmallocUsed", "Percpu"):
        assert abs(found[name] - said[name]) < near, name
    assert found["MemTotal"] == said["MemTotal"]


def check_log(crash: Crash, truth: Path) -> None:
    said = (truth / "cmd/dmesg").read_bytes().decode(errors="backslashreplace").splitlines()
    found = [row.text for row in crash.report("dmesg").table("log").rows]
    # up to what the guest wrote itself, which its dmesg breaks into other lines
    first = [line.split("] ", 1)[1].rstrip() for line in said if "] " in line][:_LINES]
    assert len(first) == _LINES
    assert [text.splitlines()[0].rstrip() for text in found[:_LINES]] == first
