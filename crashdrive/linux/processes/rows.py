"""Tasks with the contents of /proc/PID/{stat,status,io,schedstat}, in a few round trips."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from crashdrive.linux.cgroups.members import memberships
from crashdrive.linux.processes.descriptors import open_counts
from crashdrive.linux.processes.fields import EVERY, NEEDED
from crashdrive.linux.processes.memory import Memory
from crashdrive.linux.processes.states import Since
from crashdrive.linux.processes.times import used
from crashdrive.linux.sched.pid_numbers import inner_pids
from crashdrive.linux.sched.queued import POLICIES
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.sched.tasks import read_tasks
from crashdrive.linux.survey import Fields, Reading, Survey, row_dicts
from crashdrive.records import Address, Bits, Long, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.sched.tasks import Task

_TASK = "struct task_struct"
_LAYOUTS = (
    _TASK, "struct signal_struct", "struct cred", "struct mm_struct", "struct nsproxy", "struct pid",
    "struct mnt_namespace", "struct uts_namespace", "struct ipc_namespace", "struct net",
    "struct cgroup_namespace", "struct time_namespace", "struct user_namespace", "struct tty_struct",
    "struct css_set", "struct cgroup", "struct cgroup_root",
)  # fmt: skip
Member: TypeAlias = "tuple[Task, Mapping[str, Any]]"
_SECCOMP = {0: "disabled", 1: "strict", 2: "filter"}
_NICE_0 = 120


class TaskRow(Record, frozen=True):
    """A process, or one of its threads, as in /proc/PID/stat, status, io and schedstat.

    Times, faults and I/O of a process are those of all its threads, ended ones included; of a thread, its
    own. ``state_seconds``: how long it has been in its state: since it got its CPU, was queued for one, or
    left it. ``start_time``: seconds after boot. ``priority``: the kernel's, 0 to 139; ``nice``: -20 to 19.
    ``user_seconds`` and ``system_seconds`` are scaled to ``runtime_seconds`` as /proc does it;
    ``children_*``: of children that were waited for. ``waited_seconds``: how long it waited for CPUs.
    ``runs``: how often it got one. ``exit_status``: of an ended one. ``open_files``: open descriptors,
    ``open_files_limit``: their limit. ``inner_pids``: its pid in each pid namespace below the first one.
    ``cgroup``: in the hierarchy of version 2, ``old_cgroups``: in those of version 1 (``freezer:/half``).
    ``namespaces``: those that aren't the first process's (``net:[4026531840]``). ``vsz``, ``rss`` and their
    parts and peaks (the highest ever), ``page_tables``, ``rchar`` and ``wchar`` are in bytes; ``syscr`` and
    ``syscw`` count calls, ``*_faults`` faults. ``oom_score``: as in /proc, the highest is killed first.
    ``wait_channel``: the function in which it waits; None where that wasn't asked for.
    """

    pid: int | None
    tgid: int | None
    ppid: int | None
    pgid: int | None
    sid: int | None
    comm: str | None
    state: str | None
    state_letter: str | None
    state_seconds: float | None
    cpu: int | None
    running: bool
    wait_channel: str | None
    uid: int | None
    euid: int | None
    suid: int | None
    fsuid: int | None
    gid: int | None
    egid: int | None
    sgid: int | None
    fsgid: int | None
    capabilities: Bits | None
    no_new_privs: bool | None
    seccomp: str | None
    seccomp_filters: int | None
    tty: str | None
    tracer_pid: int | None
    threads: int | None
    policy: str | None
    priority: int | None
    nice: int | None
    realtime_priority: int | None
    allowed_cpus: str | None
    start_time: float | None
    user_seconds: float | None
    system_seconds: float | None
    children_user_seconds: float | None
    children_system_seconds: float | None
    runtime_seconds: float | None
    waited_seconds: float | None
    runs: int | None
    voluntary_switches: int | None
    involuntary_switches: int | None
    minor_faults: int | None
    major_faults: int | None
    children_minor_faults: int | None
    children_major_faults: int | None
    vsz: int | None
    peak_vsz: int | None
    rss: int | None
    peak_rss: int | None
    rss_anonymous: int | None
    rss_file: int | None
    rss_shmem: int | None
    swap_bytes: int | None
    locked_bytes: int | None
    page_tables: int | None
    oom_score: int | None
    oom_score_adj: int | None
    rchar: Long | None
    wchar: Long | None
    syscr: int | None
    syscw: int | None
    read_bytes: Long | None
    write_bytes: Long | None
    cancelled_write_bytes: Long | None
    inner_pids: tuple[int, ...]
    cgroup: str | None
    old_cgroups: tuple[str, ...]
    namespaces: tuple[str, ...]
    open_files: int | None
    open_files_limit: int | None
    exit_status: int | None
    exit_signal: int | None
    task_flags: Bits | None
    kernel_thread: bool | None
    stack_pointer: Address | None
    mm: Address | None
    task: Address


def read(kernel: Machine, *, threads: bool = False, idle: bool = False) -> Reading[TaskRow]:
    """All processes, or with ``threads`` all threads, with the swapper tasks first where ``idle``."""
    survey = Survey(kernel)
    return survey.reading(task_rows(survey, threads=threads, idle=idle))


def task_rows(survey: Survey, *, threads: bool = False, idle: bool = False) -> list[TaskRow]:
    """The rows, gaps noted in a survey."""
    table = TaskTable(survey, idle=idle)
    return table.threads() if threads else table.processes()


_OF_TASK = (
    "pid", "tgid", "ppid", "comm", "state", "state_letter", "cpu", "uid", "start_time", "vsz",
    "kernel_thread", "mm", "task",
)  # fmt: skip
_OF_MEMBERS = (
    "pgid", "sid", "threads", "priority", "realtime_priority", "seccomp_filters", "runs",
    "voluntary_switches", "involuntary_switches", "children_minor_faults", "children_major_faults",
    "oom_score_adj", "open_files_limit", "exit_signal", "task_flags", "stack_pointer",
)  # fmt: skip
_OF_CRED = ("euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid")
_OF_OWN = (*_OF_MEMBERS, *_OF_CRED)
_of_task = attrgetter(*_OF_TASK)
_of_own = itemgetter(*_OF_MEMBERS, *(f"cred_{name}" for name in _OF_CRED))


class TaskTable:
    """All tasks of a kernel, read once: rows of threads, or of processes."""

    def __init__(self, survey: Survey, *, idle: bool = False) -> None:
        kernel = survey.kernel
        kernel.layouts.prefetch(_LAYOUTS)
        found = for_each_task(kernel, threads=True, idle=idle)
        survey.walked(found, "tasks")
        fields = Fields(kernel, _TASK, EVERY, NEEDED)
        self._tasks, columns = read_tasks(kernel, found.addresses, fields.paths)
        self._members = members = row_dicts(fields.named(survey.gaps(columns, "tasks")))
        self._cpus = max(kernel.possible_cpus) + 1
        self._since = Since(survey)
        self._groups = memberships(survey, [row["css_set"] for row in members])
        self._inner = inner_pids(survey, [(row["pid_struct"], row["pid_level"]) for row in members])
        self._memory = Memory(survey, [task.mm for task in self._tasks])
        self._open = open_counts(survey, [row["files"] for row in members])
        pairs = zip(self._tasks, members, strict=True)
        self._first = next((self._spaces(row) for task, row in pairs if task.pid == 1), {})

    def threads(self) -> list[TaskRow]:
        """A row for each thread, with its own counters."""
        groups = self._groups_of_threads()
        return [
            self._row(task, own, groups.get(own["signal"], ()), whole=False)
            for task, own in zip(self._tasks, self._members, strict=True)
        ]

    def processes(self) -> list[TaskRow]:
        """A row for each process, with the counters of all its threads."""
        groups = self._groups_of_threads()
        return [
            self._row(task, own, groups.get(own["signal"], ()), whole=True)
            for task, own in zip(self._tasks, self._members, strict=True)
            if task.pid is None or task.pid == task.tgid
        ]

    def _groups_of_threads(self) -> dict[int, list[Member]]:
        """The threads of each process by its signal_struct, which all of them share."""
        groups: dict[int, list[Member]] = {}
        for task, row in zip(self._tasks, self._members, strict=True):
            if row["signal"]:
                groups.setdefault(row["signal"], []).append((task, row))
        return groups

    def _row(self, task: Task, own: Mapping[str, Any], threads: Sequence[Member], *, whole: bool) -> TaskRow:
        spaces = self._spaces(own)
        policy, nice = own["policy"], own["static_prio"]
        flags = own["atomic_flags"]
        return TaskRow(
            **dict(zip(_OF_TASK, _of_task(task), strict=True)),
            **dict(zip(_OF_OWN, _of_own(own), strict=True)),
            **self._memory.of(task, own, threads),
            **used(own, [row for _, row in threads] if whole and threads else ()),
            state_seconds=self._since.seconds(task, own),
            running=task.task in self._since.running,
            wait_channel=None,
            capabilities=_capabilities(own),
            no_new_privs=None if flags is None else bool(flags & 1),
            seccomp=_SECCOMP.get(own["seccomp_mode"]),
            tty=own["tty"],
            tracer_pid=own["tracer_pid"] if own["tracer"] else None,
            policy=None if policy is None else POLICIES.get(policy & 0xFF, str(policy)),
            nice=None if nice is None else nice - _NICE_0,
            allowed_cpus=_ranges(own["cpu_mask"], self._cpus),
            inner_pids=self._inner.pids.get(own["pid_struct"], ()),
            cgroup=self._groups.path(own["css_set"]),
            old_cgroups=self._groups.old(own["css_set"]),
            namespaces=tuple(
                f"{kind}:[{inum}]"
                for kind, inum in spaces.items()
                if inum is not None and inum != self._first.get(kind, inum)
            ),
            open_files=self._open.get(own["files"]),
            exit_status=_exit_status(task, own),
        )

    def _spaces(self, own: Mapping[str, Any]) -> dict[str, int | None]:
        """Numbers of its namespaces by their kinds."""
        found = {kind: own[f"{kind}_namespace"] for kind in _KINDS}
        return {**found, "user": own["user_namespace"], "pid": self._inner.spaces.get(own["pid_struct"])}


_KINDS = ("mnt", "uts", "ipc", "net", "cgroup", "time")


def _capabilities(own: Mapping[str, Any]) -> int | None:
    low, high = own["capability_low"], own["capability_high"]
    return None if low is None else low | (high or 0) << 32


def _exit_status(task: Task, own: Mapping[str, Any]) -> int | None:
    """The status for wait(), as in /proc/PID/stat; None for a living task."""
    if task.state_letter not in {"Z", "X"}:
        return None
    code: int | None = own["exit_code"]
    return code


@lru_cache(maxsize=256)
def _ranges(words: tuple[int, ...] | int | None, most: int) -> str | None:
    """A mask as the kernel lists it: ``0-3,8``."""
    if words is None:
        return None
    values = (words,) if isinstance(words, int) else words
    bits = [at for at in range(most) if at // 64 < len(values) and values[at // 64] >> at % 64 & 1]
    runs: list[list[int]] = []
    for bit in bits:
        if runs and bit == runs[-1][1] + 1:
            runs[-1][1] = bit
        else:
            runs.append([bit, bit])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
