"""What every answer is made of: records, notices, answers; tables, findings, reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, Self, TypeVar

import msgspec

from crashdrive.errors import IncompleteError, UsageError
from crashdrive.integers import Address, Bits, Long, described, exact
from crashdrive.text import printable

__all__ = [
    "Address",
    "Answer",
    "Bars",
    "Bits",
    "Edge",
    "Finding",
    "Flame",
    "Graph",
    "Lane",
    "Layout",
    "Long",
    "MadeOfRows",
    "Mark",
    "Node",
    "Notice",
    "Picture",
    "Record",
    "Report",
    "Severity",
    "Source",
    "Table",
    "Timeline",
    "answered",
    "shown_by",
    "to_builtins",
    "told_incomplete",
]

R = TypeVar("R")

Severity = Literal["info", "warning", "critical"]
Layout = Literal["rows", "fields", "lines", "blocks"]
Source = Literal["crash", "recording", "session", "store"]


# who shows values in a notebook: `shown_by`
_SHOWN: list[Callable[[object], str]] = []


def shown_by(show: Callable[[object], str]) -> None:
    """Have records, answers, reports and tables shown in notebooks by a function that gives HTML."""
    _SHOWN[:] = [show]


class _InNotebooks:
    """What notebooks show of a value; nothing where nobody shows it, and they show its ``repr`` then."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return _SHOWN[0](self) if _SHOWN else None


class _OfRows:
    """What can be made of rows."""

    __slots__ = ()

    def to_pandas(self) -> Any:
        """The rows as a pandas.DataFrame (see `crashdrive.frames`): ``attrs`` say whether it is complete.

        UsageError where pandas isn't installed.
        """
        from crashdrive.frames import to_pandas

        return to_pandas(*_rows_and_origin(self))

    def to_polars(self) -> Any:
        """The rows as a polars.DataFrame; UsageError where polars isn't installed."""
        from crashdrive.frames import to_polars

        return to_polars(_rows_and_origin(self)[0])

    def to_arrow(self) -> Any:
        """The rows as a pyarrow.Table, with metadata as `to_pandas` has it; UsageError without pyarrow."""
        from crashdrive.frames import to_arrow

        return to_arrow(*_rows_and_origin(self))

    def bars(self, column: str) -> Bars:
        """How many rows have each value of a column, as a picture, the most frequent first.

        UsageError for a column that no row has.
        """
        from crashdrive.frames import columns_of

        rows, origin = _rows_and_origin(self)
        columns = {one.name: one.values for one in columns_of(rows)}
        if rows and column not in columns:
            raise UsageError(f"no column {column!a}; there are {', '.join(columns)}")
        counts = Counter("(none)" if value is None else str(value) for value in columns.get(column, ()))
        name = origin.get("table") or origin.get("command") or "rows"
        return Bars(title=f"{name} by {column}", bars=tuple(counts.most_common()))


class MadeOfRows(_InNotebooks, _OfRows):
    """What holds rows in a form of its own: `answer` gives them as an `Answer`, as which they are shown."""

    __slots__ = ()

    def answer(self) -> Answer[Any]:
        """The rows, whether they are complete, and what is missing."""
        raise NotImplementedError


def answered(value: Any) -> Any:
    """A value, or the answer that its rows make."""
    return value.answer() if isinstance(value, MadeOfRows) else value


def _rows_and_origin(value: Any) -> tuple[Sequence[Any], Mapping[str, Any]]:
    value = answered(value)
    if isinstance(value, Table):
        return value.rows, {"table": value.name}
    told = [notice.message for notice in value.warnings]
    return value.records, {"command": value.command, "complete": value.complete, "warnings": told}


class Record(_InNotebooks, msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records: frozen, typed, slotted. Absent is None; sizes in bytes, times in seconds.

    ``repr`` and ``print`` show addresses and masks in hexadecimal.
    """

    def __repr__(self) -> str:
        return described(self)


class Notice(Record, frozen=True):
    """Something that the reader of an answer has to know.

    ``kind`` is a short stable word (``excluded``, ``unparsed``, ``partial``, ``warning``, ``error``, ...);
    ``line`` is the line of crash's output that it comes from (from 1), ``text`` that line itself.
    """

    kind: str
    message: str
    line: int | None = None
    text: str | None = None


class Answer(
    _InNotebooks, _OfRows, msgspec.Struct, Generic[R], frozen=True, kw_only=True, omit_defaults=True
):
    """The records of one command; also a sequence of them.

    ``complete`` is False when something is missing, and then ``warnings`` says what. Its JSON is
    ``{"command", "shape", "complete", "warnings": [...], "records": [...]}``, with ``"live": true`` where it
    is of a kernel that runs, and then a warning of the kind ``live`` says when it was read.
    """

    command: str
    shape: str
    complete: bool
    warnings: tuple[Notice, ...]
    records: tuple[R, ...]
    live: bool = False

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[R]:
        return iter(self.records)

    def __getitem__(self, index: int) -> R:
        return self.records[index]

    def __bool__(self) -> bool:
        """An answer is an answer, also without rows."""
        return True

    def check(self) -> Self:
        """Itself; IncompleteError where something is missing."""
        if not self.complete:
            raise IncompleteError(told_incomplete(self.command, self.warnings))
        return self

    def one(self) -> R:
        """The only record; ValueError if there is none or more than one."""
        (record,) = self.records
        return record


def told_incomplete(what: str, warnings: Iterable[Notice]) -> str:
    """One line that says of an answer that something is missing, and why."""
    reasons = "; ".join(dict.fromkeys(notice.message for notice in warnings))
    return printable(f"{what}: incomplete: {reasons or 'no reason given'}")


class Finding(Record, frozen=True):
    """Something that a reader should look at: what is wrong, how bad, and what shows it.

    ``kind`` is the rule's id (``listen-queue-full``); ``evidence`` are the facts, one a line;
    ``explanation``: what it means; ``advice``: what to look at next, or to do. ``source``: what it was found
    in (``netsummary.listen_queues``: a report's table), ``reference``: what the rule rests on, a file of the
    kernel or its documentation.
    """

    severity: Severity
    kind: str
    message: str
    evidence: tuple[str, ...] = ()
    explanation: str | None = None
    advice: str | None = None
    source: str | None = None
    reference: str | None = None


class Table(_OfRows, Record, frozen=True):
    """Rows of one kind: records, or dicts with the same keys.

    ``columns`` are the fields that the table format shows, in that order, the important ones first (a narrow
    terminal leaves the last ones out and says so); where it is empty, all fields that hold anything. JSON and
    CSV always have all fields. ``layout``: ``rows`` is a table, ``fields`` prints each row as a block of
    ``name: value`` lines, ``lines`` prints the columns with single spaces and no header (log lines),
    ``blocks`` each row as a line of names and values with those of the last column, a tuple, below it.
    """

    name: str
    rows: Sequence[Any]
    columns: tuple[str, ...] = ()
    title: str | None = None
    layout: Layout = "rows"


class Flame(Record, frozen=True, tag=True):
    """A flame graph: stacks, each with the oldest function first, and how many have it."""

    title: str
    stacks: tuple[tuple[tuple[str, ...], int], ...]


class Node(Record, frozen=True):
    """A node of a graph: ``label`` may have several lines; ``kind``: ``task`` or ``lock``; ``marked``: part
    of what is wrong.
    """

    id: str
    label: str
    kind: str
    marked: bool = False


class Edge(Record, frozen=True):
    """An arrow from one node to another, by their ids."""

    source: str
    target: str
    label: str = ""
    marked: bool = False


class Graph(Record, frozen=True, tag=True):
    """A directed graph; ``left_out``: how many nodes it would have besides."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int = 0


class Bars(Record, frozen=True, tag=True):
    """A bar chart: each value and how many rows have it."""

    title: str
    bars: tuple[tuple[str, int], ...]


class Mark(Record, frozen=True):
    """An event of a timeline: ``seconds_before`` its end; ``marked``: part of what is wrong."""

    seconds_before: float
    label: str
    marked: bool = False


class Lane(Record, frozen=True):
    """The events of one kind."""

    name: str
    marks: tuple[Mark, ...]


class Timeline(Record, frozen=True, tag=True):
    """Events of the last so many ``seconds``; ``moments`` are drawn across all lanes."""

    title: str
    seconds: float
    lanes: tuple[Lane, ...]
    moments: tuple[Mark, ...] = ()


Picture = Flame | Graph | Timeline


class Report(Record, frozen=True):
    """What a report found.

    ``dump`` says of which dump (filled in by `Crash.report` where the module leaves it empty); ``complete``
    is False when something is missing, and then ``warnings`` says what. ``source``: where it comes from,
    ``crash``, ``session`` (a warm one), ``recording``, or ``store`` for one that was kept; None where it is
    of no dump. ``pictures`` show what tables hold: pages have them, JSON hasn't. ``live``: of a kernel that
    runs, JSON has ``"live": true`` then, and a warning of the kind ``live`` says when it was read.
    """

    report: str
    tables: tuple[Table, ...]
    dump: dict[str, Any] = msgspec.field(default_factory=dict)
    source: Source | None = None
    complete: bool = True
    warnings: tuple[Notice, ...] = ()
    findings: tuple[Finding, ...] = ()
    pictures: tuple[Picture, ...] = ()
    live: bool = False

    def check(self) -> Self:
        """Itself; IncompleteError where something is missing."""
        if not self.complete:
            raise IncompleteError(told_incomplete(self.report, self.warnings))
        return self

    def table(self, name: str) -> Table:
        """The table of that name; KeyError if there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    def document(self) -> dict[str, Any]:
        """The report as JSON has it; rows stay records."""
        return {
            "report": self.report,
            "dump": self.dump,
            **({} if self.source is None else {"source": self.source}),
            **({"live": True} if self.live else {}),
            "complete": self.complete,
            "warnings": self.warnings,
            "tables": {table.name: table.rows for table in self.tables},
            "findings": self.findings,
        }

    def builtins(self) -> Any:
        """The report as plain dicts, lists, str, int, ..."""
        return to_builtins(self.document())


def to_builtins(value: object) -> Any:
    """Records as plain dicts, lists, str, int, ...: what JSON holds, with addresses as strings as there."""
    return msgspec.to_builtins(exact(value))
