"""The timekeeper's clocks, wherever a kernel keeps it."""

from __future__ import annotations

import struct

import pytest

from crashdrive.errors import CrashdriveError
from crashdrive.linux.clock import Clock, clock, iso_date
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import LONG, UINT, ULONG, FakeMemory, fake_kernel, record

READ = record("tk_read_base", ("xtime_nsec", ULONG), ("shift", UINT))
KEEPER = record(
    "timekeeper", ("tkr_mono", READ), ("xtime_sec", ULONG), ("offs_real", LONG), ("offs_boot", LONG)
)
TYPES = {"struct timekeeper": KEEPER}
SECOND = 1_000_000_000
# half a second past 2023-11-14 22:13:20 UTC; up for 100.5 s, and asleep for 50 s more
WORDS = (SECOND // 2 << 8, 8, 1_700_000_000, 1_699_999_900 * SECOND, 50 * SECOND)


def written(memory: FakeMemory, address: int) -> int:
    memory.write(address, struct.pack("<QI4xQqq", *WORDS))
    return address


def kernel_with_a_copy(memory: FakeMemory) -> Kernel:
    return fake_kernel(memory, TYPES, {"shadow_timekeeper": written(memory, memory.allocate(64))})


def kernel_with_a_named_type(memory: FakeMemory) -> Kernel:
    core = memory.allocate(128)
    written(memory, core + 8)
    types = TYPES | {"struct tk_data": record("tk_data", ("seq", ULONG), ("timekeeper", KEEPER))}
    return fake_kernel(memory, types, {"tk_core": core})


@pytest.mark.parametrize("kernel_with", [kernel_with_a_copy, kernel_with_a_named_type])
def test_all_clocks(kernel_with: type[Kernel]) -> None:
    kernel = kernel_with(FakeMemory())  # type: ignore[arg-type] # a function that makes one
    found = clock(Survey(kernel))
    assert found == Clock(realtime=1_700_000_000.5, monotonic=100.5, boottime=150.5, btime=1_699_999_850.0)
    assert found.date_of(40.0) == 1_699_999_940.0


def test_a_timekeeper_that_is_not_in_the_dump_gives_no_clock() -> None:
    memory = FakeMemory()
    address = written(memory, memory.allocate(64))
    memory.hole(address)
    with pytest.raises(CrashdriveError, match="excluded"):
        clock(Survey(fake_kernel(memory, TYPES, {"shadow_timekeeper": address})))


@pytest.mark.parametrize(
    ("seconds", "date"),
    [
        (1_700_000_000.5, "2023-11-14T22:13:20+00:00"),
        (-1.0, "1969-12-31T23:59:59+00:00"),
        (1e18, None),
        (-1e12, None),
    ],
)
def test_dates(seconds: float, date: str | None) -> None:
    assert iso_date(seconds) == date
