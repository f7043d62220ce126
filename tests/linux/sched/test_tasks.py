"""Tasks of kernels of several generations, told apart by their members."""

from __future__ import annotations

import pytest

from crashdrive.errors import FaultError
from crashdrive.kernel.structures.walk import Problem, walk
from crashdrive.kernel.structures.xarray import Entries
from crashdrive.kernel.types.model import ArrayType, IntType, Member, StructType, Type
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.sched.tasks import state_letter, state_letters
from tests.kernel.fake_memory import (
    BASE,
    CHAR,
    INT,
    LIST_HEAD,
    LONG,
    PAGE,
    UINT,
    ULONG,
    FakeMemory,
    SizesKnown,
    fake_kernel,
    link_list,
    pointer,
    record,
)

U64 = IntType("unsigned long long", 8, signed=False)
CRED = record("cred", ("usage", INT), ("uid", record(None, ("val", UINT))))
TASK = record(
    "task_struct",
    ("thread_info", record("thread_info", ("flags", ULONG), ("cpu", UINT))),
    ("__state", UINT),
    ("exit_state", INT),
    ("static_prio", INT),
    ("flags", UINT),
    ("tasks", LIST_HEAD),
    ("thread_node", LIST_HEAD),
    ("pid", INT),
    ("tgid", INT),
    ("comm", ArrayType(CHAR, 16)),
    ("mm", pointer("struct mm_struct")),
    ("real_parent", pointer("struct task_struct")),
    ("real_cred", pointer("struct cred")),
    ("signal", pointer("struct signal_struct")),
    ("start_boottime", U64),
)
SIGNAL = record("signal_struct", ("live", INT), ("thread_head", LIST_HEAD))
COUNTERS = record("mm_rss_stat", ("count", ArrayType(record("atomic64", ("counter", LONG)), 4)))
PERCPU = ArrayType(record("percpu_counter", ("lock", INT), ("count", LONG)), 4)
RQ = record("rq", ("nr_running", UINT), ("idle", pointer("struct task_struct")))
CPUMASK = record("cpumask", ("bits", ArrayType(ULONG, 1)))


def mm_struct(counters: Type) -> StructType:
    return record("mm_struct", ("total_vm", ULONG), ("rss_stat", counters))


def types(**more: Type) -> dict[str, Type]:
    known: dict[str, Type] = {
        "struct task_struct": TASK,
        "struct signal_struct": SIGNAL,
        "struct cred": CRED,
        "struct mm_struct": mm_struct(COUNTERS),
        "struct rq": RQ,
        "struct cpumask": CPUMASK,
    }
    return known | {name.replace("_", " ", 1): kind for name, kind in more.items()}


ARRAY = "whatis task_state_array"


class Guest:
    """A kernel with tasks that a test adds."""

    def __init__(self, known: dict[str, Type], *, task: StructType = TASK) -> None:
        self.memory = FakeMemory()
        init = self.memory.allocate(task.size)
        runqueue, mask, offsets = (self.memory.allocate(64) for _ in range(3))
        self.memory.word(mask, 1)
        self.symbols = {
            "init_task": init,
            "__cpu_present_mask": mask,
            "__per_cpu_offset": offsets,
            "runqueues": runqueue,
        }
        self.kernel: Kernel = fake_kernel(self.memory, known, self.symbols)
        self.init = init
        self.memory.word(runqueue + 8, init)
        self.leaders: list[int] = []
        link_list(self.memory, self.at(init, "tasks"), [])

    def at(self, task: int, path: str) -> int:
        return task + self.kernel.offset("struct task_struct", path)

    def add(self, pid: int, comm: bytes = b"sh", threads: int = 0, parent: int | None = None) -> int:
        """A process and its threads."""
        group = [self._task(pid + i, pid, comm, parent or self.init) for i in range(1 + threads)]
        self.leaders.append(group[0])
        link_list(self.memory, self.at(self.init, "tasks"), [self.at(task, "tasks") for task in self.leaders])
        if self.kernel.has_member("struct task_struct", "thread_node"):
            signal = self.memory.allocate(SIGNAL.size)
            for task in group:
                self.memory.word(self.at(task, "signal"), signal)
            nodes = [self.at(task, "thread_node") for task in group]
            link_list(self.memory, signal + self.kernel.offset("struct signal_struct", "thread_head"), nodes)
        else:
            nodes = [self.at(task, "thread_group") for task in group]
            link_list(self.memory, nodes[0], nodes[1:])
        return group[0]

    def _task(self, pid: int, tgid: int, comm: bytes, parent: int) -> int:
        task = self.memory.allocate(TASK.size + PAGE)
        self.memory.int32(self.at(task, "pid"), pid)
        self.memory.int32(self.at(task, "tgid"), tgid)
        self.memory.write(self.at(task, "comm"), comm)
        self.memory.word(self.at(task, "real_parent"), parent)
        return task


def test_every_process_with_its_threads() -> None:
    guest = Guest(types())
    one, two, three = guest.add(1), guest.add(10, threads=3), guest.add(20, threads=1)
    found = guest.kernel.for_each_task()
    assert found.complete
    assert list(found.read(["pid"])["pid"]) == [1, 10, 11, 12, 13, 20, 21]
    assert list(guest.kernel.for_each_task(threads=False).addresses) == [one, two, three]
    assert guest.kernel.for_each_task(idle=True).addresses[0] == guest.init


def test_a_pid_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of ones where a node of the idr was: 64 entries that are no addresses."""
    upid = record("upid", ("nr", INT), ("ns", ULONG))
    namespace = record("pid_namespace", ("level", UINT), ("idr", ULONG))
    guest = Guest(
        types(struct_pid_namespace=namespace, struct_pid=record("pid", ("numbers", ArrayType(upid, 1))))
    )
    init, good, other = (guest.memory.allocate(16) for _ in range(3))
    for place, number in ((good, 1), (other, 3)):
        guest.memory.int32(place, number)
        guest.memory.word(place + 8, init)
    every = Entries(entries=((1, good), (2, other), (3, 0xFFFF_8880_DEAD_0000), (4, (1 << 64) - 1)))
    monkeypatch.setattr("crashdrive.linux.sched.task_list._numbered_pids", lambda *_: every)
    found = guest.kernel.for_each_pid(init)
    assert list(found.addresses) == [good]
    assert not found.complete
    assert [problem.kind for problem in found.problems] == ["node", "hole", "hole"]


def test_threads_by_their_group_before_3_14() -> None:
    members = [(m.name, m.type) for m in TASK.members if m.name != "thread_node"]
    old = record("task_struct", *members, ("thread_group", LIST_HEAD))
    guest = Guest(
        types(struct_task_struct=old, struct_signal_struct=record("signal_struct", ("live", INT))), task=old
    )
    guest.add(1)
    guest.add(10, threads=2)
    assert sorted(guest.kernel.for_each_task().read(["pid"])["pid"]) == [1, 10, 11, 12]


def test_a_task_in_a_hole_is_said_to_be_missing() -> None:
    guest = Guest(types())
    guest.add(1)
    lost = guest.add(2, threads=1)
    guest.add(3)
    guest.memory.hole(lost)
    found = guest.kernel.for_each_task()
    assert [guest.kernel.object("struct task_struct", a).pid.value_() for a in found.addresses] == [1]
    assert not found.complete
    assert "excluded" in found.notices()[0].message
    answer = guest.kernel.tasks()
    assert not answer.complete
    assert answer.warnings


def test_pids_know_tasks_that_a_broken_list_has_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, guest = Guest(types()), Guest(types())
    everyone = [[one.add(pid) for pid in (1, 2, 3)] for one in (whole, guest)][1]
    lost = Problem(kind="hole", address=everyone[0], message="the task of a pid: excluded")
    monkeypatch.setattr("crashdrive.linux.sched.task_list._bring", lambda *_: walk(everyone, [lost]))
    assert whole.kernel.for_each_task().complete
    guest.memory.hole(everyone[1])
    found = guest.kernel.for_each_task()
    assert list(found.addresses) == everyone
    assert not found.complete
    assert lost in found.problems
    assert [task.pid for task in guest.kernel.tasks()] == [1, None, 3]


def test_tasks_are_walked_and_read_once() -> None:
    """A dump stays what it is; what was missing is told again, of each reading."""
    guest = Guest(types())
    everyone = [guest.add(pid) for pid in (1, 2, 3)]
    guest.memory.hole(everyone[1])
    first, before = guest.kernel.tasks(), guest.kernel.memory.rounds
    again = guest.kernel.tasks()
    assert guest.kernel.memory.rounds == before
    assert (again.records, again.complete, again.warnings) == (first.records, False, first.warnings)


@pytest.mark.parametrize(
    ("counters", "paths"),
    [
        (COUNTERS, [f"rss_stat.count[{i}]" for i in range(4)]),
        (PERCPU, [f"rss_stat[{i}].count" for i in range(4)]),
    ],
    ids=["array", "percpu counters since 6.2"],
)
def test_task_records(counters: Type, paths: list[str]) -> None:
    guest = Guest(types(struct_mm_struct=mm_struct(counters)))
    parent = guest.add(7, b"bash\0x")
    task = guest.add(8, b"\x1b[31m\xff", parent=parent)
    mm, cred = guest.memory.allocate(256), guest.memory.allocate(CRED.size)
    guest.memory.word(guest.at(task, "mm"), mm)
    guest.memory.word(guest.at(task, "real_cred"), cred)
    guest.memory.int32(cred + 4, 1000)
    guest.memory.word(mm, 500)
    for i, path in enumerate(paths):
        guest.memory.word(mm + guest.kernel.offset("struct mm_struct", path), 10**i)
    guest.memory.int32(guest.at(task, "__state"), 0x402)
    guest.memory.int32(guest.at(task, "flags"), 0x0020_0040)
    guest.memory.int32(guest.at(task, "thread_info.cpu"), 3)
    guest.memory.word(guest.at(task, "start_boottime"), 2_500_000_000)
    answer = guest.kernel.tasks()
    assert answer.complete
    first, second = answer
    assert (first.pid, first.ppid, first.comm, first.state) == (7, 0, "bash", "RU")
    assert (first.mm, first.vsz, first.rss, first.uid, first.kernel_thread) == (None, None, None, None, False)
    assert (second.pid, second.tgid, second.ppid, second.task) == (8, 8, 7, task)
    assert second.comm == "\x1b[31m\\xff"
    assert (second.state, second.uid, second.cpu, second.kernel_thread) == ("ID", 1000, 3, True)
    assert (first.state_letter, second.state_letter) == ("R", "I")
    assert (second.mm, second.vsz, second.rss) == (mm, 500 * PAGE, (1 + 10 + 1000) * PAGE)
    assert second.start_time == 2.5


NEW, OLD, OLDEST = "RSDTtXZPI", "RSDTtXZ", "RSDTtZXxKWP"


@pytest.mark.parametrize(
    ("letters", "state", "exit_state", "letter"),
    [
        (NEW, 0, 0, "R"),
        (NEW, 1, 0, "S"),
        (NEW, 0x2001, 0, "S"),  # TASK_FREEZABLE, 6.1
        (NEW, 2, 0, "D"),
        (NEW, 0x102, 0, "D"),  # TASK_KILLABLE
        (NEW, 0x402, 0, "I"),
        (NEW, 0x2402, 0, "I"),
        (NEW, 4, 0, "T"),
        (NEW, 8, 0, "t"),
        (NEW, 0x40, 0, "P"),
        (NEW, 0x80, 0x20, "Z"),
        (NEW, 0x80, 0x10, "X"),
        (NEW, 0x1000, 0, "D"),  # TASK_RTLOCK_WAIT, 5.16
        (NEW, 0x8000, 0, "D"),  # TASK_FROZEN, 6.1
        (NEW, 0x200, 0, "R"),  # TASK_WAKING
        (OLD, 0, 0x20, "Z"),
        (OLD, 0x402, 0, "D"),
        (OLD, 0x80, 0x10, "X"),
        (OLDEST, 0, 16, "Z"),
        (OLDEST, 64, 32, "X"),
        (OLDEST, 2, 0, "D"),
    ],
)
def test_states_as_proc_shows_them(letters: str, state: int, exit_state: int, letter: str) -> None:
    assert state_letter(letters, state, exit_state) == letter


def test_letters_come_from_the_kernel_itself() -> None:
    guest = Guest(types())
    text = guest.memory.allocate(64)
    array = guest.memory.allocate(8 * 7)
    for i, letter in enumerate(OLD):
        guest.memory.write(text + 4 * i, letter.encode() + b" (")
        guest.memory.word(array + 8 * i, text + 4 * i)
    symbols = {**guest.symbols, "task_state_array": array}
    answers = {ARRAY: "const char * const task_state_array[7];\n"}
    kernel = fake_kernel(guest.memory, types(), symbols, answers)
    task = guest.add(5)
    guest.memory.int32(guest.at(task, "__state"), 0x402)
    (record_,) = kernel.tasks()
    assert (record_.state, record_.state_letter) == ("UN", "D")


def test_letters_are_found_without_their_type_where_the_symbol_has_a_size() -> None:
    memory = FakeMemory()
    array, text = memory.allocate(8 * 7), memory.allocate(8)
    for i, letter in enumerate("RSDTtXZ"):
        memory.word(array + 8 * i, text + i)
        memory.write(text + i, letter.encode())
    kernel = fake_kernel(memory, symbols={"task_state_array": array})
    kernel.symbols.source = SizesKnown({"task_state_array": 8 * 7})  # type: ignore[assignment] # has what is used
    assert state_letters(kernel) == "RSDTtXZ"
    assert kernel.session.commands == []  # type: ignore[attr-defined] # the test's double


def test_letters_that_are_missing_are_those_of_a_kernel_with_as_many() -> None:
    memory = FakeMemory()
    array = memory.allocate(8 * 16)
    memory.hole(array)
    kernel = fake_kernel(memory, symbols={"task_state_array": array})
    kernel.symbols.source = SizesKnown({"task_state_array": 8 * 9})  # type: ignore[assignment] # has what is used
    assert state_letters(kernel) == NEW
    kernel.symbols.source = SizesKnown({"task_state_array": 8 * 11})  # type: ignore[assignment] # has what is used
    with pytest.raises(FaultError):
        state_letters(kernel)


def test_a_cpu_mask_and_per_cpu_places() -> None:
    guest = Guest(types())
    mask = guest.kernel.symbols.address("__cpu_present_mask")
    offsets = guest.kernel.symbols.address("__per_cpu_offset")
    guest.memory.word(mask, 0b1011)
    guest.memory.word(offsets, 0, 0x1000, 0, (1 << 64) - 0x100)
    assert guest.kernel.cpus == (0, 1, 3)
    start = guest.kernel.symbols.address("runqueues")
    assert [rq.address_ for rq in guest.kernel.run_queues()] == [start, start + 0x1000, start - 0x100]


def module_types(*more: tuple[str, Type]) -> dict[str, Type]:
    module = record("module", ("state", INT), ("list", LIST_HEAD), ("name", ArrayType(CHAR, 56)), *more)
    return {"struct module": module}


LAYOUT = record("module_layout", ("base", pointer("void")), ("size", UINT))


@pytest.mark.parametrize(
    ("more", "base"),
    [
        ([("core_layout", LAYOUT), ("init_layout", LAYOUT)], "core_layout.base"),
        ([("module_core", pointer("void")), ("core_size", UINT)], "module_core"),
    ],
    ids=["since 4.5", "before"],
)
def test_modules(more: list[tuple[str, Type]], base: str) -> None:
    memory = FakeMemory()
    head = memory.allocate(16)
    kernel = fake_kernel(memory, module_types(*more), {"modules": head})
    module = memory.allocate(256)
    link_list(memory, head, [module + 8])
    memory.write(module + 24, b"dummy\0")
    memory.word(module + kernel.offset("struct module", base), 0xFFFF_FFFF_C000_0000, 0x4000)
    (found,) = kernel.modules()
    assert (found.module, found.name) == (module, "dummy")
    assert (found.base, found.size) == (0xFFFF_FFFF_C000_0000, 0x4000)


def test_open_files() -> None:
    fdt = record(
        "fdtable", ("max_fds", UINT), ("fd", pointer(pointer("struct file"))), ("open_fds", pointer(ULONG))
    )
    files = record("files_struct", ("count", INT), ("fdt", pointer("struct fdtable")))
    task = record("task_struct", ("pid", INT), ("files", pointer("struct files_struct")))
    known: dict[str, Type] = {
        "struct fdtable": fdt,
        "struct files_struct": files,
        "struct task_struct": task,
        "struct file": record("file", ("f_flags", INT)),
    }
    memory = FakeMemory()
    kernel = fake_kernel(memory, known)
    process, table, array = memory.allocate(64), memory.allocate(64), memory.allocate(64 * 8)
    bits = memory.allocate(8)
    memory.word(bits, 0b111)
    assert list(kernel.for_each_file(process)) == []
    memory.word(process + 8, table)
    memory.word(table + 8, table + 32)
    memory.int32(table + 32, 64)
    memory.word(table + 40, array, bits)
    memory.word(array, BASE, 0, BASE + 64)
    found = kernel.for_each_file(process)
    assert [(number, file.address_) for number, file in found] == [(0, BASE), (2, BASE + 64)]
    assert found.complete
    memory.word(array + 24, BASE + 128)
    found = kernel.for_each_file(process)
    assert found.descriptors == [0, 2]
    assert "descriptor 3 and what follows: a file where none is open" in found.problems[0].message
    memory.int32(table + 32, -1)
    assert "is damaged" in kernel.for_each_file(process).problems[0].message
    memory.word(table + 8, 0)
    assert not kernel.for_each_file(process).complete
    memory.word(process + 8, 0xDEAD_0000_0000_0100)
    assert not kernel.for_each_file(process).complete


def test_areas_on_a_list_before_6_1() -> None:
    vma = record(
        "vm_area_struct", ("vm_start", ULONG), ("vm_next", pointer("struct vm_area_struct")), ("vm_mm", ULONG)
    )
    known: dict[str, Type] = {
        "struct vm_area_struct": vma,
        "struct mm_struct": record(
            "mm_struct", ("mmap", pointer("struct vm_area_struct")), ("map_count", INT)
        ),
        "struct task_struct": record("task_struct", ("mm", pointer("struct mm_struct"))),
    }
    memory = FakeMemory()
    kernel = fake_kernel(memory, known)
    task, mm, first, second = (memory.allocate(24) for _ in range(4))
    assert len(kernel.for_each_vma(task)) == 0
    memory.word(task, mm)
    memory.word(mm, first, 2)
    memory.word(first, 0x1000, second, mm)
    memory.word(second, 0x2000, 0, mm)
    found = kernel.for_each_vma(task)
    assert list(found.read(["vm_start"])["vm_start"]) == [0x1000, 0x2000]
    assert found.complete
    memory.word(second + 16, mm + 8)
    found = kernel.for_each_vma(task)
    assert list(found.addresses) == [first]
    assert [(problem.kind, problem.address) for problem in found.problems] == [("node", second)]
    memory.word(first + 8, 0)
    assert [problem.message for problem in kernel.for_each_vma(task).problems] == [
        "1 areas found, map_count is 2"
    ]


MOUNT = StructType(
    "struct",
    "mount",
    64,
    (
        Member("mnt", record("vfsmount", ("mnt_flags", INT)), 0),
        Member("mnt_list", LIST_HEAD, 64),
    ),
)


def test_mounts_on_a_list_without_their_readers_marks() -> None:
    known: dict[str, Type] = {
        "struct mount": MOUNT,
        "struct mnt_namespace": record("mnt_namespace", ("root", ULONG), ("list", LIST_HEAD)),
    }
    memory = FakeMemory()
    kernel = fake_kernel(memory, known)
    namespace = memory.allocate(32)
    mounts = [memory.allocate(64) for _ in range(3)]
    link_list(memory, namespace + 8, [mount + 8 for mount in mounts])
    memory.int32(mounts[1], 0x1000_0000)
    assert kernel.for_each_mount(namespace).addresses == [mounts[0], mounts[2]]


def test_a_chain_of_alternatives() -> None:
    kernel = Guest(types()).kernel
    assert kernel.first_path("struct task_struct", ["state", "__state"]) == "__state"
    assert kernel.first_path("struct task_struct", ["real_cred->uid", "pid"]) == "real_cred->uid"
    assert kernel.first_path("struct task_struct", ["nothing", "real_cred->gid"]) is None
    with pytest.deprecated_call(match="first_path"):
        assert kernel.chain("struct task_struct", ["state", "__state"]) == "__state"
    assert kernel.has_member("struct task_struct", "signal.live")
    assert not kernel.has_member("struct nothing", "pid")
