"""Ticks per second."""

from __future__ import annotations

import struct

import pytest

from crashdrive.errors import CorruptError
from tests.kernel.fake_memory import UINT, ULONG, FakeMemory, fake_kernel, record

CLOCK = record("clocksource", ("mult", UINT), ("shift", UINT))


@pytest.mark.parametrize(("hz", "shift"), [(100, 8), (250, 8), (300, 8), (1000, 8), (1024, 8), (24, 6)])
def test_hz_is_the_clocks_own(hz: int, shift: int) -> None:
    memory = FakeMemory()
    address = memory.allocate(8)
    nanoseconds = (1_000_000_000 + hz // 2) // hz
    memory.write(address, struct.pack("<II", nanoseconds << shift, shift))
    kernel = fake_kernel(memory, {"struct clocksource": CLOCK}, {"clocksource_jiffies": address})
    assert kernel.hz == hz


@pytest.mark.parametrize(("mult", "shift"), [(0, 0), (1, 8), (0xFFFF_FFFF, 0xFFFF_FFFF), (0xFFFF_FFFF, 0)])
def test_a_clock_that_cannot_be_is_an_error(mult: int, shift: int) -> None:
    memory = FakeMemory()
    address = memory.allocate(8)
    memory.write(address, struct.pack("<II", mult, shift))
    kernel = fake_kernel(memory, {"struct clocksource": CLOCK}, {"clocksource_jiffies": address})
    with pytest.raises(CorruptError, match="is impossible"):
        _ = kernel.hz


def test_hz_as_crash_says_without_that_clock() -> None:
    assert fake_kernel(FakeMemory()).hz == 250


def test_the_clock_and_cpus_of_a_live_kernel_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a dump they are read once."""
    memory = FakeMemory()
    ticks, online = memory.allocate(8), memory.allocate(8)
    symbols = {"jiffies_64": ticks, "__cpu_online_mask": online}
    for live, later in ((False, (100, (0,))), (True, (101, (0, 1)))):
        kernel = fake_kernel(memory, {"struct cpumask": record("cpumask", ("bits", ULONG))}, symbols)
        monkeypatch.setattr(type(kernel), "live", live)
        for now, cpus in ((100, 1), (101, 3)):
            memory.write(ticks, struct.pack("<Q", now))
            memory.write(online, struct.pack("<Q", cpus))
            found = kernel.jiffies, kernel.online_cpus
        assert found == later
