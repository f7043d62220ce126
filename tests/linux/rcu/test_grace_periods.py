"""RCU on a made-up machine: CPUs, readers and expedited grace periods that no recording has held up."""

from __future__ import annotations

import struct

import pytest

from crashdrive.errors import UnknownMemberError
from crashdrive.kernel.types.model import ArrayType, StructType, Type
from crashdrive.linux.rcu.grace_periods import GracePeriod, Rcu, rcu
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    LIST_HEAD,
    LONG,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

NODE = record(
    "rcu_node", ("qsmask", ULONG), ("expmask", ULONG), ("grplo", INT), ("grphi", INT), ("level", U8),
    ("blkd_tasks", LIST_HEAD),
)  # fmt: skip
# a root and two leaves
STATE = record(
    "rcu_state", ("node", ArrayType(NODE, 3)), ("gp_seq", ULONG), ("gp_start", ULONG),
    ("gp_activity", ULONG), ("jiffies_resched", ULONG), ("gp_req_activity", ULONG), ("gp_state", INT),
    ("n_force_qs", ULONG),
    ("expedited_sequence", ULONG), ("gp_kthread", pointer("struct task_struct")), ("name", pointer(CHAR)),
)  # fmt: skip
DATA = record(
    "rcu_data", ("gp_seq", ULONG), ("cblist", record("rcu_segcblist", ("len", LONG))),
    ("n_cbs_invoked", ULONG), ("core_needs_qs", U8), ("ticks_this_gp", ULONG), ("rcu_urgent_qs", U8),
    ("lazy_len", LONG), ("nocb_cb_kthread", pointer("struct task_struct")),
)  # fmt: skip
TASK = record(
    "task_struct", ("pid", INT), ("__state", UINT), ("comm", ArrayType(CHAR, 16)),
    ("rcu_node_entry", LIST_HEAD),
)  # fmt: skip
CPUMASK = record("cpumask", ("bits", ArrayType(ULONG, 1)))
TYPES: dict[str, Type] = {f"struct {kind.name}": kind for kind in (NODE, STATE, DATA, TASK, CPUMASK)}
NOW, HZ = 1_000_000, 250
WAITS = 5  # RCU_GP_WAIT_FQS
# number 10, in progress
SEQUENCE = 10 << 2 | 1


class Guest:
    """Two CPUs, each in a leaf of its own; grace period 10 began 21 s ago, and CPU 1 holds it up."""

    def __init__(self, **types: Type) -> None:
        memory = self.memory = FakeMemory()
        mask, self.nodes, jiffies = (memory.allocate(8) for _ in range(3))
        self.state = memory.allocate(STATE.size, 4096)
        data = [memory.allocate(DATA.size, 4096) for _ in range(2)]
        offsets = memory.allocate(16)
        memory.word(mask, 0b11)
        memory.word(jiffies, NOW)
        memory.word(offsets, 0, data[1] - data[0])
        memory.int32(self.nodes, 3)
        symbols = {
            "rcu_state": self.state, "rcu_num_nodes": self.nodes, "rcu_data": data[0], "jiffies": jiffies,
            "jiffies_64": jiffies, "__cpu_present_mask": mask, "__per_cpu_offset": offsets,
        }  # fmt: skip
        self.kernel = fake_kernel(memory, TYPES | types, symbols)
        self.survey = Survey(self.kernel)
        self.thread = self.task(16, b"rcu_preempt")
        name = memory.allocate(16)
        memory.write(name, b"rcu_preempt")
        self.set(
            STATE, self.state, gp_seq=SEQUENCE, gp_start=NOW - 21 * HZ, gp_activity=NOW - HZ // 2,
            jiffies_resched=NOW - 15 * HZ,
            gp_state=WAITS, n_force_qs=7, gp_kthread=self.thread, name=name,
        )  # fmt: skip
        self.leaves = [self.state + NODE.size * number for number in (1, 2)]
        for cpu, leaf in enumerate(self.leaves):
            self.set(NODE, leaf, level=1, grplo=cpu, grphi=cpu)
            self.block(leaf)
        self.set(NODE, self.leaves[1], qsmask=1, expmask=1)
        self.set(DATA, data[0], gp_seq=SEQUENCE, cblist__len=5, n_cbs_invoked=900)
        self.set(DATA, data[1], gp_seq=SEQUENCE - 8, ticks_this_gp=5250, nocb_cb_kthread=self.thread)

    def set(self, kind: StructType, place: int, **values: int) -> None:
        for name, value in values.items():
            found = self.kernel.place(kind, name.replace("__", "."))
            raw = value.to_bytes(getattr(found.type, "size", 8), "little")
            self.memory.write(place + found.offset, raw)

    def task(self, pid: int, comm: bytes) -> int:
        place = self.memory.allocate(TASK.size)
        self.memory.write(place + self.kernel.offset(TASK, "pid"), struct.pack("<i", pid))
        self.memory.write(place + self.kernel.offset(TASK, "comm"), comm)
        return place

    def block(self, leaf: int, *tasks: int) -> None:
        nodes = [task + self.kernel.offset(TASK, "rcu_node_entry") for task in tasks]
        link_list(self.memory, leaf + self.kernel.offset(NODE, "blkd_tasks"), nodes)

    def read(self) -> Rcu:
        return rcu(self.survey)

    def period(self) -> GracePeriod:
        (period,) = self.read().periods
        return period


def test_a_cpu_holds_the_grace_period_up() -> None:
    guest = Guest()
    found = guest.read()
    assert found.periods == [
        GracePeriod(
            flavor="rcu_preempt", grace_period=10, in_progress=True, age_seconds=21.0, stall_timeout=12.0,
            idle_seconds=0.5, thread_step="waits for quiescent states", thread_pid=16, held_up_cpus=(1,),
            expedited_cpus=(1,), forced_scans=7,
        )
    ]  # fmt: skip
    first, second = found.cpus
    assert (first.holds_up, first.callbacks, first.callbacks_run, first.offload_pid) == (False, 5, 900, None)
    assert (second.holds_up, second.ticks, second.offload_pid) == (True, 5250, 16)
    assert (first.grace_periods_behind, second.grace_periods_behind) == (0, 2)
    assert found.readers == []
    assert guest.survey.complete


def test_tasks_within_critical_sections() -> None:
    guest = Guest()
    one, other = guest.task(70, b"slow"), guest.task(71, b"slower")
    guest.block(guest.leaves[1], one, other)
    assert [(row.pid, row.comm, row.first_cpu, row.last_cpu, row.task) for row in guest.read().readers] == [
        (70, "slow", 1, 1, one), (71, "slower", 1, 1, other),
    ]  # fmt: skip


def test_none_in_progress_has_no_age() -> None:
    guest = Guest()
    guest.set(STATE, guest.state, gp_seq=10 << 2, gp_state=0)
    period = guest.period()
    assert (period.in_progress, period.age_seconds, period.thread_step) == (False, None, "idle")


def test_the_count_begins_below_zero() -> None:
    guest = Guest()
    guest.set(STATE, guest.state, gp_seq=(-300 << 2) % (1 << 64))
    assert guest.period().grace_period == -300


@pytest.mark.parametrize("step", [9, 77])
def test_a_step_that_nobody_knows_is_its_number(step: int) -> None:
    guest = Guest()
    guest.set(STATE, guest.state, gp_state=step)
    assert guest.period().thread_step == str(step)


@pytest.mark.parametrize("count", [0, 4, -1])
def test_a_count_of_nodes_that_cannot_be_is_told(count: int) -> None:
    """What the nodes would have told is unknown: not that no CPU holds it up."""
    guest = Guest()
    guest.memory.int32(guest.nodes, count)
    found = guest.read()
    assert (found.periods[0].held_up_cpus, found.periods[0].expedited_cpus) == (None, None)
    assert [row.holds_up for row in found.cpus] == [None, None]
    assert not guest.survey.complete
    assert f"{count} nodes of RCU are impossible; not read" in str(guest.survey.notices)


def test_a_state_that_is_missing_is_unknown() -> None:
    guest = Guest()
    guest.memory.hole(guest.state)
    found = guest.read()
    (period,) = found.periods
    assert (period.flavor, period.grace_period, period.in_progress, period.held_up_cpus) == (None,) * 4
    assert (period.age_seconds, period.idle_seconds, period.thread_step) == (None,) * 3
    assert [row.grace_periods_behind for row in found.cpus] == [None, None]
    assert not guest.survey.complete


def test_readers_need_the_lists_of_the_nodes() -> None:
    """A kernel whose tasks have the entry and whose nodes have no list isn't one without readers."""
    bare = StructType("struct", "rcu_node", NODE.size, NODE.members[:-1])
    with pytest.raises(UnknownMemberError, match="blkd_tasks"):
        Guest(**{"struct rcu_node": bare}).read()


def test_a_kernel_without_preemptible_rcu_has_no_readers() -> None:
    bare = StructType("struct", "task_struct", TASK.size, TASK.members[:-1])
    guest = Guest(**{"struct task_struct": bare})
    assert guest.read().readers == []
    assert guest.survey.complete


@pytest.mark.parametrize(("half", "known"), [(1.5, 3.0), (150, 300.0), (1, None), (200, None), (-3, None)])
def test_a_time_out_is_what_the_kernel_allows(half: float, known: float | None) -> None:
    guest = Guest()
    guest.set(STATE, guest.state, jiffies_resched=NOW - 21 * HZ + int(half * HZ))
    assert guest.period().stall_timeout == known
