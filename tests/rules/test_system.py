"""Rules over the machine: each fires on what it is for, and is silent on what is near it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from crashdrive.linux.block.dm import MappedDevice
from crashdrive.linux.block.errors import DiskError
from crashdrive.linux.block.requests import Request
from crashdrive.linux.cgroups.groups import CgroupRow
from crashdrive.linux.fs.counts import FileCounts
from crashdrive.linux.fs.frozen import Filesystem
from crashdrive.linux.fs.super_blocks import SuperBlock
from crashdrive.linux.ipc.spaces import IpcLimits
from crashdrive.linux.ipc.waiters import IpcWaiter
from crashdrive.linux.modules.details import ModuleRow
from crashdrive.linux.namespaces.rows import NamespaceRow
from crashdrive.linux.oops import Verdict
from crashdrive.linux.oops.rows import LoadedInTrace, Register, Reported
from crashdrive.linux.processes.rows import TaskRow
from crashdrive.linux.processes.totals import TaskTotals
from crashdrive.linux.sched.bandwidth import LimitedGroup
from crashdrive.linux.sched.cpu_states import CpuState
from crashdrive.linux.sched.cpu_times import CpuTimes
from crashdrive.linux.sched.queued import QueuedTask
from crashdrive.linux.system.system import System
from crashdrive.linux.system.taint import Taint, taints
from crashdrive.rules import Facts, judge, rule_for


def event(title: str, *, cause: bool = False) -> Reported:
    return Reported(
        timestamp=1.5, kind="warning", title=title, function=None, module=None, cpu=0, pid=1, comm="init",
        cause=cause,
    )  # fmt: skip


def asked(*, age: float | None) -> Request:
    return Request(
        device="sda", state="in flight", operation="READ", flags=(), sector=8, size=4096, age=age,
        driver_age=None, timeout_left=None, queue=0, request_tag=1,
        pid=None, comm=None, filesystem=None, inode=None,
        path=None, end_io=None, counted_for=("sda",), address=0x1000,
    )  # fmt: skip


def ext4(state: str | None) -> SuperBlock:
    return SuperBlock(
        type="ext4", name="sda1", major=8, minor=1, mount_point="/", mounts=1, super_options="rw",
        frozen="unfrozen", state=state, dirty_bytes=0, writeback_bytes=0, super_block=0x1000,
    )  # fmt: skip


def loaded(*, listed: bool, state: str = "Live") -> ModuleRow:
    return ModuleRow(
        name="module", size=0, references=0, used_by=(), state=state, taint="", permanent=False, version=None,
        srcversion=None, load_arguments=None, listed=listed, base=0x1000, parameters=None, parameter_count=0,
        address=0x1000,
    )  # fmt: skip


def mapped(*, suspended: bool) -> MappedDevice:
    return MappedDevice(
        name="dm-0", mapped_name="root", uuid=None, suspended=suspended, openers=1, targets=1,
        target_types=("linear",), devices=("sda",), deferred=0, address=0x1000,
    )  # fmt: skip


def flag(letter: str) -> list[Taint]:
    return [one for one in taints((1 << 20) - 1) if one.letter == letter]


def cpu(**fields: Any) -> CpuState:
    """A CPU that runs one task, which isn't long."""
    usual: dict[str, Any] = {
        "cpu": 0, "rq_online": True, "task": 1 << 63, "pid": 7, "comm": "busy", "sched_class": "fair",
        "running_seconds": 0.1, "runnable": 1, "fair_tasks": 1, "realtime_tasks": 0,
        "deadline_tasks": 0, "iowait": 0, "switches": 9,
        "lag_seconds": 0.0, "tick_seconds": 0.0, "tick_stopped": False, "softirqs": (), "rt_throttled": None,
        "load_weight": 1024, "rq": 1 << 63,
    }  # fmt: skip
    return CpuState(**usual | fields)


def queued(**fields: Any) -> QueuedTask:
    usual: dict[str, Any] = {
        "cpu": 0, "running": False, "task": 1 << 63, "pid": 12, "comm": "ksoftirqd/0", "sched_class": "fair",
        "policy": "OTHER", "priority": 120, "waiting_seconds": 0.01, "runtime_seconds": 1.0, "vruntime": 1,
        "virtual_deadline": None, "deadline_seconds": None, "delayed": None,
    }  # fmt: skip
    return QueuedTask(**usual | fields)


def times(**fields: Any) -> CpuTimes:
    return CpuTimes(**dict.fromkeys(CpuTimes.__struct_fields__, 1.0) | {"cpu": 0} | fields)


def limit(**fields: Any) -> LimitedGroup:
    usual: dict[str, Any] = {
        "cgroup": "/limited", "quota_seconds": 0.01, "period_seconds": 0.1, "periods": 100,
        "throttled_periods": 3, "throttled_seconds": 0.2, "throttled_cpus": (), "task_group": 1 << 63,
    }  # fmt: skip
    return LimitedGroup(**usual | fields)


def task(**fields: Any) -> TaskRow:
    usual: dict[str, Any] = dict.fromkeys(TaskRow.__struct_fields__) | {
        "pid": 7, "tgid": 7, "ppid": 1, "comm": "worker", "running": False, "task": 1 << 63, "inner_pids": (),
        "old_cgroups": (), "namespaces": (), "open_files": 3, "open_files_limit": 1024, "state_letter": "S",
    }  # fmt: skip
    return TaskRow(**usual | fields)


def dead(count: int, ppid: int = 1) -> list[TaskRow]:
    return [task(pid=number, tgid=number, ppid=ppid, state_letter="Z") for number in range(10, 10 + count)]


def opened(count: int) -> FileCounts:
    return FileCounts(
        dentries=1, unused_dentries=0, negative_dentries=0, inodes=1, unused_inodes=0, open_files=count,
        most_files=1000,
    )  # fmt: skip


def space(**fields: Any) -> NamespaceRow:
    usual: dict[str, Any] = {
        "kind": "net", "inum": 1, "initial": False, "parent_inum": None, "owner_inum": None,
        "owner_uid": None, "processes": 0, "first_pid": None, "comm": None, "keepers": (), "details": None,
        "address": None,
    }  # fmt: skip
    return NamespaceRow(**usual | fields)


def group(**fields: Any) -> CgroupRow:
    usual: dict[str, Any] = dict.fromkeys(CgroupRow.__struct_fields__) | {
        "hierarchy": "unified", "path": "/a", "level": 1, "processes": 1, "threads": 1, "dying": False,
        "controllers": (), "frozen": "thawed", "cgroup_address": 1 << 63,
    }  # fmt: skip
    return CgroupRow(**usual | fields)


def used_ipc(**fields: Any) -> IpcLimits:
    usual: dict[str, Any] = dict.fromkeys(IpcLimits.__struct_fields__) | {"ipc_namespace": 1}
    return IpcLimits(**usual | fields)


def waiter(what: str) -> IpcWaiter:
    return IpcWaiter(
        ipc_namespace=1, ipc_type="msg", ipc_id=0, name=None, pid=7, comm="sender", waits_for_what=what,
        state_seconds=1.5, task=1 << 63,
    )  # fmt: skip


def busy(load: float | None, cpus: int | None = 2) -> System:
    usual: dict[str, Any] = dict.fromkeys(System.__struct_fields__) | {"tainted": ""}
    return System(**usual | {"load_1": load, "load_5": 3.5, "load_15": 1.25, "cpus": cpus})


def held(**fields: Any) -> Filesystem:
    usual: dict[str, Any] = {
        "super_block": 1 << 63, "device": "sda1", "type": "ext4", "mount_point": "/srv", "frozen": "complete",
    }  # fmt: skip
    return Filesystem(**usual | fields)


CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("high-load", "sysinfo.system", [busy(8.25)], [busy(8.0), busy(None), busy(8.25, cpus=None)]),
    ("frozen-filesystem", "hang.frozen", [held(), held(mount_point=None)], []),
    (
        "out-of-tree-module", "panic.modules",
        [LoadedInTrace(module="nvidia", flags="POE", in_trace=True)],
        [
            LoadedInTrace(module="nvidia", flags="POE", in_trace=False),
            LoadedInTrace(module="xfs", flags="", in_trace=True),
        ],
    ),
    ("log-corrupted", "panic.verdict", [Verdict(title="x", corrupted=True)], [Verdict(title="x")]),
    ("sysrq-crash", "panic.verdict", [Verdict(kind="sysrq")], [Verdict(kind="null")]),
    (
        "earlier-reports", "panic.events",
        [event("WARNING in a"), event("BUG in b", cause=True)],
        [event("BUG in b", cause=True), event("panic")],
    ),
    (
        "poison-in-registers", "panic.registers",
        [Register(register="RAX", value=0x6B6B6B6B6B6B6B73, symbol=None)],
        [Register(register="RAX", value=0x6B6B, symbol=None), Register(register="RDI", value=1, symbol=None)],
    ),
    (
        "disk-errors", "block.errors",
        [DiskError(device="sda", kind="I/O error", count=2, first_seen=1.0, last_seen=2.0, text="x")], [],
    ),
    ("old-request", "block.requests", [asked(age=5.0)], [asked(age=4.9), asked(age=None)]),
    ("filesystem-shut-down", "files.filesystems", [ext4("shut down")], [ext4("aborted"), ext4(None)]),
    ("filesystem-read-only", "files.filesystems", [ext4("aborted")], [ext4("errors"), ext4("ok")]),
    (
        "hidden-module", "modules.modules",
        [loaded(listed=False)], [loaded(listed=True), loaded(listed=False, state="Unformed")],
    ),
    ("suspended-device", "block.mapped", [mapped(suspended=True)], [mapped(suspended=False)]),
    ("machine-check", "sysinfo.taints", flag("M"), flag("O")),
    ("bad-page", "sysinfo.taints", flag("B"), flag("E")),
    ("soft-lockup-before", "sysinfo.taints", flag("L"), flag("W")),
    ("forced-module", "sysinfo.taints", flag("F"), flag("P")),
    ("live-patched", "sysinfo.taints", flag("K"), flag("X")),
    ("run-queue-long", "cpu.cpus", [cpu(runnable=8)], [cpu(runnable=7)]),
    (
        "realtime-hog", "cpu.cpus", [cpu(sched_class="rt", running_seconds=1.0)],
        [cpu(sched_class="rt"), cpu(running_seconds=99.0), cpu(sched_class="idle", running_seconds=99.0)],
    ),
    (
        "realtime-hog", "cpu.cpus", [cpu(sched_class="stop", running_seconds=1.0)],
        [cpu(sched_class="stop", running_seconds=0.9)],
    ),
    ("realtime-throttled", "cpu.cpus", [cpu(rt_throttled=True)], [cpu(rt_throttled=False), cpu()]),
    (
        "cpu-without-tick", "cpu.cpus", [cpu(tick_seconds=3.5)],
        [cpu(tick_seconds=9.0, tick_stopped=True), cpu(tick_seconds=None), cpu(tick_seconds=1.0)],
    ),
    (
        "task-starved", "cpu.queued", [queued(waiting_seconds=3.0)],
        [queued(), queued(waiting_seconds=9.0, delayed=True), queued(waiting_seconds=None, running=True)],
    ),
    ("steal-time", "cpu.times", [times(steal_percent=10.0)], [times(steal_percent=9.9)]),
    ("zombies", "ps.tasks", dead(20), [*dead(19), *dead(19, ppid=2)]),
    (
        "open-files-limit", "ps.tasks", [task(open_files=922)],
        [task(open_files=921), task(open_files=None), task(open_files=5, open_files_limit=None)],
    ),
    ("fd-exhaustion", "files.counts", [opened(900)], [opened(899)]),
    (
        "namespace-leak", "namespaces.namespaces", [space()] * 100,
        [*[space()] * 99, space(kind="mnt"), *[space(processes=1)] * 100, *[space(kind="user")] * 100],
    ),
    (
        "cgroup-pids-full", "cgroups.cgroups", [group(pids_current=95, pids_max=100)],
        [group(pids_current=94, pids_max=100), group(pids_current=9), group(pids_max=9)],
    ),
    (
        "cgroup-memory-full", "cgroups.cgroups", [group(memory_bytes=98, memory_max=100, file_bytes=49)],
        [
            group(memory_bytes=97, memory_max=100), group(memory_bytes=98),
            group(memory_bytes=98, memory_max=100, file_bytes=50),
        ],
    ),
    (
        "cgroup-frozen", "cgroups.cgroups", [group(frozen="frozen"), group(frozen="freezing")],
        [group(), group(frozen="frozen", threads=0), group(frozen=None)],
    ),
    (
        "cgroup-dying", "cgroups.cgroups", [group(level=0, dying_below=1000)],
        [group(level=0, dying_below=999), group(dying_below=1000)],
    ),
    (
        "ipc-limit", "ipc.limits", [used_ipc(segments=95, segments_max=100)],
        [used_ipc(segments=94, segments_max=100), used_ipc(queues=9), used_ipc(sets=0, sets_max=0)],
    ),
    (
        "message-queue-full", "ipc.waiters", [waiter("room for 40 bytes")],
        [waiter("a message"), waiter("semaphore 1: -1")],
    ),
    (
        "group-throttled", "cpu.limits", [limit(throttled_cpus=(1,))],
        [limit(), limit(periods=0, throttled_periods=0)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "rows", "near"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_fires_and_is_silent(name: str, source: str, rows: list[Any], near: list[Any]) -> None:
    for given, expected in ((rows, [name]), (near, []), ([], [])):
        found = judge(Facts(given={source: given}), [rule_for(name)])
        assert [finding.kind for finding in found.findings] == expected
        assert found.complete


def test_pids_are_used_up_by_whose_children() -> None:
    def totals(percent: float) -> TaskTotals:
        return TaskTotals(
            processes=720, threads=730, kernel_threads=60, zombies=0, pid_max=800, threads_max=3000,
            used_percent=percent,
        )  # fmt: skip

    tasks = [task(pid=5, comm="forker"), *(task(pid=number, ppid=5) for number in range(10, 20))]
    for percent, expected in ((90.0, ["pid-exhaustion"]), (89.9, [])):
        given: dict[str, Sequence[Any]] = {"ps.totals": [totals(percent)], "ps.tasks": tasks}
        found = judge(Facts(given=given), [rule_for("pid-exhaustion")]).findings
        assert [finding.kind for finding in found] == expected
        assert not found or found[0].evidence == (
            "730 threads; pid_max 800, threads-max 3000",
            "forker (5) has 10 children",
            "(unknown) (1) has 1 children",
        )


def test_softirqs_wait_for_ksoftirqd() -> None:
    behind, late = cpu(softirqs=("TIMER",)), queued(waiting_seconds=1.5)
    for cpus, tasks, expected in (
        ([behind], [late], ["softirq-backlog"]),
        ([behind], [queued()], []),
        ([cpu()], [late], []),
        ([behind], [queued(waiting_seconds=1.5, comm="ksoftirqd/1", cpu=1)], []),
    ):
        given: dict[str, Sequence[Any]] = {"cpu.cpus": cpus, "cpu.queued": tasks}
        found = judge(Facts(given=given), [rule_for("softirq-backlog")]).findings
        assert [finding.kind for finding in found] == expected


def test_evidence_of_poison_says_what_it_is() -> None:
    rows = [Register(register="RBX", value=0xDEAD000000000100, symbol=None)]
    (finding,) = judge(Facts(given={"panic.registers": rows}), [rule_for("poison-in-registers")]).findings
    assert finding.evidence == ("RBX dead000000000100: an entry that was taken off a list (LIST_POISON1)",)


@pytest.mark.parametrize(
    ("name", "source", "rows", "message", "evidence"),
    [
        ("high-load", "sysinfo.system", [busy(8.25)],
         "the load average is several times the number of CPUs", ("8.25 of 2 CPUs (3.5, 1.25)",)),
        ("frozen-filesystem", "hang.frozen", [held(), held(mount_point=None, frozen="write")],
         "2 filesystems are frozen",
         ("/srv on sda1 (ext4): complete", "(not mounted) on sda1 (ext4): write")),
    ],
)  # fmt: skip
def test_what_a_finding_says(
    name: str, source: str, rows: list[Any], message: str, evidence: tuple[str, ...]
) -> None:
    (finding,) = judge(Facts(given={source: rows}), [rule_for(name)]).findings
    assert (finding.message, finding.evidence) == (message, evidence)
