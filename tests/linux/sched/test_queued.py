"""Run queues that no recording has: real-time groups, deadlines, tasks that sleep and stay queued."""

from __future__ import annotations

import pytest

from crashdrive.kernel.types.model import ArrayType, IntType, StructType, Type
from crashdrive.linux.sched.cpu_states import RunQueues, run_queues, told_class
from crashdrive.linux.sched.queued import QueuedTask, queued_tasks
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    LIST_HEAD,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

U64 = IntType("unsigned long long", 8, signed=False)
ATOMIC = record("atomic_t", ("counter", INT))
RB_NODE = record(
    "rb_node", ("__rb_parent_color", ULONG), ("rb_right", pointer("struct rb_node")),
    ("rb_left", pointer("struct rb_node")),
)  # fmt: skip
RB_ROOT = record("rb_root", ("rb_node", pointer("struct rb_node")))
RB_CACHED = record("rb_root_cached", ("rb_root", RB_ROOT), ("rb_leftmost", pointer("struct rb_node")))
ARRAY = record("rt_prio_array", ("bitmap", ArrayType(ULONG, 2)), ("queue", ArrayType(LIST_HEAD, 100)))
RT_RQ = record("rt_rq", ("active", ARRAY), ("rt_nr_running", UINT), ("rt_throttled", INT))
RQ = record(
    "rq", ("nr_running", UINT), ("nr_switches", U64), ("clock", U64), ("online", INT),
    ("nr_iowait", ATOMIC), ("curr", pointer("struct task_struct")), ("idle", pointer("struct task_struct")),
    ("stop", pointer("struct task_struct")), ("cfs_tasks", LIST_HEAD),
    ("cfs", record("cfs_rq", ("load", record("load_weight", ("weight", ULONG))), ("h_nr_running", UINT))),
    ("rt", RT_RQ), ("dl", record("dl_rq", ("root", RB_CACHED), ("dl_nr_running", UINT))),
)  # fmt: skip
SE = record(
    "sched_entity", ("group_node", LIST_HEAD), ("vruntime", U64), ("deadline", U64), ("sched_delayed", U8),
    ("sum_exec_runtime", U64),
)  # fmt: skip
RT_SE = record("sched_rt_entity", ("run_list", LIST_HEAD), ("my_q", pointer("struct rt_rq")))
DL_SE = record("sched_dl_entity", ("rb_node", RB_NODE), ("deadline", U64), ("dl_server", UINT))
TASK = record(
    "task_struct", ("on_rq", INT), ("prio", INT), ("policy", UINT), ("pid", INT),
    ("comm", ArrayType(CHAR, 16)),
    ("sched_class", pointer("struct sched_class")), ("se", SE), ("rt", RT_SE), ("dl", DL_SE),
    ("sched_info", record("sched_info", ("last_arrival", U64), ("last_queued", U64))),
)  # fmt: skip
CPUMASK = record("cpumask", ("bits", ArrayType(ULONG, 1)))
TYPES: dict[str, Type] = {
    f"struct {kind.name}": kind
    for kind in (RQ, RT_RQ, TASK, RT_SE, DL_SE, RB_NODE, RB_ROOT, RB_CACHED, CPUMASK)
}
CLASSES = {"stop": 0x1000, "dl": 0x1100, "rt": 0x1200, "fair": 0x1300, "idle": 0x1400}
NOW = 100_000_000_000


class Guest:
    """A machine with one CPU, on which tests put tasks."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.rq, mask, offsets = (self.memory.allocate(size, 4096) for size in (RQ.size, 8, 8))
        self.memory.word(mask, 1)
        symbols = {"runqueues": self.rq, "__cpu_present_mask": mask, "__per_cpu_offset": offsets}
        symbols |= {f"{name}_sched_class": place for name, place in CLASSES.items()}
        self.kernel = fake_kernel(self.memory, TYPES, symbols)
        self.survey = Survey(self.kernel)
        idle = self.task(0, "swapper/0", "idle")
        self.set(RQ, self.rq, clock=NOW, curr=idle, idle=idle, online=1)
        link_list(self.memory, self.at(RQ, self.rq, "cfs_tasks"), [])
        self.lists(self.at(RQ, self.rq, "rt.active.queue"))

    def at(self, kind: StructType, place: int, path: str) -> int:
        return place + self.kernel.offset(kind, path)

    def set(self, kind: StructType, place: int, **values: int) -> None:
        for name, value in values.items():
            found = self.kernel.place(kind, name.replace("__", "."))
            raw = value.to_bytes(getattr(found.type, "size", 8), "little")
            self.memory.write(place + found.offset, raw)

    def lists(self, start: int) -> None:
        for number in range(100):
            link_list(self.memory, start + 16 * number, [])

    def task(self, pid: int, comm: str, name: str, **values: int) -> int:
        place = self.memory.allocate(TASK.size, 4096)
        self.memory.write(self.at(TASK, place, "comm"), comm.encode())
        self.set(TASK, place, pid=pid, sched_class=CLASSES[name], on_rq=1, **values)
        return place

    def real_time(self, array: int, priority: int, entities: list[int]) -> None:
        nodes = [self.at(RT_SE, entity, "run_list") for entity in entities]
        link_list(self.memory, array + 16 * priority, nodes)

    def read(self) -> list[QueuedTask]:
        queues: RunQueues = run_queues(self.survey)
        return list(queued_tasks(self.survey, queues))


def test_an_idle_cpu_has_none() -> None:
    assert Guest().read() == []


def test_fair_tasks_and_one_that_sleeps() -> None:
    guest = Guest()
    awake = guest.task(7, "awake", "fair", prio=120, sched_info__last_queued=NOW - 2_000_000_000)
    late = guest.task(8, "late", "fair", se__sched_delayed=1, se__vruntime=5, se__deadline=9)
    nodes = [guest.at(TASK, task, "se.group_node") for task in (awake, late)]
    link_list(guest.memory, guest.at(RQ, guest.rq, "cfs_tasks"), nodes)
    guest.set(RQ, guest.rq, curr=late)
    first, second = guest.read()
    assert (first.comm, first.running, first.delayed, first.vruntime, first.virtual_deadline) == (
        "late", True, True, 5, 9,
    )  # fmt: skip
    assert (second.comm, second.waiting_seconds, second.delayed, second.priority) == (
        "awake",
        2.0,
        False,
        120,
    )
    assert guest.survey.complete


def test_real_time_tasks_in_a_group() -> None:
    guest = Guest()
    plain = guest.task(7, "plain", "rt", prio=49, policy=1)
    inner = guest.task(8, "inner", "rt", prio=89, policy=2)
    group, queue = guest.memory.allocate(RT_SE.size), guest.memory.allocate(RT_RQ.size, 4096)
    below = guest.at(RT_RQ, queue, "active.queue")
    guest.lists(below)
    guest.set(RT_SE, group, my_q=queue)
    array = guest.at(RQ, guest.rq, "rt.active.queue")
    guest.real_time(array, 49, [guest.at(TASK, plain, "rt")])
    guest.real_time(array, 89, [group])
    guest.real_time(below, 89, [guest.at(TASK, inner, "rt")])
    guest.set(RQ, guest.rq, rt__rt_nr_running=2)
    assert [(row.comm, row.policy, row.priority) for row in guest.read()] == [
        ("plain", "FIFO", 49), ("inner", "RR", 89),
    ]  # fmt: skip
    assert guest.survey.complete


def test_a_group_that_leads_to_itself_ends() -> None:
    guest = Guest()
    group = guest.memory.allocate(RT_SE.size)
    guest.set(RT_SE, group, my_q=guest.at(RQ, guest.rq, "rt"))
    guest.real_time(guest.at(RQ, guest.rq, "rt.active.queue"), 0, [group])
    guest.set(RQ, guest.rq, rt__rt_nr_running=1)
    assert guest.read() == []
    assert not guest.survey.complete


def test_deadline_tasks_without_the_server_and_the_stopper() -> None:
    guest = Guest()
    task = guest.task(7, "edf", "dl", prio=(1 << 32) - 1, policy=6, dl__deadline=NOW + 500_000_000)
    server, stopper = guest.memory.allocate(DL_SE.size), guest.task(9, "migration/0", "stop")
    guest.set(DL_SE, server, dl_server=1)
    top, child = guest.at(TASK, task, "dl.rb_node"), guest.at(DL_SE, server, "rb_node")
    guest.memory.word(top, 1, child, 0)
    guest.memory.word(child, top, 0, 0)
    guest.set(RQ, guest.rq, stop=stopper, dl__dl_nr_running=1)
    guest.memory.word(guest.at(RQ, guest.rq, "dl.root"), top)
    stop, edf = guest.read()
    assert (stop.comm, stop.sched_class) == ("migration/0", "stop")
    assert (edf.comm, edf.policy, edf.priority, edf.deadline_seconds) == ("edf", "DEADLINE", -1, 0.5)


def test_a_task_that_is_missing_is_marked() -> None:
    guest = Guest()
    lost = guest.task(7, "lost", "fair")
    link_list(guest.memory, guest.at(RQ, guest.rq, "cfs_tasks"), [guest.at(TASK, lost, "se.group_node")])
    guest.memory.hole(lost)
    assert guest.read() == []
    assert not guest.survey.complete


@pytest.mark.parametrize("values", [{"on_rq": 3}, {"sched_class": CLASSES["fair"]}, {"sched_class": 0}])
def test_what_is_no_stopper_is_no_row(values: dict[str, int]) -> None:
    """Its page is another one's: a task in a state that no task has, or no stopper."""
    guest = Guest()
    stopper = guest.task(9, "migration/0", "stop")
    guest.set(TASK, stopper, **values)
    guest.set(RQ, guest.rq, stop=stopper)
    assert guest.read() == []
    assert [notice.message for notice in guest.survey.notices] == [
        f"CPU 0: the task at {stopper:#x} is no stopper"
    ]
    assert not guest.survey.complete


def test_a_class_that_is_unknown_is_noted() -> None:
    survey = Survey(fake_kernel(FakeMemory()))
    classes = {0x10: "fair", 0x20: "idle"}
    assert [told_class(classes, place, survey) for place in (0x10, None, 0)] == ["fair", None, None]
    assert survey.complete
    assert told_class(classes, 0x30, survey) is None
    assert [one.message for one in survey.notices] == [
        "the class of the scheduler at 0x30 is none of fair, idle"
    ]
    assert not survey.complete
