"""What every report is made of.

A report is one module in this package, found by its name alone. It holds

- ``NAME``: what users type (``netstat``), equal to the module's name with ``-`` for ``_``,
- ``SUMMARY``: one line for ``crashdrive report --list``,
- ``OPTIONS``: a tuple of `Option`, what the command line and `Crash.report` accept,
- ``def report(crash, **options) -> Report``: computes and returns, prints nothing. It is called with every
  option of OPTIONS, those that the user left out at their defaults.

A module whose name starts with ``_`` is a helper, not a report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, Self

import msgspec

from crashdrive.errors import IncompleteError
from crashdrive.records import Notice, Record, to_builtins, told_incomplete

Kind = Literal["flag", "text", "integer", "port", "address", "seconds"]
Severity = Literal["info", "warning", "critical"]
Layout = Literal["rows", "fields", "lines"]


class Option(Record, frozen=True):
    """One option of a report.

    ``name`` is the keyword of the report's function, ``flags`` what the command line calls it
    (``("-a", "--all")``). ``kind`` is what its value is: ``flag`` has none (False where it isn't given),
    ``address`` is a kernel address in hexadecimal, ``seconds`` a float. ``choices`` limits
    the values of a ``text``; a ``many`` option can be given several times and is a tuple.
    """

    name: str
    flags: tuple[str, ...]
    help: str
    kind: Kind = "flag"
    choices: tuple[str, ...] = ()
    many: bool = False
    default: Any = None

    @property
    def absent(self) -> Any:
        """The value where the option isn't given."""
        if self.default is not None:
            return self.default
        if self.many:
            return ()
        return False if self.kind == "flag" else None


class Finding(Record, frozen=True):
    """Something that a reader should look at: what is wrong, how bad, and what shows it.

    ``kind`` is a short stable word (``listen-queue-full``); ``evidence`` are the facts, one a line.
    """

    severity: Severity
    kind: str
    message: str
    evidence: tuple[str, ...] = ()


class Table(Record, frozen=True):
    """Rows of one kind: records, or dicts with the same keys.

    ``columns`` are the fields that the table format shows, in that order, the important ones first (a narrow
    terminal leaves the last ones out and says so); where it is empty, all fields that hold anything. JSON and
    CSV always have all fields. ``layout``: ``rows`` is a table, ``fields`` prints each row as a block of
    ``name: value`` lines, ``lines`` prints the columns with single spaces and no header (log lines).
    """

    name: str
    rows: Sequence[Any]
    columns: tuple[str, ...] = ()
    title: str | None = None
    layout: Layout = "rows"


class Report(Record, frozen=True):
    """What a report found.

    ``dump`` says of which dump (filled in by `Crash.report` where the module leaves it empty); ``complete``
    is False when something is missing, and then ``warnings`` says what.
    """

    report: str
    tables: tuple[Table, ...]
    dump: dict[str, Any] = msgspec.field(default_factory=dict)
    complete: bool = True
    warnings: tuple[Notice, ...] = ()
    findings: tuple[Finding, ...] = ()

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
            "complete": self.complete,
            "warnings": self.warnings,
            "tables": {table.name: table.rows for table in self.tables},
            "findings": self.findings,
        }

    def builtins(self) -> Any:
        """The report as plain dicts, lists, str, int, ..."""
        return to_builtins(self.document())


class ReportModule(Protocol):
    """A module of this package, as its users see it."""

    NAME: str
    SUMMARY: str
    OPTIONS: tuple[Option, ...]

    def report(self, crash: Any, **options: Any) -> Report:
        """Compute the report."""
        ...
