"""What rules look at: rows of reports and readers, each read once however many rules ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.errors import (
    CrashdriveError,
    DeadlineError,
    IncompleteError,
    SessionError,
    TargetError,
    TranscriptError,
)
from crashdrive.records import Notice, Report
from crashdrive.rules.base import Source, source_name
from crashdrive.text import printable


class _Fact(NamedTuple):
    """The rows of a source, or why they couldn't be read."""

    rows: Sequence[Any]
    failure: str | None = None


class Facts:
    """The rows that rules look at, by their source.

    ``given``: rows that were read before (`add` gives all rows of a report). Other rows are read from
    ``crash``, a live or a recorded session, when a rule first asks for them; a report runs with its default
    options. Without ``crash`` there are only given rows.

    ``notices`` and ``complete`` say what is missing in rows that were read here.
    """

    def __init__(
        self,
        crash: Any = None,
        given: Mapping[str, Sequence[Any]] | Mapping[Source, Sequence[Any]] | None = None,
    ) -> None:
        self._crash = crash
        self._known: dict[Source, _Fact] = {source: _Fact(rows) for source, rows in (given or {}).items()}
        self._reports: dict[str, str | None] = {}
        self.notices: list[Notice] = []
        self.complete = True

    def add(self, report: Report) -> None:
        """Add the tables of a report that was computed already, and its notices."""
        self._reports[report.report] = None
        self._known |= {f"{report.report}.{table.name}": _Fact(table.rows) for table in report.tables}
        self._note(report.warnings, complete=report.complete)

    def has(self, sources: Iterable[Source]) -> bool:
        """Whether the rows of all these sources are given, or can be read."""
        return self._crash is not None or all(map(self._is_given, sources))

    def _is_given(self, source: Source) -> bool:
        read = isinstance(source, str) and source.partition(".")[0] in self._reports
        return read or source in self._known

    def rows(self, source: Source) -> Sequence[Any]:
        """The rows of a source; no rows where the report left out an empty table.

        IncompleteError, with the cause, where it couldn't be read. SessionError, TargetError, DeadlineError
        where the session can't go on.
        """
        if source not in self._known:
            self._known[source] = self._of_report(source) if isinstance(source, str) else self._of(source)
        fact = self._known[source]
        if fact.failure is not None:
            raise IncompleteError(fact.failure)
        return fact.rows

    def _of_report(self, table: str) -> _Fact:
        name = table.partition(".")[0]
        if name not in self._reports:
            found, self._reports[name] = _tried(f"report {name}", lambda: self._crash.run_report(name))
            if found is not None:
                self.add(found)
        return self._known.get(table) or _Fact((), self._reports[name])

    def _of(self, reader: Callable[[Any], Any]) -> _Fact:
        found, failure = _tried(source_name(reader), lambda: reader(self._crash.kernel))
        if found is None:
            return _Fact((), failure)
        self._note(found.notices, complete=found.complete)
        return _Fact(found.rows)

    def _note(self, notices: Iterable[Notice], *, complete: bool) -> None:
        self.notices += [notice for notice in notices if notice not in self.notices]
        self.complete &= complete


def _tried(what: str, read: Callable[[], Any]) -> tuple[Any, str | None]:
    """The result of a report or a reader, or the cause of its failure; an error that ends the session is
    raised.
    """
    try:
        return read(), None
    except TranscriptError as error:  # a recording that lacks this reading
        return None, f"{what}: {error}"
    except (SessionError, TargetError, DeadlineError):
        raise
    except Exception as error:  # noqa: BLE001 - one that fails, a foreign one too, ends no other
        return None, f"{what}: {cause(error)}"


def cause(error: BaseException) -> str:
    """An error in one line."""
    name = "" if isinstance(error, CrashdriveError) else f"{type(error).__name__}: "
    return name + printable(" ".join(str(error).split()))
