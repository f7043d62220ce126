"""Ticks per second."""

from __future__ import annotations

import struct

import pytest

from crashdrive.errors import CorruptError
from tests.kernel.fake_memory import UINT, FakeMemory, fake_kernel, record

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
