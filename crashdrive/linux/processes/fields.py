"""Members for rows of tasks, of ``struct task_struct`` and of structures that it leads to, by our names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.mm.rss import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Paths = dict[str, tuple[str, ...]]

_NAMESPACES = {"mnt": "mnt_ns", "uts": "uts_ns", "ipc": "ipc_ns", "net": "net_ns", "cgroup": "cgroup_ns",
               "time": "time_ns"}  # fmt: skip

NEEDED = ("signal", "static_prio", "utime", "stime", "exec_start")
"""Members that every known kernel has; one without them keeps its tasks in another way."""

TASK: Paths = {
    "signal": ("signal",),
    "exit_code": ("exit_code",),
    "exit_signal": ("exit_signal",),
    "task_flags": ("flags",),
    "stack_pointer": ("thread.sp",),
    "static_prio": ("static_prio",),
    "priority": ("prio",),
    "realtime_priority": ("rt_priority",),
    "policy": ("policy",),
    # cpus_mask since 5.3 (3bd3706251ee)
    "cpu_mask": ("cpus_mask.bits", "cpus_allowed.bits"),
    "tracer": ("ptrace",),
    "tracer_pid": ("parent->tgid",),
    "atomic_flags": ("atomic_flags",),
    "seccomp_mode": ("seccomp.mode",),
    "seccomp_filters": ("seccomp.filter_count.counter",),
    "pid_struct": ("thread_pid", "pids[0].pid"),
    "pid_level": ("thread_pid->level", "pids[0].pid->level"),
    "vfork_done": ("vfork_done",),
    "parent_mm": ("real_parent->mm",),
    "css_set": ("cgroups",),
    "files": ("files",),
}
"""Scheduling, affinity and permissions of a thread."""

TIMES: Paths = {
    "utime": ("utime",),
    "stime": ("stime",),
    "previous_utime": ("prev_cputime.utime",),
    "previous_stime": ("prev_cputime.stime",),
    "runtime": ("se.sum_exec_runtime",),
    "exec_start": ("se.exec_start",),
    "run_delay": ("sched_info.run_delay",),
    "runs": ("sched_info.pcount",),
    "last_arrival": ("sched_info.last_arrival",),
    "last_queued": ("sched_info.last_queued",),
    "voluntary_switches": ("nvcsw",),
    "involuntary_switches": ("nivcsw",),
    "minor_faults": ("min_flt",),
    "major_faults": ("maj_flt",),
    "rchar": ("ioac.rchar",),
    "wchar": ("ioac.wchar",),
    "syscr": ("ioac.syscr",),
    "syscw": ("ioac.syscw",),
    "read_bytes": ("ioac.read_bytes",),
    "write_bytes": ("ioac.write_bytes",),
    "cancelled_write_bytes": ("ioac.cancelled_write_bytes",),
}
"""Times, faults and I/O of a thread itself."""

SUMMED = ("minor_faults", "major_faults", "rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes",
          "cancelled_write_bytes")  # fmt: skip
"""Counters of threads; a process has their sum, ended threads included."""

_SIGNAL = {
    "threads": "nr_threads",
    "ended_utime": "utime",
    "ended_stime": "stime",
    "ended_runtime": "sum_sched_runtime",
    "process_utime": "prev_cputime.utime",
    "process_stime": "prev_cputime.stime",
    "children_utime": "cutime",
    "children_stime": "cstime",
    "ended_minor_faults": "min_flt",
    "ended_major_faults": "maj_flt",
    "children_minor_faults": "cmin_flt",
    "children_major_faults": "cmaj_flt",
    "oom_score_adj": "oom_score_adj",
    # RLIMIT_NOFILE
    "open_files_limit": "rlim[7].rlim_cur",
    **{
        f"ended_{name}": f"ioac.{name}"
        for name in ("rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes")
    },
}
SIGNAL: Paths = {
    **{name: (f"signal->{path}",) for name, path in _SIGNAL.items()},
    "tty": ("signal->tty->name",),
    # PIDTYPE_PGID and PIDTYPE_SID, one further on since 4.19 (6883f81aac6f)
    "pgid": ("signal->pids[2]->numbers[0].nr", "group_leader->pids[1].pid->numbers[0].nr"),
    "sid": ("signal->pids[3]->numbers[0].nr", "group_leader->pids[2].pid->numbers[0].nr"),
}
"""Members of ``signal_struct``, which all threads of a process share."""

_CRED = ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid")
CRED: Paths = {
    **{f"cred_{name}": (f"real_cred->{name}.val", f"real_cred->{name}") for name in _CRED},
    # one number since 6.3 (f122a08b197d)
    "capability_low": ("real_cred->cap_effective.val", "real_cred->cap_effective.cap[0]"),
    "capability_high": ("real_cred->cap_effective.cap[1]",),
    "user_namespace": ("real_cred->user_ns->ns.inum",),
}
"""Whose it is."""

MEMORY: Paths = {
    "total_pages": ("mm->total_vm",),
    "peak_pages": ("mm->hiwater_vm",),
    "peak_rss_pages": ("mm->hiwater_rss",),
    "locked_pages": ("mm->locked_vm",),
    "data_pages": ("mm->data_vm",),
    "stack_pages": ("mm->stack_vm",),
    "exec_pages": ("mm->exec_vm",),
    # bytes since 4.15 (af5b0f6a09e4)
    "table_bytes": ("mm->pgtables_bytes.counter",),
    # a bitmap of its own type in newer kernels
    "mm_flags": ("mm->flags.__mm_flags[0]", "mm->flags"),
    # percpu_counters since 6.2 (f1a7941243c1)
    **{
        name: (f"mm->rss_stat[{number}].count", f"mm->rss_stat.count[{number}].counter")
        for name, number in KINDS.items()
    },
}
"""Its memory."""

NAMESPACES: Paths = {
    f"{kind}_namespace": (f"nsproxy->{member}->ns.inum",) for kind, member in _NAMESPACES.items()
}
"""Its namespaces without those of users and pids; an ended task has none."""

EVERY: Mapping[str, Sequence[str]] = {**TASK, **TIMES, **SIGNAL, **CRED, **MEMORY, **NAMESPACES}
