"""Timer wheels of made-up machines: one, two and three of a CPU, overdue and running timers, holes."""

from __future__ import annotations

import pytest

from crashdrive.kernel.types.model import ArrayType, StructType, Type
from crashdrive.linux.survey import Survey
from crashdrive.linux.time.wheel import TimerWheel, WheelTimer, timer_wheels, wheel_timers
from tests.kernel.fake_memory import (
    BOOL,
    HLIST_HEAD,
    HLIST_NODE,
    UINT,
    ULONG,
    FakeMemory,
    SizesKnown,
    fake_kernel,
    link_hlist,
    pointer,
    record,
)

BUCKETS = 4
BASE = record(
    "timer_base", ("running_timer", pointer("struct timer_list")), ("clk", ULONG), ("next_expiry", ULONG),
    ("is_idle", BOOL), ("vectors", ArrayType(HLIST_HEAD, BUCKETS)),
)  # fmt: skip
TIMER = record("timer_list", ("entry", HLIST_NODE), ("expires", ULONG), ("function", ULONG), ("flags", UINT))
CPUMASK = record("cpumask", ("bits", ArrayType(ULONG, 1)))
NOW, HZ = 1_000_000, 250
CALL, OTHER = 0xFFFF_FFFF_8100_0000, 0xFFFF_FFFF_8100_1000
DEFERRABLE, PINNED = 0x8_0000, 0x10_0000


class Guest:
    """One CPU with so many wheels."""

    def __init__(self, wheels: int) -> None:
        memory = self.memory = FakeMemory()
        mask, offsets, jiffies = (memory.allocate(8) for _ in range(3))
        memory.word(mask, 1)
        memory.word(jiffies, NOW)
        bases = memory.allocate(BASE.size * wheels, 4096)
        self.bases = [bases + BASE.size * number for number in range(wheels)]
        kinds: dict[str, Type] = {f"struct {kind.name}": kind for kind in (BASE, TIMER, CPUMASK)}
        symbols = {
            "timer_bases": bases, "jiffies_64": jiffies, "__cpu_present_mask": mask,
            "__per_cpu_offset": offsets, "call": CALL, "other": OTHER,
        }  # fmt: skip
        self.kernel = fake_kernel(memory, kinds, symbols)
        self.kernel.symbols.source = SizesKnown({"timer_bases": BASE.size * wheels})  # type: ignore[assignment] # tells sizes
        self.survey = Survey(self.kernel)
        for base in self.bases:
            self.set(BASE, base, clk=NOW, next_expiry=NOW + HZ)
        memory.allocate(1, 4096)

    def set(self, kind: StructType, place: int, **values: int) -> None:
        for name, value in values.items():
            found = self.kernel.place(kind, name)
            raw = value.to_bytes(getattr(found.type, "size", 8), "little")
            self.memory.write(place + found.offset, raw)

    def timer(self, left: float, function: int = CALL, flags: int = 0) -> int:
        place = self.memory.allocate(TIMER.size)
        self.set(TIMER, place, expires=NOW + int(left * HZ), function=function, flags=flags)
        return place

    def queue(self, base: int, bucket: int, *timers: int) -> None:
        head = base + self.kernel.offset(BASE, "vectors") + 8 * bucket
        link_hlist(self.memory, head, timers)

    def read(self) -> tuple[list[WheelTimer], list[TimerWheel]]:
        timers = wheel_timers(self.survey)
        return timers, list(timer_wheels(self.survey, timers))


def test_timers_come_in_the_order_in_which_they_expire() -> None:
    guest = Guest(1)
    late, overdue, soon = guest.timer(60), guest.timer(-2, OTHER), guest.timer(0.5)
    guest.queue(guest.bases[0], 0, late, overdue)
    guest.queue(guest.bases[0], 3, soon)
    timers, (wheel,) = guest.read()
    assert [(one.expires_left, one.timer_function, one.timer_address) for one in timers] == [
        (-2.0, "other", overdue), (0.5, "call", soon), (60.0, "call", late),
    ]  # fmt: skip
    assert (wheel.wheel, wheel.timer_count, wheel.next_left) == ("standard", 3, 1.0)
    assert (wheel.lag_seconds, wheel.running_function, wheel.wheel_idle) == (0.0, None, False)
    assert guest.survey.complete


@pytest.mark.parametrize(
    ("wheels", "names", "of_flags"),
    [
        (1, ["standard"], ["standard"] * 3),
        (2, ["standard", "deferrable"], ["standard", "deferrable", "standard"]),
        (3, ["local", "global", "deferrable"], ["global", "deferrable", "local"]),
    ],
)
def test_the_wheel_of_a_timer(wheels: int, names: list[str], of_flags: list[str]) -> None:
    """Deferrable timers of a kernel that has one wheel are on that one."""
    guest = Guest(wheels)
    timers = [guest.timer(1 + number, flags=flags) for number, flags in enumerate((0, DEFERRABLE, PINNED))]
    places = dict(zip(names, guest.bases, strict=True))
    for name in set(of_flags):
        own = [timer for timer, of in zip(timers, of_flags, strict=True) if of == name]
        guest.queue(places[name], 1, *own)
    found, bases = guest.read()
    assert [one.wheel for one in found] == of_flags
    assert {one.wheel: one.timer_count for one in bases} == {name: of_flags.count(name) for name in names}
    assert [one.timer_base for one in bases] == guest.bases


def test_a_wheel_that_lags_runs_a_timer() -> None:
    guest = Guest(1)
    guest.set(BASE, guest.bases[0], clk=NOW - 5 * HZ, running_timer=guest.timer(-5, OTHER), is_idle=1)
    _, (wheel,) = guest.read()
    assert (wheel.lag_seconds, wheel.running_function, wheel.wheel_idle) == (5.0, "other", True)


def test_a_wheel_that_is_missing_is_told() -> None:
    guest = Guest(1)
    guest.memory.hole(guest.bases[0])
    timers, (wheel,) = guest.read()
    assert timers == []
    assert (wheel.lag_seconds, wheel.next_left, wheel.wheel_idle, wheel.running_function) == (None,) * 4
    assert not guest.survey.complete


def test_a_timer_that_is_missing_is_told() -> None:
    guest = Guest(1)
    there = guest.timer(1)
    gone = guest.memory.allocate(TIMER.size, 4096)
    guest.queue(guest.bases[0], 0, there, gone)
    guest.memory.hole(gone)
    timers, _ = guest.read()
    assert there in [one.timer_address for one in timers]
    assert not guest.survey.complete
