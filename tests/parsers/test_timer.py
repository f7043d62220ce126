"""``timer``: timers of all ages of kernels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.timer import Hrtimer, Timer
from tests.parsers.recorded import each, output

NEW = """\
JIFFIES  \x20
4294893220

TIMER_BASES[0][BASE_STD]: ffff89046c620980
  EXPIRES        TTE        TIMER_LIST     FUNCTION
  4294893243      23  ffff89046a7f0790  ffffffffacd56680  <blk_stat_timer_fn>
  4294893000    -220  ffff89046b763260  ffffffffac8b79d0  <delayed_work_timer_fn>
TIMER_BASES[0][BASE_DEF]: ffff89046c621c00
  EXPIRES        TTE        TIMER_LIST     FUNCTION
  (none)

TIMER_BASES[1]: [OFFLINE]
"""
HIGH = """\
CPU: 0  HRTIMER_CPU_BASE: ffff89046c622e80
  CLOCK: 0  HRTIMER_CLOCK_BASE: ffff89046c622ec0  [ktime_get]
    CURRENT \x20
   3696000000
  SOFTEXPIRES    EXPIRES      TTE         HRTIMER           FUNCTION   \x20
   3880000000  3880000000  -184000000  ffff89046c623440  ffffffffac958f60  <tick_sched_timer>
  (destroyed timer)

  CLOCK: 1  HRTIMER_CLOCK_BASE: ffff89046c622f00  [ktime_get_real]
  (empty)

CPU: 1  [OFFLINE]
"""


def test_bases() -> None:
    std, default, offline = answer = parse("timer", NEW)
    assert (std.cpu, std.kind, std.address, std.jiffies) == (0, "BASE_STD", 0xFFFF89046C620980, 4294893220)
    assert std.timers[1] == Timer(
        expires=4294893000,
        tte=-220,
        timer_list=0xFFFF89046B763260,
        function=0xFFFFFFFFAC8B79D0,
        function_name="delayed_work_timer_fn",
    )
    assert (default.timers, offline.offline) == ((), True)
    assert answer.complete


def test_old_kernels() -> None:
    per_cpu = (
        "TVEC_BASES[0]: c1c1e000\n JIFFIES\n  68379\n EXPIRES  TIMER_LIST  FUNCTION\n"
        "   68379   f2591f54   c0126f2c  <process_timeout>\n   68400   f2591f00   c0400000\n"
    )
    base = parse("timer", per_cpu).one()
    assert (base.jiffies, [timer.tte for timer in base.timers]) == (68379, [None, None])
    assert base.timers[1].function_name is None
    table = (
        "JIFFIES \n68379   \n\nEXPIRES   TTE  TIMER_LIST/TABLE  FUNCTION\n"
        "   68379   10  timer_table[2]    c01ca1a4  <rs_timer>\n"
        "   68500  121      c02dbdf0      c0126f2c  <x>\n"
    )
    base = parse("timer", table).one()
    assert (base.cpu, base.address, base.timers[0].slot) == (None, None, 2)
    assert base.timers[1].timer_list == 0xC02DBDF0


def test_clocks() -> None:
    first, second, offline = answer = parse("timer -r", HIGH)
    assert (first.cpu, first.clock, first.clock_name, first.current) == (0, 0, "ktime_get", 3696000000)
    assert first.timers == (
        Hrtimer(
            softexpires=3880000000,
            expires=3880000000,
            tte=-184000000,
            hrtimer=0xFFFF89046C623440,
            function=0xFFFFFFFFAC958F60,
            function_name="tick_sched_timer",
        ),
        Hrtimer(destroyed=True),
    )
    assert (second.timers, offline.offline) == ((), True)
    assert answer.complete
    assert not parse("timer -r", HIGH.replace("  (empty)\n", "")).complete


def test_old_high_resolution_timers() -> None:
    text = (
        "CPU: 0\n  CLOCK: 0  HRTIMER_BASE: c1c1e000  [ktime_get_real]\n  CURRENT\n  1436\n"
        "  EXPIRES  HRTIMER   FUNCTION\n     1500  c1c1f000  c013ac10  <it_real_fn>\n"
    )
    (timer,) = parse("timer -r", text).one().timers
    assert (timer.softexpires, timer.expires, timer.tte) == (None, 1500, None)


@pytest.mark.parametrize("command", ["timer", "timer -r"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "timer: invalid cpu specification: 9\n",
        " " * 1_000_000,
        NEW.replace("TTE", "TTL"),
        HIGH.replace("TTE", ""),
    ],
)
def test_refused(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


@each("timer")
def test_timers_counted_another_way(case: Path) -> None:
    command, text = output(case)
    timers = [timer for base in parse(command, text) for timer in base.timers]
    assert len(timers) == len(re.findall(r"<\w+(?:\.\w+)*>$", text, re.MULTILINE))
