"""The ways in which a guest can die, each with its truth.

A death is an entry of DEATHS here and, unless userland alone brings it about, a module `module/lab_NAME.c`.
What the guest does before it (`scene`) and for it (`death`) is `guest/deaths/NAME.sh`, where writing "go" to
/proc/lab isn't enough.
"""

from dataclasses import dataclass

HUNG = ("kernel.hung_task_timeout_secs=3", "kernel.hung_task_panic=1")
SOFT = ("kernel.watchdog_thresh=3", "kernel.softlockup_panic=1")
WARN = ("kernel.panic_on_warn=1",)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A task and the lock that it waits for; comm may be a pattern."""

    comm: str
    lock: str


@dataclass(frozen=True, kw_only=True)
class Death:
    """One death: its truth, and what the guest needs for it."""

    # The truth. `kind` is one of the verdict's; `culprit` the guilty function; `context` one of process,
    # irq, softirq, timer, workqueue, rcu, nmi; `function` that of the timer, work, tasklet or callback;
    # `address` the class of the address that was accessed; `alternatives` culprits that are as right.
    kind: str
    culprit: str | None
    context: str = "process"
    function: str | None = None
    address: str | None = None
    alternatives: tuple[str, ...] = ()
    module: str | None = None  # the culprit's, where it isn't the death's own one
    cycle: tuple[Waiting, ...] = ()
    owners: tuple[Waiting, ...] = ()  # who holds a lock that others wait for, without being in a cycle
    queue: tuple[Waiting, ...] = ()  # who waits without being in the cycle
    findings: tuple[str, ...] = ()  # kinds of the rules that speak
    followed: str | None = None  # the kind of the panic, where it only follows from what went wrong first
    remark: str | None = None
    # The guest.
    own_module: bool = True
    settings: tuple[str, ...] = ()
    boot_words: tuple[str, ...] = ()
    monitor: str | None = None  # what QEMU's monitor is told when the guest says "button, please"
    only: str | None = None  # the only kernel series whose configuration allows it
    modules: tuple[str, ...] = ()
    memory: int = 288
    hardware: tuple[str, ...] = ()  # words of QEMU; {half} is half of the guest's memory


def _fault(kind: str, culprit: str, **more: object) -> Death:
    return Death(kind=kind, culprit=culprit, **more)  # type: ignore[arg-type] # passed on as it is


def _waiting(lock: str, *comms: str) -> tuple[Waiting, ...]:
    return tuple(Waiting(comm=comm, lock=lock) for comm in comms)


_PROCESS = {
    "null": _fault("null", "lab_null_value", address="null", remark="reads at offset 0x30"),
    "nullwrite": _fault("null", "lab_nullwrite_store", address="null", remark="writes at offset 0"),
    "bug": _fault("bug", "lab_bug_check"),
    "gpf": _fault("gpf", "lab_gpf_follow", address="non-canonical"),
    "divide": _fault("divide", "lab_divide_share"),
    "ud2": _fault("invalid-opcode", "lab_ud2_execute"),
    "nullcall": _fault("bad-ip", "lab_nullcall_close", address="null", remark="the caller is the culprit"),
    "wildcall": _fault("bad-ip", "lab_wildcall_jump", remark="the caller is the culprit"),
    "nxcall": _fault(
        "bad-ip", "lab_nxcall_jump", remark="executes an object of kmalloc; the caller is the culprit"
    ),
    "vfree": _fault("paging", "lab_vfree_read", address="vmalloc", remark="memory of vmalloc that was freed"),
    "userread": _fault("paging", "lab_userread_peek", address="user", remark="SMAP forbids the access"),
    "rodata": _fault("paging", "lab_rodata_set", address="read-only", remark="a module's constant"),
    "slabpoison": _fault(
        "gpf",
        "lab_slabpoison_next",
        address="poison",
        findings=("poison-in-registers",),
        remark="6b: a freed slab object",
    ),
    "listpoison": _fault(
        "gpf",
        "lab_listpoison_after",
        address="poison",
        findings=("poison-in-registers",),
        remark="LIST_POISON1",
    ),
    "listdel": _fault("list", "lab_listdel_remove"),
    "listadd": _fault("list", "lab_listadd_insert"),
    "recursion": _fault("stack", "lab_recursion_descend"),
    "canary": _fault("stack", "lab_canary_format"),
    "refcount": _fault("refcount", "lab_refcount_get", settings=WARN),
    "usercopy": _fault("usercopy", "lab_usercopy_send"),
    "fortify": _fault("fortify", "lab_fortify_copy"),
    "warn": _fault("warning", "lab_warn_check", settings=WARN),
    "panic": _fault("panic", "lab_panic_give_up"),
    "atomic": _fault("atomic", "lab_atomic_sleep", alternatives=("lab_atomic_act",), settings=WARN),
    "doublefault": _fault("double-fault", "lab_doublefault_push", remark="the stack pointer is wild"),
    "kfence": _fault(
        "kfence",
        "lab_kfence_read",
        settings=WARN,
        boot_words=("kfence.sample_interval=10",),
        only="6.12",
        remark="reads a freed object",
    ),
    "kthread": _fault("null", "lab_kthread_count", address="null", remark="a kernel thread"),
}

_CONTEXTS = {
    "timer": _fault("null", "lab_timer_count", context="timer", function="lab_timer_expired", address="null"),
    "tasklet": _fault(
        "null", "lab_tasklet_count", context="softirq", function="lab_tasklet_run", address="null"
    ),
    "workqueue": _fault(
        "null",
        "lab_workqueue_count",
        context="workqueue",
        function="lab_workqueue_run",
        address="null",
        remark="workqueue lab_queue",
    ),
    "rcucallback": _fault(
        "null", "lab_rcucallback_count", context="rcu", function="lab_rcucallback_free", address="null"
    ),
    "hrtimer": _fault(
        "null", "lab_hrtimer_count", context="irq", function="lab_hrtimer_expired", address="null"
    ),
    "ipi": _fault("null", "lab_ipi_count", context="irq", function="lab_ipi_called", address="null"),
    "nmi": _fault(
        "nmi",
        "lab_nmi_spin",
        context="nmi",
        settings=("kernel.unknown_nmi_panic=1",),
        monitor="nmi",
        remark="a CPU spins with interrupts off, and an NMI from outside meets it",
    ),
    "mce": Death(
        kind="mce",
        culprit=None,
        context="nmi",
        own_module=False,
        # Bank 4: an uncorrected error, valid, with address, that corrupted the processor's context.
        monitor="mce 0 4 0xbe00000000010134 0x4 0x1234000 0x8c",
        only="6.12",
        findings=("machine-check",),
        remark="a fatal machine check of CPU 0, bank 4, address 0x1234000",
    ),
    "gone": Death(
        kind="bad-ip",
        culprit=None,
        context="timer",
        address="freed module",
        remark="lab_gone was unloaded with a timer pending: no function has the address any more",
    ),
}

_LOCKUPS = {
    "softlockup": _fault("softlockup", "lab_softlockup_spin", settings=SOFT),
    "softtimer": _fault(
        "softlockup", "lab_softtimer_spin", context="timer", function="lab_softtimer_expired", settings=SOFT
    ),
    "spinlock": _fault(
        "softlockup",
        "lab_spinlock_inner",
        settings=SOFT,
        remark="takes the spinlock lab_spinlock_lock that it holds already",
    ),
    "spinabba": _fault(
        "softlockup",
        "lab_spinabba_red_blue",
        alternatives=("lab_spinabba_blue_red",),
        settings=SOFT,
        findings=("deadlock",),
        remark="CPU 0 holds lab_spinabba_red and wants lab_spinabba_blue, CPU 1 the other way round",
    ),
    "rcustall": _fault(
        "rcu", "lab_rcustall_spin", settings=("kernel.panic_on_rcu_stall=1",), findings=("rcu-stall",)
    ),
    "rcuother": _fault(
        "rcu",
        "lab_rcuother_spin",
        settings=("kernel.panic_on_rcu_stall=1",),
        findings=("rcu-stall",),
        remark="the CPU that panics isn't the one that stalls",
    ),
    "csdlock": _fault(
        "panic",
        "lab_csdlock_expire",
        context="timer",
        function="lab_csdlock_expire",
        findings=("ipi-stuck",),
        remark="CPU 0 waits for a function that CPU 1 shall run, which spins without interrupts",
    ),
    "stalledwork": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        findings=("workqueue-stalled", "rcu-stall", "hung-task"),
        queue=_waiting("lab_stalledwork_third", "lab-flusher"),
        remark="work spins on CPU 1 for 32 seconds; two items wait behind it, and lab-flusher for the last",
    ),
    "hungtask": _fault("hung", "lab_hungtask_wait", settings=HUNG, findings=("hung-task",)),
    "completion": _fault(
        "hung",
        "lab_completion_await",
        settings=HUNG,
        findings=("hung-task",),
        queue=_waiting("lab_completion_done", "lab-waiter"),
    ),
    "hungmutex": _fault(
        "hung",
        "lab_hungmutex_want",
        settings=HUNG,
        findings=("hung-task",),
        owners=_waiting("lab_hungmutex_mutex", "lab-owner"),
        queue=_waiting("lab_hungmutex_mutex", "lab-waiter-1", "lab-waiter-2", "lab-waiter-3"),
        remark="the owner sleeps in lab_hungmutex_hold",
    ),
    "deadlock": _fault(
        "hung",
        "lab_deadlock_red_blue",
        alternatives=("lab_deadlock_blue_red",),
        settings=HUNG,
        findings=("hung-task", "deadlock"),
        cycle=(
            Waiting(comm="lab-red", lock="lab_deadlock_blue"),
            Waiting(comm="lab-blue", lock="lab_deadlock_red"),
        ),
    ),
    "rwsem": _fault(
        "hung",
        "lab_rwsem_tree_mutex",
        alternatives=("lab_rwsem_mutex_tree",),
        settings=HUNG,
        findings=("hung-task", "deadlock"),
        cycle=(
            Waiting(comm="lab-tree", lock="lab_rwsem_mutex"),
            Waiting(comm="lab-mutex", lock="lab_rwsem_tree"),
        ),
        queue=(
            *_waiting("lab_rwsem_tree", "lab-reader-1", "lab-writer-1", "lab-reader-2"),
            *_waiting("lab_rwsem_mutex", "lab-locker-1", "lab-locker-2"),
        ),
    ),
    "locks": _fault(
        "hung",
        "lab_locks_want_semaphore",
        alternatives=(
            "lab_locks_want_rtmutex",
            "lab_locks_want_rwsem",
            "lab_locks_want_percpu",
            "lab_locks_want_waitqueue",
        ),
        settings=HUNG,
        findings=("hung-task",),
        owners=(
            *_waiting("lab_locks_semaphore", "lab-sem-own"),
            *_waiting("lab_locks_rtmutex", "lab-rtmutex-own"),
            *_waiting("lab_locks_rwsem", "lab-rwsem-own"),
            *_waiting("lab_locks_percpu", "lab-percpu-own"),
        ),
        queue=(
            *_waiting("lab_locks_semaphore", "lab-sem"),
            *_waiting("lab_locks_rtmutex", "lab-rtmutex"),
            *_waiting("lab_locks_rwsem", "lab-rwsem"),
            *_waiting("lab_locks_percpu", "lab-percpu"),
            *_waiting("lab_locks_waitqueue", "lab-waitqueue"),
        ),
        remark="neither a semaphore nor a percpu-rwsem knows its owner",
    ),
    "flushwork": _fault(
        "hung",
        "lab_flushwork_wait",
        alternatives=("lab_flushwork_run",),
        settings=HUNG,
        findings=("hung-task", "deadlock"),
        cycle=(
            Waiting(comm="lab-flusher", lock="lab_flushwork_work"),
            Waiting(comm="kworker/*lab_flushed", lock="lab_flushwork_mutex"),
        ),
    ),
    "oopslock": _fault(
        "null",
        "lab_oopslock_count",
        address="null",
        settings=("kernel.panic_on_oops=0",),
        followed="sysrq",
        findings=("hung-task",),
        queue=_waiting("lab_oopslock_mutex", "lab-waiter-1", "lab-waiter-2"),
        remark="an oops killed the mutex's owner; others hang, of whom no watchdog tells after an oops",
    ),
    "frozen": Death(
        kind="hung",
        culprit="vfs_write",
        own_module=False,
        settings=HUNG,
        modules=("loop",),
        findings=("hung-task", "frozen-filesystem"),
        queue=_waiting("/mnt", "lab-writer-1", "lab-writer-2", "lab-writer-3"),
        remark="ext4 on /dev/loop0, mounted at /mnt, frozen by fsfreeze",
    ),
    "stuckio": Death(
        kind="hung",
        culprit=None,
        own_module=False,
        settings=HUNG,
        modules=("loop", "dm_mod"),
        findings=("hung-task",),
        queue=_waiting("lab-disk", "lab-reader", "lab-syncer"),
        remark="the dm device lab-disk is suspended; no watchdog tells of the reader: it is killable",
    ),
    "stuckrequest": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        own_module=False,
        modules=("loop", "dm_mod"),
        findings=("hung-task", "old-request", "suspended-device"),
        queue=_waiting("loop1", "lab-reader"),
        remark="a request of loop1 waits for lab-disk, which is suspended; loop2 has a partition",
    ),
}

_LOCKUPS |= {
    "stuckjournal": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        own_module=False,
        modules=("loop", "dm_mod"),
        findings=("hung-task", "suspended-device"),
        owners=_waiting("commit of dm-0-8", "jbd2/dm-0-8"),
        queue=_waiting("commit of dm-0-8", "lab-syncer-1", "lab-syncer-2"),
        remark="the journal of ext4 on lab-disk, which is suspended, can't be committed",
    ),
    "deadserver": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        own_module=False,
        modules=("nfsv4",),
        findings=("hung-task",),
        queue=_waiting("call of nfs version 4 at 127.0.0.1", "mount"),
        remark="mounts a filesystem of an NFS server that takes the connection and never answers",
    ),
    "nfsd": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        own_module=False,
        modules=("loop", "nfsd", "nfsv4"),
        findings=("hung-task",),
        remark="mounts what it exports itself; a thread of its server waits for a frozen filesystem",
    ),
}

# A machine with PCIe, bridges of both kinds, and two NUMA nodes.
_HARDWARE = (
    *("-machine", "q35", "-object", "memory-backend-ram,id=near,size={half}M"),
    *("-object", "memory-backend-ram,id=far,size={half}M"),
    *("-numa", "node,nodeid=0,cpus=0,memdev=near", "-numa", "node,nodeid=1,cpus=1,memdev=far"),
    *("-numa", "dist,src=0,dst=1,val=21"),
    *("-device", "pcie-root-port,id=below,chassis=1", "-device", "virtio-rng-pci,bus=below"),
    *("-device", "pcie-pci-bridge,id=bridge", "-device", "virtio-scsi-pci,bus=bridge,addr=3"),
    *("-device", "virtio-balloon-pci", "-device", "virtio-serial-pci"),
)

_RESOURCES = {
    "oom": Death(
        kind="oom",
        culprit="out_of_memory",
        own_module=False,
        settings=("vm.panic_on_oom=1",),
        findings=("oom",),
    ),
    "memcg": Death(
        kind="oom",
        culprit="out_of_memory",
        own_module=False,
        settings=("vm.panic_on_oom=2",),
        findings=("memory-cgroup-oom",),
        remark="the limit of the memory cgroup /lab, not the machine's memory",
    ),
    "memcgkill": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        own_module=False,
        findings=("memory-cgroup-oom",),
        remark="a task of the memory cgroup /lab was killed before",
    ),
    "slableak": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        findings=("slab-leak",),
        remark="120000 objects of 480 bytes in the cache lab_leaky",
    ),
    "fds": Death(
        kind="sysrq", culprit="sysrq_handle_crash", own_module=False, findings=("fd-exhaustion",),
        remark="fs.file-max is reached; lab-opener holds most files",
    ),
    "pids": Death(
        kind="sysrq", culprit="sysrq_handle_crash", own_module=False, findings=("pid-exhaustion",),
        remark="kernel.pid_max is reached by children of lab-forker",
    ),
    "bpf": Death(
        kind="sysrq", culprit="sysrq_handle_crash", own_module=False,
        remark="lab-loader holds two eBPF programs, lab_filter and lab_xdp, with a map each",
    ),
    "devices": Death(
        kind="sysrq", culprit="sysrq_handle_crash", own_module=False, memory=640,
        modules=("virtio_balloon", "virtio_rng", "virtio_net", "virtio_scsi", "virtio_console", "kvm_amd"),
        monitor="balloon 400", hardware=_HARDWARE, boot_words=("audit=1",), findings=("balloon-inflated",),
        remark="PCI bridges, two NUMA nodes, virtio devices, an inflated balloon, eBPF of lab-loader, keys of"
        " lab-keys, audit switched on, a virtual machine of lab-host",
    ),
    "strayirq": Death(
        kind="sysrq", culprit="sysrq_handle_crash", findings=("irq-nobody-cared", "irq-unhandled"),
        hardware=("-device", "edu,addr=10", "-device", "edu,addr=11"),
        remark="the interrupt of lab_shut is never taken, that of lab_stray 20,000 times not",
    ),
    "waiters": Death(
        kind="sysrq", culprit="sysrq_handle_crash", own_module=False, findings=("cgroup-frozen",),
        remark="threads of lab-futexes wait for futexes; a task of the cgroup /cold is frozen",
    ),
    "peers": Death(
        kind="sysrq", culprit="sysrq_handle_crash", own_module=False,
        remark="processes wait for each other over unix sockets and futexes; cmd/peers names them",
    ),
    "zombies": Death(
        kind="sysrq", culprit="sysrq_handle_crash", own_module=False, findings=("zombies",),
        remark="lab-parent doesn't wait for its 200 dead children",
    ),
    "crowd": Death(
        kind="sysrq", culprit="sysrq_handle_crash", own_module=False, memory=1536,
        remark="20,000 tasks: lab-crowd has 400 children with 50 threads each",
    ),
    "diskerror": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        own_module=False,
        modules=("loop", "dm_mod", "dm_flakey"),
        findings=("disk-errors", "filesystem-read-only"),
        remark="ext4 at /mnt on a dm-flakey device that fails; its journal is aborted, /proc/mounts says rw",
    ),
    "shutdown": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        own_module=False,
        modules=("loop",),
        findings=("filesystem-shut-down",),
        remark="ext4 at /mnt was told to shut down",
    ),
    "bitflip": Death(
        kind="sysrq",
        culprit="sysrq_handle_crash",
        remark="bit 2 of the byte at print_hex_dump+0x15 isn't what it was",
    ),
    "hidden": Death(
        kind="sysrq", culprit="sysrq_handle_crash", findings=("hidden-module",),
        remark="lab_hidden is loaded and isn't in the list of modules",
    ),
}  # fmt: skip

DEATHS = {
    "sysrq": Death(kind="sysrq", culprit="sysrq_handle_crash", own_module=False),
    **_PROCESS,
    **_CONTEXTS,
    **_LOCKUPS,
    **_RESOURCES,
}


def module(name: str) -> str | None:
    """The module that a death has of its own, as the kernel names it."""
    return f"lab_{name}" if DEATHS[name].own_module else None
