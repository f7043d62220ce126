"""Rows and columns that a reader wants of a report: ``--columns``, ``--where``, ``--sort``, ``--limit``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from crashdrive.errors import UsageError
from crashdrive.integers import exact
from crashdrive.near import hint
from crashdrive.records import Report, Table
from crashdrive.render.cells import all_columns, column_values

_CONDITION = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(!=|!~|<=|>=|=|~|<|>)\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|\d+|\d*\.\d+)")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TRUE, _FALSE = frozenset({"yes", "true", "1"}), frozenset({"no", "false", "0"})


class Choice(NamedTuple):
    """What is wanted of a report's rows.

    ``columns``: these alone, in this order. ``where``: conditions such as ``state=LISTEN`` that all have to
    hold. ``sort``: columns to order by, the first one first; ``-`` before a name: downwards. ``limit``: so
    many rows of each table at most.
    """

    columns: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are shown, compared or ordered by."""
        compared = (condition(text).column for text in self.where)
        return (*self.columns, *compared, *(name.removeprefix("-") for name in self.sort))

    @property
    def all(self) -> bool:
        """Whether nothing is left out or moved."""
        return not (self.columns or self.where or self.sort or self.limit is not None)


class Condition(NamedTuple):
    """One of ``--where``: ``column``, how it is compared (``= != < <= > >= ~ !~``), and with what."""

    column: str
    comparison: str
    value: str

    def holds(self, cell: Any) -> bool:
        """Whether a cell meets it; of several values in a cell, one has to, for ``!=`` and ``!~`` all."""
        if self.comparison.startswith("!"):
            return not Condition(self.column, self.comparison[1:], self.value).holds(cell)
        return any(map(self._is_met, _parts(cell)))

    def _is_met(self, cell: Any) -> bool:
        if self.comparison == "~":
            return cell is not None and re.search(self.value, _text(cell)) is not None
        if self.comparison == "=":
            return self._equals(cell)
        if cell is None or isinstance(cell, str):
            return False
        return _ORDERS[self.comparison](cell, number(self.value))

    def _equals(self, cell: Any) -> bool:
        if cell is None:
            return self.value == ""
        if isinstance(cell, bool):
            return self.value.lower() in (_TRUE if cell else _FALSE)
        if isinstance(cell, (int, float)) and _NUMBER.fullmatch(self.value):
            return bool(cell == number(self.value))
        return _text(cell) == self.value


def condition(text: str) -> Condition:
    """A condition taken apart; UsageError where it is none."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--where {text!a}: a condition is COLUMN, one of = != < <= > >= ~ !~, and a value: state=LISTEN"
        )
    made = Condition(*found.groups())
    if made.comparison in _ORDERS and not _NUMBER.fullmatch(made.value):
        raise UsageError(f"--where {text!a}: {made.comparison} compares numbers; {made.value!a} is none")
    if made.comparison.endswith("~"):
        try:
            re.compile(made.value)
        except re.error as error:
            raise UsageError(f"--where {text!a}: {made.value!a} is no regular expression: {error}") from error
    return made


def number(text: str) -> float:
    """A number as people write it: decimal, 0x hexadecimal, or with a point."""
    return float(text) if "." in text else int(text, 0)


def chosen(report: Report, choice: Choice, *, narrow: bool = True) -> tuple[Report, list[str]]:
    """The report with what is wanted of it, and lines that say what a limit left out.

    A table that lacks a column of ``columns`` or ``where`` is left out, where another one has it; UsageError
    where none has. ``narrow``: rows keep the wanted fields alone (for JSON and CSV), else all, and
    `Table.columns` says what is shown.
    """
    conditions = [condition(text) for text in choice.where]
    tables = list(report.tables)
    names = [*choice.columns, *(one.column for one in conditions)]
    _require(tables, [*names, *(name.removeprefix("-") for name in choice.sort)])
    for name in (one.column for one in conditions):
        tables = [table for table in tables if _has(table, name)]
    if choice.columns:
        tables = [table for table in tables if any(_has(table, name) for name in choice.columns)]
    cut: list[str] = []
    made = []
    for table in tables:
        rows = _sorted(_kept(table.rows, conditions), choice.sort)
        if choice.limit is not None and len(rows) > choice.limit:
            left = len(rows) - choice.limit
            cut.append(f"{report.report}: {table.name}: {left} more row{'s' * (left != 1)} (--limit)")
            rows = rows[: choice.limit]
        made.append(_with_columns(table, rows, choice.columns, narrow=narrow))
    return msgspec.structs.replace(report, tables=tuple(made)), cut


def _require(tables: Sequence[Table], names: Iterable[str]) -> None:
    """UsageError for a column that no table has, unless there is no row at all that could tell."""
    known = list(
        dict.fromkeys(name for table in tables for name in (*table.columns, *all_columns(table.rows)))
    )
    if not any(len(table.rows) for table in tables):
        return
    for name in names:
        if name not in known:
            raise UsageError(f"no column {name!a}{hint(name, known) or '; there are ' + ', '.join(known)}")


def _has(table: Table, name: str) -> bool:
    return name in table.columns or name in all_columns(table.rows)


def _kept(rows: Sequence[Any], conditions: Sequence[Condition]) -> list[Any]:
    for one in conditions:
        cells = column_values(rows, one.column)
        rows = [row for row, cell in zip(rows, cells, strict=True) if one.holds(cell)]
    return list(rows)


def _sorted(rows: list[Any], names: Sequence[str]) -> list[Any]:
    for name in reversed(names):
        cells = column_values(rows, name.removeprefix("-"))
        told = [at for at, cell in enumerate(cells) if cell is not None]
        # equal ones stay in their order either way
        told.sort(key=lambda at: _rank(cells[at]), reverse=name.startswith("-"))
        rows = [rows[at] for at in told] + [
            row for row, cell in zip(rows, cells, strict=True) if cell is None
        ]
    return rows


def _rank(cell: Any) -> tuple[int, Any]:
    """Numbers before texts, by their values."""
    if isinstance(cell, (int, float)):
        return (1, cell)
    return (2, _text(cell))


def _with_columns(table: Table, rows: list[Any], columns: Sequence[str], *, narrow: bool) -> Table:
    if not columns:
        return msgspec.structs.replace(table, rows=rows)
    mine = tuple(name for name in columns if _has(table, name))
    if narrow:
        cells = zip(*(column_values([exact(row) for row in rows], name) for name in mine), strict=True)
        rows = [dict(zip(mine, values, strict=True)) for values in cells]
    return msgspec.structs.replace(table, rows=rows, columns=mine)


def _parts(cell: Any) -> Iterable[Any]:
    if isinstance(cell, (list, tuple, set, frozenset)):
        return cell or (None,)
    return (cell,)


def _text(cell: Any) -> str:
    if isinstance(cell, (Mapping, msgspec.Struct)):
        return msgspec.json.encode(exact(cell)).decode("utf-8", "replace")
    return str(cell)
