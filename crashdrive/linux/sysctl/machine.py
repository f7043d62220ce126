"""Settings of the machine whose values a kernel function computes.

Each function here reads as a ``proc_handler`` of the kernel does, as those of `network`.

Sources: fs/dcache.c, fs/file_table.c, fs/inode.c, fs/quota/dquot.c, kernel/sysctl.c, kernel/pid.c,
kernel/umh.c, kernel/watchdog.c, kernel/seccomp.c, kernel/kexec_core.c, kernel/kprobes.c, kernel/sched/,
mm/hugetlb.c, drivers/char/random.c, drivers/tty/sysrq.c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from crashdrive.errors import FaultError, UnknownTypeError
from crashdrive.linux import percpu
from crashdrive.linux.sysctl.network import bitmap

if TYPE_CHECKING:
    from crashdrive.linux.sysctl.source import Source

SILENT = frozenset({"vmstat_refresh"})
"""Handlers that give no value where a program reads the setting: reading it has an effect instead."""

_COUNTER = "struct percpu_counter"
_WATCHDOGS = {"hard": 1, "soft": 2}


def _variable(name: str, code: str = "i") -> Callable[[Source], str]:
    """A handler that shows a variable of this name."""

    def shown(source: Source) -> str:
        return str(source.number(source.symbol(name), code))

    return shown


def _constant(text: str) -> Callable[[Source], str]:
    def shown(_source: Source) -> str:
        return text

    return shown


def _switch(name: str) -> Callable[[Source], str]:
    """Whether a static key of this name is on."""

    def shown(source: Source) -> str:
        return str(int(source.of("struct static_key", source.symbol(name), "enabled.counter") != 0))

    return shown


# fs


def _per_cpu(source: Source, name: str) -> int:
    """The sum of a per-CPU long; below 0 it counts as 0."""
    kernel, place = source.survey.kernel, source.symbol(name)
    total = percpu.numbers(source.survey, "unsigned long", "", [place])[place]
    if total is None:
        raise FaultError(f"{name}: a CPU's part is not in the dump", place, 0, "hole")
    bits = 8 * kernel.pointer_size
    value = total & ((1 << bits) - 1)
    return 0 if value >> (bits - 1) else value


def _longs(source: Source) -> list[int]:
    size = source.survey.kernel.pointer_size
    return [source.number(source.data + at * size, "L") for at in range(source.length // size)]


def _dentries(source: Source) -> str:
    """nr_dentry, nr_unused, age_limit, want_pages, nr_negative, dummy."""
    stored = _longs(source)
    names = {0: "nr_dentry", 1: "nr_dentry_unused", 4: "nr_dentry_negative"}
    values = [_per_cpu(source, names[at]) if at in names else value for at, value in enumerate(stored)]
    return " ".join(map(str, values))


def _inodes(source: Source) -> str:
    """nr_inodes, nr_unused, five dummies."""
    values = [_per_cpu(source, "nr_inodes"), _per_cpu(source, "nr_unused"), *_longs(source)[2:]]
    return " ".join(map(str, values))


def _files(source: Source) -> str:
    """nr_files without the CPUs' parts, nr_free_files, max_files."""
    count = max(0, source.of(_COUNTER, source.symbol("nr_files"), "count"))
    return " ".join(map(str, [count, *_longs(source)[1:]]))


def _quota(source: Source) -> str:
    """A counter of dqstats, by the index of the entry among its siblings."""
    kernel, kind = source.survey.kernel, "struct dqstats"
    base = source.symbol("dqstats")
    at, rest = divmod(source.data - base - kernel.offset(kind, "stat"), kernel.pointer_size)
    if rest or not 0 <= at < kernel.sizeof(kernel.place(kind, "stat").type) // kernel.pointer_size:
        raise UnknownTypeError(f"no counter of quotas is at {source.data:x}")
    place = base + kernel.offset(kind, "counter") + at * kernel.sizeof(_COUNTER)
    found = percpu.counters(source.survey, [place], "counters of quotas")[0]
    if found is None:
        raise FaultError("a counter of quotas is not in the dump", place, 0, "hole")
    return str(found)


# kernel


def _reaper(source: Source) -> str:
    """The number of the process that gets ctrl-alt-del."""
    pid = source.survey.kernel.read_pointer(source.symbol("cad_pid"))
    return str(source.of("struct pid", pid, "numbers[0].nr"))


def _last_pid(source: Source) -> str:
    return str(source.of("struct pid_namespace", source.symbol("init_pid_ns"), "idr.idr_next") - 1)


def _uuid(source: Source) -> str | None:
    """The boot_id; None until it is first read, and for ``uuid``, which is new at each read."""
    raw = source.survey.kernel.read(source.data, 16) if source.data else b""
    return str(UUID(bytes=raw)) if any(raw) else None


def _sysrq(source: Source) -> str:
    """1 where the command line says sysrq_always_enabled."""
    always = source.survey.kernel.read(source.symbol("sysrq_always_enabled"), 1) != b"\0"
    return "1" if always else str(source.number(source.symbol("sysrq_enabled")))


def _kprobes(source: Source) -> str:
    return str(int(source.survey.kernel.read(source.symbol("kprobes_allow_optimization"), 1) != b"\0"))


def _capabilities(source: Source) -> str:
    """Capabilities of usermode helpers; ``data`` was a number until 6.7."""
    names = {1: "usermodehelper_bset", 2: "usermodehelper_inheritable"}
    place = source.symbol(names[source.data]) if source.data in names else source.data
    # a number of 64 bits since 6.3 (f122a08b197d), two of 32 before
    words = [source.number(place, "I"), source.number(place + 4, "I")]
    return " ".join(map(str, words if source.survey.kernel.byte_order == "little" else reversed(words)))


def _watchdog(*which: str) -> Callable[[Source], str]:
    mask = sum(_WATCHDOGS[name] for name in which)

    def shown(source: Source) -> str:
        return str(int(source.number(source.symbol("watchdog_enabled"), "L") & mask != 0))

    return shown


def _seccomp(source: Source) -> str:
    """Names of the actions whose bits are set, in the order of the kernel's table."""
    kernel, kind = source.survey.kernel, "struct seccomp_log_name"
    table, mask = (
        source.symbol("seccomp_log_names"),
        source.number(source.symbol("seccomp_actions_logged"), "I"),
    )
    count = min(kernel.variable_size("seccomp_log_names") // kernel.sizeof(kind), 64)
    places = [table + at * kernel.sizeof(kind) for at in range(count)]
    rows = kernel.read_many(kind, places, ["log", "name"]).check()
    names = [
        kernel.read_string(name, 32).decode("ascii", "backslashreplace") for bit, name in rows if bit & mask
    ]
    return " ".join(names)


def _kexec_limit(source: Source) -> str:
    return str(source.of("struct kexec_load_limit", source.data, "limit"))


def _bpf_stats(source: Source) -> str:
    """0 where the static key is off; where it is on, that may be for another reason than this setting."""
    if source.of("struct static_key", source.data, "enabled.counter"):
        raise UnknownTypeError("the statistics of BPF programs may be on for a file descriptor")
    return "0"


def _energy_aware(source: Source) -> str | None:
    """The setting; None where all CPUs are alike, since 6.7 (8f833c82cdab)."""
    symbols = source.survey.kernel.symbols
    if not symbols.has("sched_is_eas_possible"):
        return str(source.number(source.data))
    if source.of("struct static_key", source.symbol("sched_asym_cpucapacity"), "enabled.counter"):
        raise UnknownTypeError("whether the scheduler can save energy isn't known")
    return None


def _domain_flags(source: Source) -> str:
    """Names of the flags of a scheduling domain, until 5.12 a setting (kernel/sched/debug.c)."""
    kernel, kind = source.survey.kernel, "struct sd_flag_debug"
    flags, table = source.number(source.data, "I"), source.symbol("sd_flag_debug")
    count = min(kernel.variable_size("sd_flag_debug") // kernel.sizeof(kind), 64)
    if flags >> count:
        raise UnknownTypeError(f"flags of a scheduling domain that have no names: {flags:#x}")
    places = [table + at * kernel.sizeof(kind) for at in range(count) if flags >> at & 1]
    names = kernel.read_many(kind, places, ["name"]).check()["name"]
    return " ".join(kernel.read_string(name, 64).decode("ascii", "backslashreplace") for name in names)


def _numa_balancing(source: Source) -> str:
    """The mode; until 5.18 (c574bbe91703) whether it is on."""
    if source.survey.kernel.symbols.has("sysctl_numa_balancing_mode"):
        return _variable("sysctl_numa_balancing_mode")(source)
    return _switch("sched_numa_balancing")(source)


# vm


def _hugepages(member: str) -> Callable[[Source], str]:
    """A member of the pool of huge pages of the default size."""

    def shown(source: Source) -> str:
        kernel, kind = source.survey.kernel, "struct hstate"
        at = source.number(source.symbol("default_hstate_idx"), "I")
        count = kernel.variable_size("hstates") // kernel.sizeof(kind)
        if at >= count:
            raise UnknownTypeError(f"there are no hugepages of number {at}")
        return str(source.of(kind, source.symbol("hstates") + at * kernel.sizeof(kind), member))

    return shown


MACHINE: Mapping[str, Callable[[Source], str | None]] = {
    "proc_nr_dentry": _dentries,
    "proc_nr_inodes": _inodes,
    "proc_nr_files": _files,
    "do_proc_dqstats": _quota,
    "proc_do_cad_pid": _reaper,
    "pid_ns_ctl_handler": _last_pid,
    "proc_do_uuid": _uuid,
    "sysrq_sysctl_handler": _sysrq,
    "proc_kprobes_optimization_handler": _kprobes,
    "proc_cap_handler": _capabilities,
    "proc_watchdog": _watchdog("hard", "soft"),
    "proc_nmi_watchdog": _watchdog("hard"),
    "proc_soft_watchdog": _watchdog("soft"),
    "proc_watchdog_cpumask": bitmap,
    "seccomp_actions_logged_handler": _seccomp,
    "kexec_limit_handler": _kexec_limit,
    "bpf_stats_handler": _bpf_stats,
    "sched_energy_aware_handler": _energy_aware,
    # a switch without effect since 3.19 (0050ee059f7f)
    "proc_ipc_auto_msgmni": _constant("0"),
    "proc_taint": _variable("tainted_mask", "L"),
    "sysctl_max_threads": _variable("max_threads"),
    "sysctl_numa_balancing": _numa_balancing,
    "sd_ctl_doflags": _domain_flags,
    "sysctl_delayacct": _variable("delayacct_on"),
    "sysctl_schedstats": _switch("sched_schedstats"),
    "hugetlb_sysctl_handler": _hugepages("max_huge_pages"),
    "hugetlb_mempolicy_sysctl_handler": _hugepages("max_huge_pages"),
    "hugetlb_overcommit_handler": _hugepages("nr_overcommit_huge_pages"),
}
