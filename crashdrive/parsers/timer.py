"""``timer``: what the kernel's timers wait for.

Source in crash: ``dump_timer_data()`` and its ``..._tvec_bases_v1()``, ``..._v2()``, ``..._timer_bases()``,
``dump_hrtimer_data()``, ``dump_active_timers()``, ``print_timer()`` (kernel.c).
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.parsers.base import Shape, Source
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
_BASE = re.compile(
    rf"(?:TVEC|TIMER)_BASES\[(?P<cpu>\d{{1,6}})\](?:\[(?P<kind>\w{{1,32}})\])?: "
    rf"(?:(?P<at>{_HEX})|\[OFFLINE\])[ ]*"
)
_JIFFIES = re.compile(r" *+(\d{1,20})[ ]*")
_TITLES = (["EXPIRES", "TTE", "TIMER_LIST", "FUNCTION"], ["EXPIRES", "TTE", "TIMER_LIST/TABLE", "FUNCTION"])
_OLD_TITLES = (["EXPIRES", "TIMER_LIST", "FUNCTION"], ["EXPIRES", "TIMER_LIST/TABLE", "FUNCTION"])
_TIMER = re.compile(
    rf" *+(?P<expires>\d{{1,20}}) +(?:(?P<tte>-?\d{{1,20}}) +)?"
    rf"(?:timer_table\[(?P<slot>\d{{1,3}})\]|(?P<at>{_HEX})) +"
    rf"(?P<function>{_HEX})(?: +<(?P<name>[^>\n]{{0,300}})>)?[ ]*"
)
_STALE = re.compile(rf" *+\(invalid/stale entry at {_HEX}\)[ ]*")


class _Bases:
    """Collects the timers of each base."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: list[dict[str, Any]] = []
        self._jiffies: int | None = None
        self._wants_jiffies = False
        self._titles = False
        self._has_tte = True

    def feed(self, offset: int, line: str) -> None:
        """One line."""
        words = words_of(line)
        if base := _BASE.fullmatch(line):
            at = base["at"]
            self._found.append(
                {
                    "cpu": int(base["cpu"]),
                    "kind": base["kind"],
                    "address": int(at, 16) if at else None,
                    "offline": at is None,
                    "jiffies": self._jiffies,
                    "timers": [],
                }
            )
            self._titles = False
        elif words == ["JIFFIES"]:
            self._wants_jiffies = True
        elif self._wants_jiffies and (found := _JIFFIES.fullmatch(line)):
            self._take_jiffies(int(found[1]))
        elif words in _TITLES or words in _OLD_TITLES:
            self._titles, self._has_tte = True, words in _TITLES
            if not self._found:
                self._found.append({"jiffies": self._jiffies, "timers": []})
        elif not (self._timer(line) or self._nothing(offset, line)):
            skip_or_reject(self._source, offset, line, "no timer")

    def _take_jiffies(self, jiffies: int) -> None:
        """They stand once at the top, or (before 4.8) below each base."""
        self._jiffies, self._wants_jiffies = jiffies, False
        if self._found and not self._found[-1]["timers"]:
            self._found[-1]["jiffies"] = jiffies

    def _timer(self, line: str) -> bool:
        found = _TIMER.fullmatch(line) if self._titles else None
        if found is None or self._has_tte != (found["tte"] is not None):
            return False
        self._found[-1]["timers"].append(
            Timer(
                expires=int(found["expires"]),
                tte=int(found["tte"]) if found["tte"] else None,
                timer_list=int(found["at"], 16) if found["at"] else None,
                slot=int(found["slot"]) if found["slot"] else None,
                function=int(found["function"], 16),
                function_name=found["name"],
            )
        )
        return True

    def _nothing(self, offset: int, line: str) -> bool:
        if _STALE.fullmatch(line):
            place = self._source.position(offset)[0]
            self._source.note("stale", line.strip(), line=place, text=line, incomplete=True)
            return True
        return self._titles and line.strip() == "(none)"

    def finish(self) -> list[TimerBase]:
        """All bases."""
        if not self._found:
            self._source.fail(0, "no base of timers")
        return [TimerBase(**{**base, "timers": tuple(base["timers"])}) for base in self._found]


def _parse_timers(source: Source) -> list[TimerBase]:
    bases = _Bases(source)
    for offset, line in lines_of(source.text, 0, len(source.text)):
        bases.feed(offset, line)
    return bases.finish()


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
    Shape(name="timers", record=TimerBase, parse=_parse_timers, options="(none) -C"),
)
