"""Timers of high resolution on a made-up CPU: clocks that differ, sleeping tasks, hangs, holes."""

from __future__ import annotations

import struct

from crashdrive.kernel.types.model import ArrayType, EnumType, IntType, StructType, Type
from crashdrive.linux.survey import Survey
from crashdrive.linux.time.hrtimers import Hrtimers, hrtimers
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    LONG,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    pointer,
    record,
)

USHORT = IntType("unsigned short", 2, signed=False)
RB_NODE = record(
    "rb_node", ("__rb_parent_color", ULONG), ("rb_right", pointer("struct rb_node")),
    ("rb_left", pointer("struct rb_node")),
)  # fmt: skip
RB_ROOT = record("rb_root", ("rb_node", pointer("struct rb_node")))
CACHED = record("rb_root_cached", ("rb_root", RB_ROOT), ("rb_leftmost", pointer("struct rb_node")))
QUEUE = record("timerqueue_head", ("rb_root", CACHED))
TIMER = record(
    "hrtimer", ("node", record("timerqueue_node", ("node", RB_NODE), ("expires", LONG))),
    ("_softexpires", LONG), ("function", ULONG),
)  # fmt: skip
CLOCK = record("hrtimer_clock_base", ("running", pointer(TIMER)), ("active", QUEUE), ("offset", LONG))
CPU = record(
    "hrtimer_cpu_base", ("active_bases", UINT), ("hres_active", U8), ("nr_events", UINT),
    ("nr_retries", USHORT), ("nr_hangs", USHORT), ("max_hang_time", UINT), ("expires_next", LONG),
    ("clock_base", ArrayType(CLOCK, 2)),
)  # fmt: skip
TASK = record("task_struct", ("pid", INT), ("comm", ArrayType(CHAR, 16)))
SLEEPER = record("hrtimer_sleeper", ("timer", TIMER), ("task", pointer(TASK)))
READ = record("tk_read_base", ("xtime_nsec", ULONG), ("shift", UINT))
KEEPER = record(
    "timekeeper", ("tkr_mono", READ), ("xtime_sec", ULONG), ("offs_real", LONG), ("offs_boot", LONG)
)
CPUMASK = record("cpumask", ("bits", ArrayType(ULONG, 1)))
KINDS = (RB_NODE, RB_ROOT, CACHED, QUEUE, TIMER, CLOCK, CPU, TASK, SLEEPER, KEEPER, CPUMASK)
BASES = EnumType(
    "hrtimer_base_type", 4, False,
    (("HRTIMER_BASE_MONOTONIC", 0), ("HRTIMER_BASE_REALTIME_SOFT", 1), ("HRTIMER_MAX_CLOCK_BASES", 2)),
)  # fmt: skip
TYPES: dict[str, Type] = {f"struct {kind.name}": kind for kind in KINDS}
TYPES["enum hrtimer_base_type"] = BASES
SECOND = 1_000_000_000
# up for 100 s; the epoch began 1000 s before the boot
UP, BOOT = 100, 1000
WAKEUP, TICK = 0xFFFF_FFFF_8100_0000, 0xFFFF_FFFF_8100_1000
FOREVER = (1 << 63) - 1


class Guest:
    """One CPU with two clocks: the monotonic one, and the time of day."""

    def __init__(self) -> None:
        memory = self.memory = FakeMemory()
        mask, offsets = (memory.allocate(8) for _ in range(2))
        self.keeper = memory.allocate(KEEPER.size)
        memory.word(mask, 1)
        memory.write(self.keeper, struct.pack("<QI4xQqq", 0, 8, BOOT + UP, BOOT * SECOND, 0))
        self.cpu = memory.allocate(CPU.size, 4096)
        symbols = {
            "hrtimer_bases": self.cpu, "shadow_timekeeper": self.keeper, "__cpu_present_mask": mask,
            "__per_cpu_offset": offsets, "hrtimer_wakeup": WAKEUP, "tick_sched_timer": TICK,
        }  # fmt: skip
        self.kernel = fake_kernel(memory, TYPES, symbols)
        self.survey = Survey(self.kernel)
        self.set(CPU, self.cpu, hres_active=1, nr_events=900, expires_next=(UP + 2) * SECOND)
        self.clocks = [self.cpu + self.kernel.offset(CPU, "clock_base") + CLOCK.size * at for at in (0, 1)]
        self.set(CLOCK, self.clocks[1], offset=BOOT * SECOND)
        memory.allocate(1, 4096)

    def set(self, kind: StructType, place: int, **values: int) -> None:
        for name, value in values.items():
            found = self.kernel.place(kind, name.replace("__", "."))
            raw = value.to_bytes(getattr(found.type, "size", 8), "little")
            self.memory.write(place + found.offset, raw)

    def timer(self, seconds: float, function: int, task: int = 0) -> int:
        place = self.memory.allocate(SLEEPER.size)
        due = int(seconds * SECOND)
        self.set(TIMER, place, node__expires=due, _softexpires=due - SECOND // 2, function=function)
        self.set(SLEEPER, place, task=task)
        return place

    def task(self, pid: int, comm: bytes) -> int:
        place = self.memory.allocate(TASK.size)
        self.memory.write(place, struct.pack("<i16s", pid, comm))
        return place

    def queue(self, number: int, *timers: int) -> None:
        """A tree that leans to the right."""
        root = self.clocks[number] + self.kernel.offset(CLOCK, "active.rb_root.rb_root")
        self.memory.word(root, timers[0])
        for parent, timer, following in zip([0, *timers], timers, [*timers[1:], 0], strict=False):
            # the parent, and the bit of a black node
            self.memory.word(timer, parent | 1, following, 0)
        active = self.memory.read(self.cpu, 4)
        self.set(CPU, self.cpu, active_bases=int.from_bytes(active, "little") | 1 << number)

    def read(self) -> Hrtimers:
        return hrtimers(self.survey)


def test_each_timer_by_its_own_clock() -> None:
    guest = Guest()
    overdue, later = guest.timer(UP - 1, TICK), guest.timer(UP + 3, TICK)
    of_the_day = guest.timer(BOOT + UP + 2, TICK)
    guest.queue(0, overdue, later)
    guest.queue(1, of_the_day)
    found = guest.read()
    assert [(one.timer_address, one.expires_left, one.earliest_left) for one in found.timers] == [
        (overdue, -1.0, -1.5), (of_the_day, 2.0, 1.5), (later, 3.0, 2.5),
    ]  # fmt: skip
    assert [one.clock_name for one in found.timers] == ["monotonic", "realtime soft", "monotonic"]
    assert {one.timer_function for one in found.timers} == {"tick_sched_timer"}
    (cpu,) = found.cpus
    assert (cpu.timer_count, cpu.events, cpu.high_resolution, cpu.next_left) == (3, 900, True, 2.0)
    assert guest.survey.complete


def test_the_task_that_a_timer_wakes() -> None:
    """Other timers are in no hrtimer_sleeper: what lies behind them is nobody's pid."""
    guest = Guest()
    task = guest.task(77, b"sleep")
    guest.queue(0, guest.timer(UP + 1, WAKEUP, task), guest.timer(UP + 2, TICK, task))
    assert [(one.pid, one.comm) for one in guest.read().timers] == [(77, "sleep"), (None, None)]


def test_hangs() -> None:
    guest = Guest()
    guest.set(CPU, guest.cpu, nr_retries=4, nr_hangs=2, max_hang_time=3 * SECOND // 2)
    (cpu,) = guest.read().cpus
    assert (cpu.retries, cpu.hangs, cpu.longest_hang_seconds) == (4, 2, 1.5)


def test_no_interrupt_is_programmed() -> None:
    guest = Guest()
    guest.set(CPU, guest.cpu, expires_next=FOREVER)
    found = guest.read()
    assert (found.timers, found.cpus[0].next_left, found.cpus[0].timer_count) == ([], None, 0)
    assert guest.survey.complete


def test_a_cpu_that_is_missing_is_told() -> None:
    guest = Guest()
    guest.queue(0, guest.timer(UP + 1, TICK))
    guest.memory.hole(guest.cpu)
    found = guest.read()
    (cpu,) = found.cpus
    assert (found.timers, cpu.high_resolution, cpu.next_left, cpu.longest_hang_seconds) == (
        [],
        None,
        None,
        None,
    )
    assert not guest.survey.complete


def test_without_the_clock_nothing_is_due_at_a_known_time() -> None:
    guest = Guest()
    guest.queue(0, guest.timer(UP + 1, TICK))
    del guest.kernel.symbols.symbols["shadow_timekeeper"]  # type: ignore[attr-defined] # FakeSymbols
    found = guest.read()
    assert [(one.expires_left, one.timer_function) for one in found.timers] == [(None, "tick_sched_timer")]
    assert found.cpus[0].next_left is None
    assert not guest.survey.complete
