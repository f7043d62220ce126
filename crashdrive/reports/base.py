"""What every report is made of.

A report is one module in a room of this package (``net``), found by its name alone. It holds

- ``NAME``: what users type (``netstat``), equal to the module's name with ``-`` for ``_``,
- ``SUMMARY``: one line for ``crashdrive report --list``,
- ``OPTIONS``: a tuple of `Option`, what the command line and `Crash.report` accept,
- ``BTF``: True where types from the image's BTF are enough, when crash started without its tables. Such a
  report and its readers index no array of several dimensions, as BTF joins these into one. Without it, False,
- ``JUDGED``: the reports whose tables rules are asked about (see `judged`); its ``--help`` shows these rules.
  Without it, none,
- ``DRAWS``: True where it has pictures, so that ``--format svg`` gives one. Without it, False,
- ``WHOLE``: False where it says something only of what its options name; ``report --all`` leaves it out.
  Without it, True,
- ``def report(crash, **options) -> Report``: computes and returns, prints nothing. It is called with every
  option of OPTIONS, those that the user left out at their defaults.

A module whose name starts with ``_`` is a helper, not a report.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from crashdrive.records import Record, Report, Table

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

Kind = Literal["flag", "text", "integer", "port", "address", "seconds"]


class Option(Record, frozen=True):
    """One option of a report.

    ``name`` is the keyword of the report's function, ``flags`` what the command line calls it
    (``("-a", "--all")``). ``kind`` is what its value is: ``flag`` has none (False where it isn't given),
    ``address`` is a kernel address in hexadecimal, ``seconds`` a float. ``choices`` limits
    the values of a ``text``; a ``many`` option can be given several times and is a tuple. ``fills`` names the
    columns that a flag alone fills: who asks for one of them has given the flag (see `filling`).
    """

    name: str
    flags: tuple[str, ...]
    help: str
    kind: Kind = "flag"
    choices: tuple[str, ...] = ()
    many: bool = False
    default: Any = None
    fills: tuple[str, ...] = ()

    @property
    def absent(self) -> Any:
        """The value where the option isn't given."""
        if self.default is not None:
            return self.default
        if self.many:
            return ()
        return False if self.kind == "flag" else None


class ReportModule(Protocol):
    """A module of this package, as its users see it."""

    NAME: str
    SUMMARY: str
    OPTIONS: tuple[Option, ...]
    BTF: bool

    def report(self, crash: Any, **options: Any) -> Report:
        """Compute the report."""
        ...


def filling(options: Iterable[Option], columns: Iterable[str]) -> dict[str, bool]:
    """The flags that fill these columns, as a report takes them: each True."""
    wanted = frozenset(columns)
    return {option.name: True for option in options if not wanted.isdisjoint(option.fills)}


def report_of(name: str, survey: Survey, tables: Iterable[Table]) -> Report:
    """A report with a survey's completeness and its notices, each notice once."""
    return Report(
        report=name,
        tables=tuple(tables),
        complete=survey.complete,
        warnings=tuple(dict.fromkeys(survey.notices)),
    )


def judged(report: Report, room: str | None, others: Iterable[Report] = ()) -> Report:
    """The report with the findings of rules about its tables, and about those of ``others``, which it
    computed.

    Rules are those of a room of `crashdrive.rules` (of all rooms where None) and those from outside. A rule
    that looks at any other table is left out.
    """
    from crashdrive.rules import Facts, judge, rules

    facts = Facts()
    for one in (report, *others):
        facts.add(one)
    asked = rules(room)
    found = judge(facts, asked.found)
    return msgspec.structs.replace(
        report,
        complete=report.complete and found.complete and not asked.notices,
        warnings=tuple(dict.fromkeys((*report.warnings, *found.notices, *asked.notices))),
        findings=(*report.findings, *found.findings),
    )
