"""A reader or a report over a dump, once as it is, then once for each page of it with that page at fault."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.crash import Crash
from crashdrive.errors import CrashdriveError
from crashdrive.linux.kernel import Kernel
from faultkit.damage import KINDS, Page
from faultkit.facts import Facts, heard
from faultkit.memory import FaultyMemory, Place, Remembered, TooMuchError
from faultkit.subjects import Subject
from faultkit.support import Support

LIMIT = 20.0
"""Seconds of the processor that a run may take: more than ten times what the slowest report takes."""

# how many times as long it may take by the clock: other programs run too
_WAITING = 20
_AT_ONCE = 0.001

TOGETHER = 64
"""How many pages may be missing at once where none of them seems to be needed."""


class Run(NamedTuple):
    """How a run with a fault went.

    ``outcome``: ``same`` (the same rows), ``marked`` (incomplete, and says so), ``error`` (one of ours),
    ``silent`` (other rows, complete: a lie), ``unsupported`` (rows that nothing supports, see `support`),
    ``defect`` (a traceback), ``hang``, ``flood`` (very much memory).
    """

    kind: str
    place: Place
    outcome: str
    detail: str


class TooLongError(BaseException):
    """No Exception: a reader must not catch it."""


class Hunt:
    """One subject, its pages, and runs of it with faults. All happens in this process, over one session.

    ``support``, shared by subjects that show the same rows, knows the structures of the whole memory.
    """

    def __init__(
        self,
        crash: Crash,
        subject: Subject,
        remembered: Remembered | None = None,
        support: Support | None = None,
    ) -> None:
        self._crash = crash
        self._known = crash.kernel
        self._remembered = remembered or Remembered()
        self._support = support or Support()
        self._usual = 0
        self.subject = subject
        self.baseline, memory = self._read({})
        self.places = tuple(memory.places())
        self._usual = len(self.places)
        self._numbers = frozenset(place.page for place in self.places)
        self._remembered.need(self.places)
        self._forms = self._support.learn(self.baseline, memory)

    def _read(self, faults: Mapping[Place, bytes | None]) -> tuple[Facts, FaultyMemory]:
        memory = FaultyMemory(self._crash.session, self._remembered, faults, self._usual)
        self._crash.__dict__["kernel"] = _kernel_on(self._known, memory)
        try:
            with heard() as places:
                return self.subject.read(self._crash, self._known)._replace(places=places), memory
        finally:
            self._crash.__dict__["kernel"] = self._known

    def is_like(self, other: Hunt) -> bool:
        """Whether both read the same and say the same."""
        return set(self.places) == set(other.places) and self.baseline.values == other.baseline.values

    def readable(self) -> list[Place]:
        """The pages that were read and are in the dump."""
        return [place for place in self.places if self._remembered.at(place).data is not None]

    def run(self, place: Place, kind: str, seed: int = 0) -> Run:
        """The subject with one page at fault."""
        dice = random.Random(f"{seed} {place} {kind}")  # noqa: S311 - repeatable damage, no secret
        others = [other for one in self._some(dice) if (other := self._remembered.at(one).data)]
        fault = KINDS[kind](Page(self.data(place), others, self._numbers), dice)
        return Run(kind, place, *self.outcome({place: fault}, kind))

    def data(self, place: Place) -> bytes:
        """The bytes of a page that was read; none where the dump has none."""
        return self._remembered.at(place).data or b""

    def outcome(self, faults: Mapping[Place, bytes | None], kind: str) -> tuple[str, str]:
        """How a run with these pages goes, as `Run` has it."""
        try:
            with limited(LIMIT):
                facts, memory = self._read(faults)
            return self._judge(facts, kind, memory)
        except TooLongError:
            return "hang", f"more than {LIMIT:g} s"
        except TooMuchError:
            return "flood", "read very many pages"
        except CrashdriveError as error:
            return "error", f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - a traceback is what is hunted for
            return "defect", f"{type(error).__name__}: {error} ({where(error)})"
        finally:
            self._remembered.trim()

    def missing(self, places: Sequence[Place]) -> Iterator[Run]:
        """A run for each place with that page missing; several are one run where nothing comes of it.

        Where a run without many pages says the same as the whole one, none of them was needed. How many
        go together doubles with each such run.
        """
        waiting, many = list(places), 1
        while waiting:
            some = waiting[:many]
            outcome, detail = self.outcome(dict.fromkeys(some), "missing")
            if outcome != "same" and len(some) > 1:
                many = max(1, len(some) // 4)
                continue
            yield from (Run("missing", place, outcome, detail) for place in some)
            del waiting[: len(some)]
            many = min(2 * many, TOGETHER) if outcome == "same" else 1

    def _some(self, dice: random.Random) -> Sequence[Place]:
        return dice.sample(self.places, min(4, len(self.places)))

    def _judge(self, facts: Facts, kind: str, memory: FaultyMemory) -> tuple[str, str]:
        if facts.values == self.baseline.values:
            return "same", ""
        marked = facts.marked(self.baseline)
        if kind != "missing" and (doubt := self._support.doubt(facts, self._forms, memory, marked=marked)):
            return "unsupported", doubt
        return ("marked", "") if marked else ("silent", difference(self.baseline.values, facts.values))

    def runs(self, places: Sequence[Place], kinds: Sequence[str], seed: int = 0) -> Iterator[Run]:
        """A run for each place and kind."""
        for kind in kinds:
            if kind == "missing":
                yield from self.missing(places)
            else:
                yield from (self.run(place, kind, seed) for place in places)


def _kernel_on(known: Kernel, memory: FaultyMemory) -> Kernel:
    """A kernel that has learnt nothing of its dump yet but types and symbols, which come from the vmlinux."""
    made = Kernel(known.session, memory=memory, layouts=known.layouts, symbols=known.symbols)
    # what is compiled out of types alone, half of a run's time
    made._plans, made._paths = known._plans, known._paths  # noqa: SLF001 - no reader may have them
    return made


def difference(one: Any, other: Any, path: str = "") -> str:
    """Where two documents differ first, in words."""
    if type(one) is not type(other):
        return f"{path}: {one!r} became {other!r}"
    if isinstance(one, dict):
        for key in {**one, **other}:
            if one.get(key) != other.get(key):
                return difference(one.get(key), other.get(key), f"{path}/{key}")
    if isinstance(one, list):
        for i, (a, b) in enumerate(zip(one, other, strict=False)):
            if a != b:
                return difference(a, b, f"{path}[{i}]")
        return f"{path}: {len(one)} rows became {len(other)}"
    return f"{path}: {one!r} became {other!r}"


def where(error: BaseException) -> str:
    """The line of ours that an error comes from."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition('crashdrive/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """TooLongError where the body takes more of the processor, or waits; for the main thread."""

    def up(_number: int, _frame: object) -> None:
        raise TooLongError

    timers = (
        (signal.SIGPROF, signal.ITIMER_PROF, seconds),
        (signal.SIGALRM, signal.ITIMER_REAL, _WAITING * seconds),
    )
    before = [signal.signal(number, up) for number, _, _ in timers]
    # the limit of the test that this runs in goes on behind it
    left = [signal.setitimer(timer, limit)[0] for _, timer, limit in timers]
    started = time.monotonic()
    try:
        yield
    finally:
        past = time.monotonic() - started
        for (number, timer, _), handler, rest in zip(timers, before, left, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)
            if rest and timer == signal.ITIMER_REAL:
                signal.setitimer(timer, max(rest - past, _AT_ONCE))


class Tally:
    """How often each kind of damage had each outcome, and some examples of what must not be."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.counts: dict[str, Counter[str]] = {}
        self.bad: list[Run] = []
        self.seconds = 0.0

    def join(self, other: Tally) -> None:
        """Take in what came of other kinds of damage."""
        self.counts.update(other.counts)
        self.bad += other.bad
        self.seconds += other.seconds

    def add(self, run: Run) -> None:
        """Count a run; lies count where a page was missing alone: other damage can't always be noticed."""
        self.counts.setdefault(run.kind, Counter())[run.outcome] += 1
        if is_bad(run):
            self.bad.append(run)


def is_bad(run: Run) -> bool:
    """Whether a run shows a fault of ours."""
    never = run.outcome in {"unsupported", "defect", "hang", "flood"}
    return never or (run.kind == "missing" and run.outcome == "silent")


def hunt(
    made: Hunt,
    places: Sequence[Place],
    kinds: Sequence[str],
    *,
    seed: int = 0,
    tell: Callable[[Run], None] = lambda _run: None,
) -> Tally:
    """Run all of it and count."""
    tally = Tally(made.subject.name)
    start = time.monotonic()
    for run in made.runs(places, kinds, seed):
        tally.add(run)
        tell(run)
    tally.seconds = time.monotonic() - start
    return tally
