"""The ratio of user to system time, as cputime_adjust() of kernel/sched/cputime.c makes it."""

from __future__ import annotations

import pytest

from crashdrive.linux.sched.cputime import Spent, adjusted


@pytest.mark.parametrize(
    ("ticks", "runtime", "told", "expected"),
    [
        (Spent(0, 0), 700, Spent(0, 0), Spent(700, 0)),
        (Spent(0, 4), 700, Spent(0, 0), Spent(0, 700)),
        (Spent(4, 0), 700, Spent(0, 0), Spent(700, 0)),
        (Spent(30, 10), 800, Spent(0, 0), Spent(600, 200)),
        # what was told before never becomes less
        (Spent(30, 10), 800, Spent(100, 300), Spent(500, 300)),
        (Spent(10, 30), 800, Spent(300, 100), Spent(300, 500)),
        (Spent(30, 10), 800, Spent(700, 150), Spent(700, 150)),
    ],
)
def test_time_is_split_by_what_ticks_saw(ticks: Spent, runtime: int, told: Spent, expected: Spent) -> None:
    assert adjusted(ticks, runtime, told) == expected
