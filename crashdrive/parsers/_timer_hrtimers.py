"""``timer -r``: the kernel's pending high-resolution timers.

Source in crash: ``dump_hrtimer_data()``, ``dump_hrtimer_clock_base()``, ``dump_active_timers()`` (kernel.c).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.records import Address, Long, Record


class Hrtimer(Record, frozen=True, kw_only=True):
    """A high-resolution timer, in nanoseconds of its clock; ``softexpires`` is the earliest time.

    ``destroyed``: crash found no timer where one should be; all other fields are None then.
    """

    softexpires: Long | None = None
    expires: Long | None = None
    tte: Long | None = None
    hrtimer: Address | None = None
    function: Address | None = None
    function_name: str | None = None
    destroyed: bool = False


class HrtimerBase(Record, frozen=True, kw_only=True):
    """The timers of one clock on one CPU; ``current`` is the clock's time, None when there is no timer."""

    cpu: int
    offline: bool = False
    cpu_base: Address | None = None
    clock: Address | None = None
    address: Address | None = None
    clock_name: str | None = None
    current: Long | None = None
    timers: tuple[Hrtimer, ...] = ()


_HEX = r"[0-9a-f]{1,16}"


class _Clock(NamedTuple):
    base: HrtimerBase
    told: bool  # its timers stand below the base


def hrtimers() -> g.ParserElement:
    """Each CPU's clocks, each with its time and its timers; old kernels have fewer columns::

    CPU: 0  HRTIMER_CPU_BASE: ffff89046c622e80
      CLOCK: 0  HRTIMER_CLOCK_BASE: ffff89046c622ec0  [ktime_get]
        CURRENT
       3696000000
      SOFTEXPIRES    EXPIRES      TTE         HRTIMER           FUNCTION
       3880000000  3880000000  -184000000  ffff89046c623440  ffffffffac958f60  <tick_sched_timer>
      (destroyed timer)

      CLOCK: 1  HRTIMER_CLOCK_BASE: ffff89046c622f00  [ktime_get_real]
      (empty)
    """
    cpu = g.Row(
        rf"CPU: (\d{{1,6}}) *+(?:HRTIMER_CPU_BASE: ({_HEX})|(\[OFFLINE\]))?",
        _hr_cpu,
        "a CPU: HRTIMER_CPU_BASE",
    )
    clock = g.Row(
        rf" *+CLOCK: (\d{{1,3}})  HRTIMER_(?:CLOCK_)?BASE: ({_HEX})(?:  \[([^\]\n]{{0,300}})\])?",
        _hr_clock,
        "a clock: CLOCK HRTIMER_CLOCK_BASE",
    )
    number = g.Row(r" *+(\d{1,20}+)", lambda row: int(row[1]), "a number of nanoseconds")
    current = g.Titles("CURRENT") + g.Gap() + number("current")
    empty = g.Row(r" *+\(empty\)", lambda _: True, "that it has no timers: (empty)")
    below = g.Opt(current) + g.Gap() + g.Opt(empty("empty") | g.Group(_hr_table(clock | cpu))("timers"))
    clocks = g.Many(
        g.record(_hr_base, clock("base") + g.Gap() + below), until=cpu, resume=clock | cpu, least=0
    )
    return g.Many(g.block(cpu, clocks, lambda base, clocks: (base, clocks)), resume=cpu)


def _hr_table(until: g.ParserElement) -> g.ParserElement:
    """Times as the header has them; a timer that was destroyed has none."""
    header = g.Row(
        r" *+(?:SOFTEXPIRES ++)?EXPIRES ++(?:TTE ++)?HRTIMER ++FUNCTION",
        lambda found: found[0].split(),
        "the header SOFTEXPIRES EXPIRES TTE HRTIMER FUNCTION",
    )
    function = rf"(?: ++({_HEX})  <([^>\n]{{0,300}})>)?"
    row = g.Row(
        rf" *+(?:\(destroyed timer\)|((?:-?\d{{1,20}} ++){{1,3}})({_HEX}){function})",
        lambda found: found.groups(),
        "a row of timers: SOFTEXPIRES EXPIRES TTE HRTIMER FUNCTION",
    )
    return g.block(header, g.Rows(row, until=until), _hr_timers)


def _hr_timers(
    titles: list[str], rows: tuple[tuple[str | None, str | None, str | None, str | None], ...]
) -> tuple[Hrtimer, ...] | None:
    """The timers below a header; None where a row has more or fewer times than the header has columns for."""
    timers: list[Hrtimer] = []
    for times, at, function, name in rows:
        if times is None or at is None:
            timers.append(Hrtimer(destroyed=True))
            continue
        named = dict(zip(titles[:-2], map(int, times.split()), strict=False))
        if len(times.split()) != len(titles) - 2:
            return None
        timers.append(
            Hrtimer(
                softexpires=named.get("SOFTEXPIRES"),
                expires=named.get("EXPIRES"),
                tte=named.get("TTE"),
                hrtimer=int(at, 16),
                function=int(function, 16) if function else None,
                function_name=name,
            )
        )
    return tuple(timers)


def _hr_cpu(found: re.Match[str]) -> HrtimerBase:
    at = found[2]
    return HrtimerBase(cpu=int(found[1]), cpu_base=int(at, 16) if at else None, offline=bool(found[3]))


def _hr_clock(found: re.Match[str]) -> HrtimerBase:
    return HrtimerBase(cpu=0, clock=int(found[1]), address=int(found[2], 16), clock_name=found[3])


def _hr_base(
    base: HrtimerBase,
    current: int | None = None,
    empty: bool = False,  # noqa: FBT001, FBT002 # by its name
    timers: tuple[tuple[Hrtimer, ...], ...] = (),
) -> _Clock:
    found = timers[0] if timers else ()
    return _Clock(replace(base, current=current, timers=found), empty or bool(found))


def check_hrtimers(source: Source, found: list[tuple[HrtimerBase, tuple[_Clock, ...]]]) -> list[HrtimerBase]:
    """All clocks, each with its CPU. Timers are missing where crash neither lists any nor says that there are
    none.
    """
    elided = any(notice.kind == "elided" for notice in source.warnings)
    bases: list[HrtimerBase] = []
    for cpu, clocks in found:
        if cpu.offline:
            bases.append(cpu)
        for clock, told in clocks:
            if not told and not elided:
                source.note("partial", f"timers of clock {clock.clock} are missing", incomplete=True)
            bases.append(replace(clock, cpu=cpu.cpu, cpu_base=cpu.cpu_base))
    if not bases:
        source.fail(0, "no clock of timers")
    return bases
