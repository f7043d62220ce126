"""What is hunted: every report with every option of it, and every reader; found by themselves."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sessionkit import Case, all_cases, cases

from crashdrive.crash import Crash
from crashdrive.errors import UsageError
from crashdrive.linux.kernel import Kernel
from crashdrive.records import Report
from crashdrive.reports import module_for, report_names
from crashdrive.reports.base import Option
from faultkit.facts import Facts, of_report
from faultkit.readers import Made, readers

Rows = Sequence[Mapping[str, Any]]
Parts = Callable[[], Iterator[Rows]]


class Subject(NamedTuple):
    """What is read, and how: ``read`` gets the dump, whose kernel may have faults, and the whole kernel.

    ``of`` is the report's name, or that of the reader without its switches. ``guessed``: it is given rows of
    another reader, of which it may be meant for some alone.
    """

    name: str
    of: str
    read: Callable[[Crash, Kernel], Facts]
    guessed: bool = False


def of_case(case: Case) -> Subject:
    """A report with options."""
    return Subject(case.name, case.report, lambda crash, _whole: of_report(_report(crash, case)))


def _report(crash: Crash, case: Case) -> Report:
    return crash.run_report(case.report, **case.options)


def of_reader(made: Made) -> Subject:
    """A reader of `crashdrive.linux`."""
    return Subject(
        made.name,
        made.function.name,
        lambda crash, whole: made.read(crash.kernel, whole),
        guessed=bool(made.makers),
    )


def of_readers() -> list[Subject]:
    """All readers."""
    return [of_reader(made) for made in readers()]


def of_reports(crash: Crash, only: Iterable[str] = ()) -> list[Subject]:
    """All reports with the options of recorded sessions, and with each option that these leave out."""
    found: list[Case] = []
    for name in sorted(only) or report_names():
        mine = known_cases(crash, name)
        found += [*mine, *missing_cases(name, mine, rows_once(crash, name))]
    return [of_case(case) for case in found]


def known_cases(crash: Crash, name: str) -> list[Case]:
    """The cases of a report in recorded sessions; some are of structures of the dump."""
    known = [case for case in all_cases() if case.report == name]
    return known or [case for case in cases(crash) if case.report == name]


def missing_cases(name: str, known: list[Case], whole: Parts) -> Iterator[Case]:
    """A report without options and with each of its options alone, where none of the ``known`` has that.

    A value is one of the option's choices, or what the ``whole`` report's rows have first in a column of the
    option's name; an option for which neither has one needs a recorded case.
    """
    if not any(not case.options for case in known) and not _needs_options(known):
        yield Case(name, {})
    used = {option for case in known for option in case.options}
    for option in module_for(name).OPTIONS:
        if option.name not in used and (value := _value(option, whole)) is not None:
            yield Case(name, {option.name: value})


def _needs_options(known: list[Case]) -> bool:
    """Whether a report says nothing without options, as all its cases show."""
    return bool(known) and all(case.options for case in known)


def unknown_options(name: str, known: list[Case], whole: Parts) -> list[str]:
    """Options that no case has, and for which no value is found."""
    used = {option for case in known for option in case.options}
    used.update(option for case in missing_cases(name, known, whole) for option in case.options)
    return [option.name for option in module_for(name).OPTIONS if option.name not in used]


def _value(option: Option, whole: Parts) -> Any:
    if option.kind == "flag":
        return True
    if option.choices:
        return option.choices[:1] if option.many else option.choices[0]
    value = next((value for rows in whole() if (value := _shown(option.name, rows)) is not None), None)
    return (value,) if option.many and value is not None else value


def _shown(name: str, rows: Rows) -> Any:
    """What a row has in a column of that name, or in one of lists of it; None where no row has any."""
    found = (value for row in rows for value in _columns(row, name))
    lists = (value for row in rows for value in _columns(row, f"{name}s"))
    listed = (one for value in lists if isinstance(value, list | tuple) for one in value)
    return next((value for value in itertools.chain(found, listed) if value is not None), None)


def rows_once(crash: Crash, name: str) -> Parts:
    """Gives a report's rows without options, and behind them those with each of its flags.

    Each of these is read when it is asked for first.
    """
    flags = [option.name for option in module_for(name).OPTIONS if option.kind == "flag"]

    @functools.cache
    def rows(flag: str | None) -> Rows:
        with contextlib.suppress(UsageError):
            tables = _report(crash, Case(name, {flag: True} if flag else {})).builtins()["tables"]
            return [row for table in tables.values() for row in table]
        return []

    return lambda: map(rows, [None, *flags])


def _columns(row: Mapping[str, Any], option: str) -> Iterator[Any]:
    """What a row, or one inside of it, has by the option's name, or by one like ``local_port``."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _columns(value, option)
        elif name == option or name.endswith(f"_{option}"):
            yield value
