r"""Queueing disciplines, their classes and filters, as tc shows them.

\b
Examples:
  crashdrive report qdisc vmcore              tc -s -d qdisc show
  crashdrive report qdisc --classes --device eth0 vmcore
  crashdrive report qdisc --all --format json vmcore

Most kinds are modules: their private data is read where the dump has the modules' types. Filters are shown
with kind, place and the class that they choose, without what they match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from crashdrive.linux.net.devices.devices import device_names, devices
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.net.tc.classes import ClassReading, QdiscClass, classes
from crashdrive.linux.net.tc.filters import Filter, filter_lines, filters
from crashdrive.linux.net.tc.lines import class_lines, qdisc_lines
from crashdrive.linux.net.tc.qdisc_tree import Qdisc, QdiscReading, readings
from crashdrive.records import Notice, Report, Table
from crashdrive.reports.base import Option, report_of
from crashdrive.reports.net._options import NETNS

NAME = "qdisc"
SUMMARY = "Queueing disciplines, their classes and filters, as tc prints them."
BTF = True
OPTIONS = (
    Option(name="classes", flags=("-c", "--classes"), help="Classes too (tc class show)."),
    Option(name="filters", flags=("-f", "--filters"), help="Filters too (tc filter show)."),
    Option(name="all", flags=("-a", "--all"), help="Qdiscs, classes and filters."),
    Option(name="busy", flags=("--busy",), help="Only those that hold packets, or dropped some."),
    Option(name="device", flags=("--device",), help="Of one interface.", kind="text"),
    NETNS,
)


class QdiscText(Qdisc, frozen=True):
    """A qdisc, and what tc would print."""

    lines: tuple[str, ...] = ()


class ClassText(QdiscClass, frozen=True):
    """A class, and what tc would print."""

    lines: tuple[str, ...] = ()


class FilterText(Filter, frozen=True):
    """Filters, and how tc would print them."""

    lines: tuple[str, ...] = ()


def report(crash: Any, **asked: Any) -> Report:
    """The qdiscs that are asked for; options by the names in `OPTIONS`."""
    survey = NetSurvey.of(crash.kernel, asked["netns"])
    every = survey.attempt("interfaces", partial(devices, survey))
    if asked["device"] is not None:
        survey.require("interface", [asked["device"]], device_names(survey))
    chosen = [one for one in every if asked["device"] in {None, one.row["name"]}]
    found = survey.attempt("qdiscs", partial(readings, survey, chosen))
    _tell_unread(survey, found)
    tables = [_table(survey, "qdiscs", _rows([one.qdisc for one in found], asked), QdiscText, qdisc_lines)]
    if asked["classes"] or asked["filters"] or asked["all"]:
        tables += _more(survey, found, asked)
    return report_of(NAME, survey, tables)


def _more(survey: NetSurvey, found: Sequence[QdiscReading], asked: dict[str, Any]) -> list[Table]:
    """Classes, which are read for their filters too."""
    shares = survey.attempt("classes of qdiscs", partial(classes, survey, found))
    tables = []
    if asked["classes"] or asked["all"]:
        rows = _rows([one.row for one in shares], asked)
        tables.append(_table(survey, "classes", rows, ClassText, class_lines))
    if asked["filters"] or asked["all"]:
        read: Callable[[], list[Filter]] = partial(_filters, survey, found, shares)
        tables.append(
            _table(survey, "filters", survey.attempt("filters of qdiscs", read), FilterText, filter_lines)
        )
    return tables


def _filters(
    survey: NetSurvey, found: Sequence[QdiscReading], shares: Sequence[ClassReading]
) -> list[Filter]:
    rows = filters(survey, found, shares)
    kinds = {row.kind for row in rows if row.elements is None}
    _tell(survey, kinds, "filters", "their number and their classes are not read")
    return rows


def _tell_unread(survey: NetSurvey, found: Sequence[QdiscReading]) -> None:
    kinds = {one.qdisc.kind for one in found if one.qdisc.unread}
    _tell(survey, kinds, "qdiscs", "what they keep, their classes and their filters are not read")


def _tell(survey: NetSurvey, kinds: set[str], what: str, missing: str) -> None:
    """Note the kinds whose private data isn't read: the report is incomplete without it."""
    for kind in sorted(kinds):
        survey.miss([Notice(kind="elsewhere", message=f"{what} of kind {kind}: {missing}")])


def _rows(rows: Sequence[Any], asked: dict[str, Any]) -> list[Any]:
    """The rows with packets or drops, where only these are asked for; a row with unknown counts is kept."""
    if not asked["busy"]:
        return list(rows)
    return [row for row in rows if any(n or n is None for n in (row.qlen, row.backlog, row.drops))]


def _table(
    survey: NetSurvey,
    name: str,
    rows: Sequence[Any],
    kind: type[Any],
    lines: Callable[[Any], tuple[str, ...]],
) -> Table:
    """Lines as tc prints them, each after its namespace where there are several."""
    made = [kind(**msgspec.structs.asdict(row), lines=lines(row)) for row in rows]
    columns = ("netns", "lines") if len(survey.chosen) > 1 else ("lines",)
    return Table(
        name=name,
        rows=made,
        columns=columns,
        layout="lines",
        title=None if name == "qdiscs" else name.capitalize(),
    )
