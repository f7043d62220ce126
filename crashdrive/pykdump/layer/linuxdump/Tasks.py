"""``LinuxDump.Tasks``: processes, threads and run queues."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from crashdrive.errors import KernelError
from crashdrive.kernel.objects import address_of
from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.layer.access import LH_isempty, readSU, readSUListFromHead
from crashdrive.pykdump.layer.attributes import structSetAttr
from crashdrive.pykdump.layer.cdecl import CDefine
from crashdrive.pykdump.layer.generic import dbits2str
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.linuxdump import percpu
from crashdrive.pykdump.layer.memo import kept
from crashdrive.pykdump.layer.structs import Addr
from crashdrive.pykdump.run import current

_TASK = "struct task_struct"
_MOST = 200_000
# what the letters of task_state_array stand for (fs/proc/array.c)
_NAMES = {
    "R (running)": "TASK_RUNNING",
    "S (sleeping)": "TASK_INTERRUPTIBLE",
    "D (disk sleep)": "TASK_UNINTERRUPTIBLE",
    "T (stopped)": "TASK_STOPPED",
    "t (tracing stop)": "TASK_TRACED",
    "X (dead)": "EXIT_DEAD",
    "Z (zombie)": "EXIT_ZOMBIE",
    "P (parked)": "TASK_PARKING",
    "I (idle)": "TASK_IDLE",
}
_PF_FLAGS = """
#define PF_IDLE         0x00000002
#define PF_EXITING      0x00000004
#define PF_POSTCOREDUMP 0x00000008
#define PF_IO_WORKER    0x00000010
#define PF_WQ_WORKER    0x00000020
#define PF_FORKNOEXEC   0x00000040
#define PF_MCE_PROCESS  0x00000080
#define PF_SUPERPRIV    0x00000100
#define PF_DUMPCORE     0x00000200
#define PF_SIGNALED     0x00000400
#define PF_MEMALLOC     0x00000800
#define PF_NPROC_EXCEEDED 0x00001000
#define PF_USED_MATH    0x00002000
#define PF_NOFREEZE     0x00008000
#define PF_KSWAPD       0x00020000
#define PF_MEMALLOC_NOFS 0x00040000
#define PF_MEMALLOC_NOIO 0x00080000
#define PF_KTHREAD      0x00200000
#define PF_RANDOMIZE    0x00400000
"""


class Task:
    """A process or thread; what it hasn't itself is its ``task_struct``'s."""

    def __init__(self, ts: Any, ttable: Any = None) -> None:
        self.ts = ts
        self.ttable = ttable

    def __getattr__(self, attr: str) -> Any:
        if attr.startswith("__") or attr == "ts":
            raise AttributeError(attr)
        return getattr(self.ts, attr)

    def __int__(self) -> int:
        return int(self.ts)

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task | int) and int(self) == int(other)

    def __hash__(self) -> int:
        return hash(int(self))

    def __lt__(self, other: Any) -> bool:
        return int(self) < int(other)

    def __repr__(self) -> str:
        return f"PID={self.ts.pid} <struct task_struct {int(self.ts):#x}> CMD={self.ts.comm}"

    @property
    def state(self) -> str:
        """The state's name: TASK_RUNNING, TASK_UNINTERRUPTIBLE, ..."""
        return task_state2str(self.ts.State)

    @property
    def cpu(self) -> int:
        """The CPU that it runs on, or ran on last."""
        ts = self.ts
        if ts.hasField("cpu"):
            return int(ts.cpu)
        inside = ts.thread_info if ts.hasField("thread_info") else readSU("struct thread_info", ts.stack)
        if not inside.hasField("cpu"):
            inside = readSU("struct thread_info", ts.stack)
        return int(inside.cpu)

    @property
    def Rq(self) -> Any:
        """The run queue of its CPU."""
        return getRunQueues()[self.cpu]

    @property
    def Last_ran(self) -> float:
        """When it ran last, in milliseconds of the scheduler's clock."""
        return sched_clock2ms(self.ts._Last_ran)

    @property
    def Ran_ago(self) -> float:
        """How long it hasn't run, in milliseconds."""
        return float(self.Rq.Timestamp // 1_000_000 - self.Last_ran)

    @property
    def threads(self) -> list[Task]:
        """The other threads of its process."""
        return [Task(ts, self.ttable) for ts in _threads().get(int(self.ts.tgid), []) if ts != self.ts]

    def taskChildren(self) -> list[Task]:
        """Its children."""
        found = readSUListFromHead(Addr(self.ts.children), "sibling", _TASK, maxel=_MOST)
        return [Task(ts, self.ttable) for ts in found]

    def hasChildren(self) -> bool:
        """Whether it has any."""
        return not LH_isempty(self.ts.children)

    def taskFds(self, short: bool = False) -> list[Any]:  # noqa: FBT001, FBT002 - PyKdump's call
        """Its open files: (descriptor, file, dentry, inode) each; with ``short`` the addresses of files."""
        found: list[Any] = []
        for number, opened in current().kernel.for_each_file(int(self.ts)):
            file = readSU("struct file", address_of(opened))
            if short:
                found.append(int(file))
                continue
            dentry = file.f_path.dentry
            found.append((number, int(file), dentry, dentry.d_inode))
        return found

    def task_get_pid(self) -> Any:
        """Its ``struct pid``."""
        return self.ts.thread_pid if self.ts.hasField("thread_pid") else self.ts.pids[0].pid

    def task_ns(self) -> Any:
        """Its pid namespace."""
        pid = self.task_get_pid()
        number = readSU("struct upid", Addr(pid, "numbers") + pid.level * len(readSU("struct upid", 0)))
        return number.ns

    def get_task_stack(self) -> Any:
        """Its stack as crash's ``bt`` tells it."""
        from crashdrive.pykdump.layer.linuxdump.BTstack import exec_bt

        return exec_bt(f"bt {int(self.ts):#x}")[0]


def _threads() -> dict[int, list[Any]]:
    """All threads by their process."""
    known = kept("threads")
    if "all" not in known:
        found: dict[int, list[Any]] = defaultdict(list)
        run = current()
        tasks = run.kernel.for_each_task()
        run.pages.prefetch((int(address), run.kernel.sizeof(_TASK)) for address in tasks.addresses)
        _prepare()
        for address in tasks.addresses:
            ts = readSU(_TASK, int(address))
            found[int(ts.tgid)].append(ts)
        known["all"] = found
    threads: dict[int, list[Any]] = known["all"]
    return threads


class _TaskTable:
    """All processes, the first CPU's idle task first."""

    def __init__(self) -> None:
        idle = readSU(_TASK, current().facts.address("init_task"))
        groups = _threads()
        leaders = [idle, *(ts for group in groups.values() for ts in group if ts.pid == ts.tgid)]
        self.tt = [Task(ts, self) for ts in dict.fromkeys(leaders)]
        self.pids: dict[int, list[Task]] = {int(task.ts.pid): [task] for task in reversed(self.tt)}
        self.comms: dict[str, list[Task]] = defaultdict(list)
        for task in self.tt:
            self.comms[str(task.ts.comm)].append(task)
        self.tids = {int(ts.pid): Task(ts, self) for group in groups.values() for ts in group}
        self.tids[0] = self.tt[0]
        self.filepids: dict[int, list[Task]] = {}

    @property
    def runqueues(self) -> list[Any]:
        """The run queue of each CPU."""
        return getRunQueues()

    @property
    def pidnamespaces(self) -> dict[Any, list[Task]]:
        """Processes by their pid namespace, those of the first one left out."""
        found: dict[Any, list[Task]] = defaultdict(list)
        for task in self.tt[1:]:
            try:
                namespace = task.task_ns()
                if namespace.level:
                    found[namespace].append(task)
            except (CrashError, IndexError, KeyError):
                continue
        return found

    def allTasks(self) -> list[Task]:
        """All processes."""
        return self.tt

    def allThreads(self) -> list[Task]:
        """All threads, by their ids."""
        return [self.tids[tid] for tid in sorted(self.tids)]

    def getByPid(self, pid: int) -> Task | None:
        """The process of a pid; None where there is none."""
        found = self.pids.get(int(pid))
        return found[0] if found else None

    def getByTid(self, tid: int) -> Task | None:
        """The thread of an id; None where there is none."""
        return self.tids.get(int(tid))

    def getByComm(self, comm: str) -> list[Task]:
        """The processes of a name."""
        return self.comms.get(comm, [])

    def getThreadsByComm(self, comm: str) -> Iterator[Task]:
        """The processes of a name, with their threads."""
        for task in self.getByComm(comm):
            yield task
            yield from task.threads

    def getByFile(self, filep: int) -> list[Task]:
        """The processes that have a ``struct file`` open."""
        if not self.filepids:
            for task in self.tt:
                for file in dict.fromkeys(task.taskFds(short=True)):
                    self.filepids.setdefault(file, []).append(task)
        return self.filepids.get(int(filep), [])


def TaskTable() -> _TaskTable:
    """All processes; made once."""
    known = kept("task table")
    if "table" not in known:
        known["table"] = _TaskTable()
    table: _TaskTable = known["table"]
    return table


def _prepare() -> None:
    """The attributes of PyKdump's that tasks and run queues have."""
    if kept("task attributes").setdefault("done", False):
        return
    kept("task attributes")["done"] = True
    structSetAttr(_TASK, "State", ["state", "__state"])
    structSetAttr(_TASK, "_Last_ran", ["last_ran", "timestamp", "sched_info.last_arrival", "se.exec_start"])
    structSetAttr(_TASK, "Uid", ["uid", "real_cred.uid.val", "real_cred.uid"])
    structSetAttr(_TASK, "User", ["user", "real_cred.user"])
    structSetAttr(_TASK, "Realparent", ["real_parent", "parent"])
    stamps = ["clock", "most_recent_timestamp", "timestamp_last_tick", "tick_timestamp"]
    structSetAttr("struct rq", "Timestamp", stamps)


def getRunQueues() -> list[Any]:
    """The ``struct rq`` of each CPU."""
    _prepare()
    return [readSU("struct rq", address) for address in percpu.get_cpu_var("runqueues")]


def _states() -> CDefine:
    """The states of this kernel, by the words that /proc has for them."""
    known = kept("task states")
    if "states" not in known:
        words = current().kernel.symbol("task_state_array")
        lines = ["#define TASK_RUNNING 0"]
        try:
            for number, word in enumerate(words):
                name = _NAMES.get(word.string_())
                if name is not None and number:
                    lines.append(f"#define {name} {1 << (number - 1):#x}")
        except KernelError:
            lines += ["#define TASK_INTERRUPTIBLE 1", "#define TASK_UNINTERRUPTIBLE 2"]
        known["states"] = CDefine("\n".join(lines))
        if known["states"].get("TASK_PARKING") == 0x40:
            # since 4.14 (8ef9925b02c2) what /proc has no letter for is behind what it has one for
            known["states"].update(TASK_DEAD=0x80, TASK_WAKEKILL=0x100, TASK_WAKING=0x200, TASK_NOLOAD=0x400)
            known["states"].__dict__.update(known["states"])
        known["states"]["TASK_IDLE"] = 0x402
    states: CDefine = known["states"]
    return states


def task_state2str(state: int) -> str:
    """The names of a state's bits."""
    states = _states()
    if state == 0:
        return "TASK_RUNNING"
    if state == states["TASK_IDLE"]:
        return "TASK_IDLE"
    found = [name for name, value in sorted(states.items(), key=lambda one: one[1]) if _single(value) & state]
    return "|".join(found) if found else f"state:{state}"


def _single(value: int) -> int:
    """The value, where it is one bit."""
    return value if value & (value - 1) == 0 else 0


def decode_tflags(flags: int, offset: int = 0) -> str:
    """The names of ``task_struct.flags``."""
    return dbits2str(flags, CDefine(_PF_FLAGS), offset)


# time


def jiffies2ms(jiffies: int) -> float:
    """A count of jiffies, from its odd start, as milliseconds after the boot."""
    hz = current().kernel.hz
    start = (1 << 32) - 300 * hz
    return (int(jiffies) - start) * 1000 / hz if int(jiffies) >= start else int(jiffies) * 1000 / hz


def sched_clock2ms(val: int) -> float:
    """A time of the scheduler's clock, in nanoseconds, as milliseconds."""
    return val / 1_000_000


def ms2uptime(ms: float) -> str:
    """Milliseconds as days and time."""
    minutes, seconds = divmod(int(ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{days} days, {text}" if days else text


def jiffie_clock_base() -> float:
    """Milliseconds after the boot."""
    return jiffies2ms(current().kernel.jiffies)


def get_uptime() -> str:
    """The time since the boot, as text."""
    return ms2uptime(jiffie_clock_base())


def get_task_mem_usage(addr: int) -> tuple[int, int]:
    """(virtual, resident) size of a task in kB."""
    return current().facts.task_memory(int(addr))


def decode_waitq(wq: Any) -> list[Any]:
    """The ``struct task_struct`` of each that waits in a ``wait_queue_head_t``."""
    # since 4.13 (50816c48997a) entries are wait_queue_entry, before __wait_queue; its task may be no task
    if wq.hasField("head"):
        head, kind, member = wq.head, "struct wait_queue_entry", "entry"
    else:
        head, kind, member = wq.task_list, "struct __wait_queue", "task_list"
    found = readSUListFromHead(Addr(head), member, kind, maxel=_MOST)
    return [readSU(_TASK, int(entry.private)) for entry in found]


def tasksSummary() -> int:
    """Print how many tasks are in each state; the number of threads."""
    threads = TaskTable().allThreads()
    counts: dict[str, int] = defaultdict(int)
    for task in threads:
        counts[task.state] += 1
    print("Number of Threads That Ran Recently")
    newest = max((rq.Timestamp for rq in getRunQueues()), default=0) // 1_000_000
    for seconds in (1, 5, 60):
        recent = sum(newest - task.Last_ran < seconds * 1000 for task in threads)
        print(f"   last {'second' if seconds == 1 else f'{seconds}s':>8s} {recent:5d}")
    print("\n ----- Total Numbers of Threads per State ------")
    for state, count in sorted(counts.items()):
        print(f"  {state:<42s} {count:4d}")
    return len(threads)


__getattr__ = lazy_names(
    __name__, {"TASK_STATE": _states, "init_task_saddr": lambda: current().facts.address("init_task")}
)
