"""A report over a recorded session, once as it is, then with crash at fault at each of its round trips."""

from __future__ import annotations

import contextlib
import random
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast
from unittest import mock

from sessionkit import Case, cases, folders, recorded_cases, replayed, report_folders

from crashdrive.crash import Crash
from crashdrive.errors import CrashdriveError
from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.symbols import lookup
from crashdrive.kernel.types import btf
from crashdrive.session import Session
from faultkit.facts import Facts, of_report
from faultkit.hunt import LIMIT, TooLongError, difference, limited, where
from faultkit.transport import Faults, Way


class Outage(NamedTuple):
    """How a run went in which crash failed at round trip ``at`` in a ``way``; ``outcome`` as `Run` has it."""

    way: Way
    at: int
    outcome: str
    detail: str

    @property
    def bad(self) -> bool:
        """Whether it shows a fault of ours."""
        return self.outcome in {"silent", "defect", "hang"}


class Outages:
    """A case of a recorded session: ``whole`` is what it says, ``trips`` are its round trips."""

    def __init__(self, session: Session, case: Case) -> None:
        self._session = session
        self.case = case
        self.whole, self.trips = self._read(None, "dies")

    def _read(self, at: int | None, way: Way) -> tuple[Facts, int]:
        # after a fault crash is started again
        faults = Faults(self._session._ready(), at, way)  # noqa: SLF001 - the seam of faults
        try:
            with _clocked(faults), _learnt():
                report = Crash(self._session, keep=False).run_report(self.case.report, **self.case.options)
            return of_report(report), faults.calls
        finally:
            faults.end()

    def run(self, at: int, way: Way) -> Outage:
        """The report with a crash that fails at one round trip."""
        return Outage(way, at, *self._outcome(at, way))

    def _outcome(self, at: int, way: Way) -> tuple[str, str]:
        try:
            with limited(LIMIT):
                found, _ = self._read(at, way)
        except TooLongError:
            return "hang", f"more than {LIMIT:g} s"
        except CrashdriveError as error:
            return "error", f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - a traceback is what is hunted for
            return "defect", f"{type(error).__name__}: {error} ({where(error)})"
        if found.values == self.whole.values:
            return "same", ""
        if found.marked(self.whole):
            return "marked", ""
        return "silent", difference(self.whole.values, found.values)

    def chosen(self, sample: int | None, dice: random.Random) -> Sequence[int]:
        """Round trips: all, or some by chance."""
        every = range(self.trips)
        return every if sample is None or sample >= self.trips else dice.sample(every, sample)


@contextlib.contextmanager
def _clocked(faults: Faults) -> Iterator[None]:
    """Walks see the time that a slow crash takes."""
    defaults = cast("dict[str, Any]", Window.__init__.__kwdefaults__)
    clock = defaults["clock"]
    defaults["clock"] = faults.clock
    try:
        yield
    finally:
        defaults["clock"] = clock


_TABLES: dict[bytes, Any] = {}
_INDEXES: dict[bytes, array[int]] = {}


@contextlib.contextmanager
def _learnt() -> Iterator[None]:
    """What is made of a kernel's symbols and BTF is made once of the same bytes: half of a run's time."""
    make_table, make_index = lookup.read_table, btf.Btf._index  # noqa: SLF001 - the same, kept

    def table(text: bytes) -> Any:
        if text not in _TABLES:
            _TABLES[text] = make_table(text)
        return _TABLES[text]

    def index(types: btf.Btf) -> array[int]:
        words = types._words.tobytes()  # noqa: SLF001
        if words not in _INDEXES:
            _INDEXES[words] = make_index(types)
        return _INDEXES[words]

    with mock.patch.object(lookup, "read_table", table), mock.patch.object(btf.Btf, "_index", index):
        yield


@contextlib.contextmanager
def recorded(report: str, number: int = 0) -> Iterator[Session]:
    """A report's recorded session, the ``number``th of them; many reports have one in common."""
    places = report_folders(report) or folders()
    with replayed(places[number % len(places)]) as crash:
        yield crash.session


def cases_of(report: str, session: Session, number: int = 0) -> tuple[Case, ...]:
    """What a report's recorded session, the ``number``th of them, is asked."""
    places = report_folders(report)
    own = recorded_cases(places[number % len(places)]) if places else ()
    return own or tuple(case for case in cases(Crash(session, keep=False)) if case.report == report)
