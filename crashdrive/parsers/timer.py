"""``timer``: the kernel's pending timers.

Source in crash: ``dump_timer_data()`` and its ``..._tvec_bases_v1()``, ``..._v2()``, ``..._timer_bases()``,
``dump_hrtimer_data()``, ``dump_active_timers()``, ``print_timer()`` (kernel.c).

As crash prints it::

    crash> timer
    JIFFIES
    4294898721

    TIMER_BASES[0][BASE_STD]: ffff8c3b1de20980
      EXPIRES        TTE          TIMER_LIST     FUNCTION
      4294898722         1  ffff8c3b1ebb5250  ffffffffc0610b80  <mrp_join_timer>
"""

from __future__ import annotations

import re
from typing import NamedTuple

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers._timer_hrtimers import Hrtimer, HrtimerBase, check_hrtimers, hrtimers
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import DECIMAL, SIGNED, Cell, Column
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.records import Address, Long, Record

__all__ = ["EXAMPLES", "SHAPES", "Hrtimer", "HrtimerBase", "Timer", "TimerBase"]


class Timer(Record, frozen=True, kw_only=True):
    """A timer: when it fires (``expires``, jiffies), in how many jiffies (``tte``), its address and function.

    ``slot``: the index in the timer table of kernels before 2.4, in place of the address.
    """

    expires: Long
    tte: Long | None = None
    timer_list: Address | None = None
    slot: int | None = None
    function: Address
    function_name: str | None = None


class TimerBase(Record, frozen=True, kw_only=True):
    """The timers of one base: all of a CPU, or those of one kind (``BASE_STD``, ``BASE_DEF``).

    ``cpu`` and ``address`` are None on kernels with one table for all. ``jiffies``: the kernel's time.
    """

    cpu: int | None = None
    kind: str | None = None
    address: Address | None = None
    offline: bool = False
    jiffies: Long | None = None
    timers: tuple[Timer, ...] = ()


_HEX = r"[0-9a-f]{1,16}"


def _timers() -> g.ParserElement:
    """Jiffies at the top, or (before Linux 4.8) below each base; bases, of which kernels before 2.6 have
    none::

    JIFFIES
    4294898721

    TIMER_BASES[0][BASE_STD]: ffff8c3b1de20980
      EXPIRES        TTE          TIMER_LIST     FUNCTION
      4294898722         1  ffff8c3b1ebb5250  ffffffffc0610b80  <mrp_join_timer>
    """
    number = g.Row(r" *+(\d{1,20}+)", lambda row: int(row[1]), "a number of jiffies")
    jiffies = g.Titles("JIFFIES") + number
    base = g.Row(
        rf"(?:TVEC|TIMER)_BASES\[(?P<cpu>\d{{1,6}})\](?:\[(?P<kind>\w{{1,32}})\])?: "
        rf"(?:(?P<at>{_HEX})|\[OFFLINE\])",
        _base,
        "a base of timers: TIMER_BASES[CPU][KIND]: ADDRESS",
    )
    timers = g.made(g.Gap() + _timer_table(until=g.Gap() + (base | jiffies)), _as_timers)
    below = g.Gap() + g.Opt(jiffies) + g.Opt(timers)
    bases = g.Many(g.made(base + below, _with_timers), resume=base)
    return g.Gap() + g.Opt(jiffies) + (bases | g.made(g.Gap() + timers, _with_timers))


def _timer_table(until: g.ParserElement) -> g.ParserElement:
    place = Cell(rf"timer_table\[\d{{1,3}}\]|{_HEX}")
    return g.table(
        Timer,
        Column("EXPIRES", "expires", DECIMAL),
        Column("TTE", "tte", SIGNED),
        Column("TIMER_LIST", "place", place),
        Column("TIMER_LIST/TABLE", "place", place),
        Column("FUNCTION", "symbol", Cell(rf"{_HEX}(?: +<[^>\n]{{0,300}}>)?"), last=True),
        derived=(
            Derived(("timer_list", "slot"), of=("place",), by=_place),
            Derived(("function", "function_name"), of=("symbol",), by=_symbol),
        ),
        required=("EXPIRES", frozenset({"TIMER_LIST", "TIMER_LIST/TABLE"}), "FUNCTION"),
        what="timer",
        between=g.noise(
            g.Remark(r" *+\(none\)"),
            g.Remark(rf" *+\(invalid/stale entry at {_HEX}\)", "stale"),
        ),
        until=until,
        least=0,
    )


def _place(text: str) -> tuple[int | None, int | None]:
    """The timer's address, or its index in the timer table."""
    in_table = text.startswith("timer_table[")
    return (None, int(text[12:-1])) if in_table else (int(text, 16), None)


def _symbol(text: str) -> tuple[int, str | None]:
    """The function's address, and its name where crash knows it."""
    address, _, name = text.partition(" ")
    return int(address, 16), name.strip()[1:-1] if name else None


def _base(found: re.Match[str]) -> TimerBase:
    at = found["at"]
    return TimerBase(
        cpu=int(found["cpu"]), kind=found["kind"], address=int(at, 16) if at else None, offline=at is None
    )


class _Timers(NamedTuple):
    found: tuple[Timer, ...]


def _as_timers(_text: g.Text, _place: int, found: list[Timer]) -> _Timers:
    return _Timers(tuple(found))


def _with_timers(_text: g.Text, _place: int, found: list[TimerBase | int | _Timers]) -> TimerBase:
    """A base with its jiffies and timers. Kernels before 2.6 have no bases: theirs has nothing else."""
    base, jiffies, timers = TimerBase(), None, _Timers(())
    for one in found:
        if isinstance(one, TimerBase):
            base = one
        elif isinstance(one, int):
            jiffies = one
        else:
            timers = one
    return replace(base, jiffies=jiffies, timers=timers.found)


def _check_timers(source: Source, found: list[int | TimerBase]) -> list[TimerBase]:
    """The bases, each with its jiffies: its own, or the last ones above it."""
    jiffies: int | None = None
    bases: list[TimerBase] = []
    for one in found:
        if isinstance(one, int):
            jiffies = one
            continue
        jiffies = jiffies if one.jiffies is None else one.jiffies
        bases.append(replace(one, jiffies=jiffies))
    if not bases:
        source.fail(0, "no base of timers")
    return bases


SHAPES = (
    Shape(
        name="hrtimers",
        record=HrtimerBase,
        grammar=hrtimers,
        finish=check_hrtimers,
        options="-r",
        when=lambda source: source.command.has("r"),
    ),
    Shape(name="timers", record=TimerBase, grammar=_timers, finish=_check_timers, options="(none) -C"),
)

EXAMPLES = (
    "timer",
    "timer -r",
    "timer -C 0",
    "timer -r -C 0",
    "timer -C 999",
)
