"""``timer``: what the kernel's timers wait for.

Source in crash: ``dump_timer_data()`` and its ``..._tvec_bases_v1()``, ``..._v2()``, ``..._timer_bases()``,
``dump_hrtimer_data()``, ``dump_active_timers()``, ``print_timer()`` (kernel.c).
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import DECIMAL, SIGNED, Cell, Column
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.parsers.grammar.rows import lines_of, skip_or_reject, words_of
from crashdrive.records import Address, Long, Record


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
    """The timers of one base: all of one CPU's, or one kind of them (``BASE_STD``, ``BASE_DEF``).

    ``cpu`` and ``address`` are None on kernels with one table for all. ``jiffies``: the kernel's time.
    """

    cpu: int | None = None
    kind: str | None = None
    address: Address | None = None
    offline: bool = False
    jiffies: Long | None = None
    timers: tuple[Timer, ...] = ()


class Hrtimer(Record, frozen=True, kw_only=True):
    """A high-resolution timer, in nanoseconds of its clock; ``softexpires`` is the earliest time.

    ``destroyed``: crash found no timer where one should be; nothing else is known then.
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


OPTSTRING = "rC:"
EXAMPLES = (
    "timer",
    "timer -r",
    "timer -C 0",
    "timer -r -C 0",
    "timer -C 999",
)

_HEX = r"[0-9a-f]{1,16}"
_JIFFIES = re.compile(r" *+(\d{1,20})[ ]*")
_SYMBOL = re.compile(rf"({_HEX})(?: +<([^>\n]{{0,300}})>)?")


def _timers() -> g.ParserElement:
    """Jiffies stand at the top, or (before Linux 4.8) below each base; kernels before 2.6 have no base::

    JIFFIES
    4294898721

    TIMER_BASES[0][BASE_STD]: ffff8c3b1de20980
      EXPIRES        TTE          TIMER_LIST     FUNCTION
      4294898722         1  ffff8c3b1ebb5250  ffffffffc0610b80  <mrp_join_timer>
    """
    number = g.Row(r" *+(\d{1,20}+)", lambda row: int(row[1]), "a number of jiffies")
    jiffies = g.Titles("JIFFIES") + number("jiffies")
    base = g.Row(
        rf"(?:TVEC|TIMER)_BASES\[(?P<cpu>\d{{1,6}})\](?:\[(?P<kind>\w{{1,32}})\])?: "
        rf"(?:(?P<at>{_HEX})|\[OFFLINE\])",
        _base,
        "a base of timers: TIMER_BASES[CPU][KIND]: ADDRESS",
    )
    timers = g.section(g.Gap(), _timer_table(until=g.Gap() + (base | jiffies)))("timers")
    below = g.Gap() + g.Opt(jiffies) + g.Opt(timers)
    bases = g.Many(g.record(_with_timers, base("base") + below), resume=base)
    return g.Gap() + g.Opt(jiffies) + (bases | g.record(TimerBase, timers))


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


def _with_timers(base: TimerBase, jiffies: int | None = None, timers: tuple[Timer, ...] = ()) -> TimerBase:
    return replace(base, jiffies=jiffies, timers=timers)


def _check_timers(source: Source, found: list[int | TimerBase]) -> list[TimerBase]:
    """The bases, each with the jiffies that stand last above it."""
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


_CPU = re.compile(
    rf"CPU: (?P<cpu>\d{{1,6}}) *(?:HRTIMER_CPU_BASE: (?P<at>{_HEX})|(?P<offline>\[OFFLINE\]))?[ ]*"
)
_CLOCK = re.compile(
    rf" *+CLOCK: (?P<clock>\d{{1,3}})  HRTIMER_(?:CLOCK_)?BASE: (?P<at>{_HEX})"
    r"(?:  \[(?P<name>[^\]\n]{0,300})\])?[ ]*"
)
_HR_TITLES = ["SOFTEXPIRES", "EXPIRES", "TTE", "HRTIMER", "FUNCTION"]
_HR_LAYOUTS = tuple(
    [title for title in _HR_TITLES if title not in absent]
    for absent in (
        (),
        ("SOFTEXPIRES",),
        ("TTE",),
        ("SOFTEXPIRES", "TTE"),
    )
)
_HRTIMER = re.compile(
    rf" *+((?:-?\d{{1,20}} +){{1,3}})(?P<at>{_HEX})"
    rf"(?: +(?P<function>{_HEX})  <(?P<name>[^>\n]{{0,300}})>)?[ ]*"
)


class _Clocks:
    """Collects the high-resolution timers of each clock."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: list[dict[str, Any]] = []
        self._cpu: dict[str, Any] = {}
        self._layout: list[str] = []
        self._wants_current = False
        self._empty = True

    def feed(self, offset: int, line: str) -> None:
        """One line."""
        words = words_of(line)
        if cpu := _CPU.fullmatch(line):
            self._check()
            at = cpu["at"]
            self._cpu = {"cpu": int(cpu["cpu"]), "cpu_base": int(at, 16) if at else None}
            if cpu["offline"]:
                self._found.append({**self._cpu, "offline": True, "timers": []})
        elif (clock := _CLOCK.fullmatch(line)) and self._cpu:
            self._check()
            self._found.append({**self._cpu, "clock": int(clock["clock"]), "address": int(clock["at"], 16)})
            self._found[-1] |= {"clock_name": clock["name"], "timers": []}
            self._layout, self._empty = [], False
        elif words == ["CURRENT"] and self._found:
            self._wants_current = True
        elif self._wants_current and (found := _JIFFIES.fullmatch(line)):
            self._found[-1]["current"], self._wants_current = int(found[1]), False
        elif words in _HR_LAYOUTS and self._found:
            self._layout = words
        elif not self._row(offset, line):
            skip_or_reject(self._source, offset, line, "no high-resolution timer")
            self._empty = self._empty or line.strip() == "..."

    def _row(self, _offset: int, line: str) -> bool:
        if line.strip() == "(empty)" and self._found and not self._layout:
            self._empty = True
            return True
        if line.strip() == "(destroyed timer)" and self._layout:
            self._found[-1]["timers"].append(Hrtimer(destroyed=True))
            return True
        found = _HRTIMER.fullmatch(line) if self._layout else None
        times = [int(word) for word in found[1].split()] if found else []
        if found is None or len(times) != len(self._layout) - 2:
            return False
        named = dict(zip(self._layout, times, strict=False))
        self._found[-1]["timers"].append(
            Hrtimer(
                softexpires=named.get("SOFTEXPIRES"),
                expires=named.get("EXPIRES"),
                tte=named.get("TTE"),
                hrtimer=int(found["at"], 16),
                function=int(found["function"], 16) if found["function"] else None,
                function_name=found["name"],
            )
        )
        return True

    def _check(self) -> None:
        if self._found and not (self._found[-1]["timers"] or self._empty or self._found[-1].get("offline")):
            clock = self._found[-1]
            self._source.note("partial", f"timers of clock {clock['clock']} are missing", incomplete=True)
        self._empty = True

    def finish(self) -> list[HrtimerBase]:
        """All clocks."""
        self._check()
        if not self._found:
            self._source.fail(0, "no clock of timers")
        return [HrtimerBase(**{**clock, "timers": tuple(clock["timers"])}) for clock in self._found]


def _parse_hrtimers(source: Source) -> list[HrtimerBase]:
    clocks = _Clocks(source)
    for offset, line in lines_of(source.text, 0, len(source.text)):
        clocks.feed(offset, line)
    return clocks.finish()


SHAPES = (
    Shape(
        name="hrtimers",
        record=HrtimerBase,
        parse=_parse_hrtimers,
        options="-r",
        when=lambda source: source.command.has("r"),
    ),
    Shape(name="timers", record=TimerBase, grammar=_timers, finish=_check_timers, options="(none) -C"),
)
