"""A report over a dump, once as it is, and then once for each page that it reads with that page at fault."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sessionkit import Case

from crashdrive.crash import Crash
from crashdrive.errors import CrashdriveError
from crashdrive.linux.kernel import Kernel
from crashdrive.records import Report
from faultkit.damage import KINDS
from faultkit.memory import FaultyMemory, Place, Remembered

LIMIT = 20.0
"""Seconds that a run may take: a hundred times what the slowest report takes on a small dump."""


class Run(NamedTuple):
    """How a run with a fault went.

    ``outcome``: ``same`` (the same rows), ``marked`` (incomplete, and says so), ``error`` (one of ours),
    ``silent`` (other rows, complete: a lie), ``defect`` (a traceback), ``hang``.
    """

    kind: str
    place: Place
    outcome: str
    detail: str


class _TooLongError(BaseException):
    """No Exception: a report must not catch it."""


class Hunt:
    """One report, its pages, and runs of it with faults. All happens in this process, over one session."""

    def __init__(self, crash: Crash, case: Case, remembered: Remembered | None = None) -> None:
        self._crash = crash
        self._known = crash.kernel
        self._remembered = remembered or Remembered()
        self.case = case
        whole, memory = self._report({})
        self.baseline = _facts(whole)
        self.complete = whole.complete
        self.places = tuple(memory.read_places)

    def _report(self, faults: Mapping[Place, bytes | None]) -> tuple[Report, FaultyMemory]:
        memory = FaultyMemory(self._crash.session, self._remembered, faults)
        self._crash.__dict__["kernel"] = _kernel_on(self._known, memory)
        try:
            return self._crash.run_report(self.case.report, **self.case.options), memory
        finally:
            self._crash.__dict__["kernel"] = self._known

    def readable(self) -> list[Place]:
        """The pages that were read and are in the dump."""
        return [place for place in self.places if self._remembered.pages[place].data is not None]

    def run(self, place: Place, kind: str, seed: int = 0) -> Run:
        """The report with one page at fault."""
        data = self._remembered.pages[place].data or b""
        dice = random.Random(f"{seed} {place} {kind}")  # noqa: S311 - repeatable damage, no secret
        others = [other for one in self._some(dice) if (other := self._remembered.pages[one].data)]
        fault = KINDS[kind](data, others, dice)
        try:
            with _limit(LIMIT):
                report, _ = self._report({place: fault})
        except _TooLongError:
            return Run(kind, place, "hang", f"more than {LIMIT:g} s")
        except CrashdriveError as error:
            return Run(kind, place, "error", f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - a traceback is what is hunted for
            return Run(kind, place, "defect", f"{type(error).__name__}: {error} ({_where(error)})")
        return self._judge(report, kind, place)

    def _some(self, dice: random.Random) -> Sequence[Place]:
        return dice.sample(self.places, min(4, len(self.places)))

    def _judge(self, report: Report, kind: str, place: Place) -> Run:
        facts = _facts(report)
        if facts == self.baseline:
            return Run(kind, place, "same", "")
        if not report.complete:
            return Run(kind, place, "marked", "")
        return Run(kind, place, "silent", difference(self.baseline, facts))

    def runs(self, places: Sequence[Place], kinds: Sequence[str], seed: int = 0) -> Iterator[Run]:
        """A run for each place and kind."""
        for place in places:
            for kind in kinds:
                yield self.run(place, kind, seed)


def _kernel_on(known: Kernel, memory: FaultyMemory) -> Kernel:
    """A kernel that has learnt nothing of its dump yet but types and symbols, which come from the vmlinux."""
    return Kernel(known.session, memory=memory, layouts=known.layouts, symbols=known.symbols)


def _facts(report: Report) -> Any:
    document = report.builtins()
    return {"tables": document["tables"], "findings": document["findings"]}


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


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition('crashdrive/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """_TooLongError where the body takes longer; for the main thread."""

    def up(_number: int, _frame: object) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Tally:
    """How often each kind of damage had each outcome, and some examples of what must not be."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.bad: list[Run] = []
        self.seconds = 0.0

    def add(self, run: Run) -> None:
        """Count a run; lies count where a page was missing alone: other damage can't always be noticed."""
        self.counts.setdefault(run.kind, Counter())[run.outcome] += 1
        if is_bad(run):
            self.bad.append(run)


def is_bad(run: Run) -> bool:
    """Whether a run shows a fault of ours."""
    return run.outcome in {"defect", "hang"} or (run.kind == "missing" and run.outcome == "silent")


def hunt(
    made: Hunt,
    places: Sequence[Place],
    kinds: Sequence[str],
    *,
    seed: int = 0,
    tell: Callable[[Run], None] = lambda _run: None,
) -> Tally:
    """Run all of it and count."""
    tally = Tally()
    start = time.monotonic()
    for run in made.runs(places, kinds, seed):
        tally.add(run)
        tell(run)
    tally.seconds = time.monotonic() - start
    return tally
