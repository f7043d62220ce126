"""Functions that make a record of a row; one is generated for each layout.

They are generated as dataclasses' methods are: a function that names the fields takes half the time of a loop
over them (``ps``, 30,000 rows: 178 and 310 ms). Only names of fields go into the code.
"""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from crashdrive.parsers.grammar.columns import SHORTEST_ROW, Column

if TYPE_CHECKING:
    from crashdrive.parsers.grammar.joined import Apart


class Derived(NamedTuple):
    """Fields that follow from several columns: ``by(*of)`` gives the values of ``fields``, a tuple.

    ``of``: names of fields. The value is None where the header has no column for it. A name that the record
    doesn't have is used here alone. ``Derived(("comm", "kernel"), by=_name, of=("comm", "state"))``.
    """

    fields: tuple[str, ...]
    by: Callable[..., tuple[Any, ...]]
    of: tuple[str, ...]


def maker(
    record: Callable[..., Any],
    columns: Sequence[Column],
    derived: Sequence[Derived] = (),
    apart: Mapping[int, Apart] = MappingProxyType({}),
) -> Callable[[re.Match[str]], Any]:
    """A function of a match whose groups are the columns' cells.

    A ``blank`` cell that is absent gives the field's default, or None where it has none. ``apart``: the cells
    (from 0) that must not hold another row; the function gives None then.
    """
    for name in (*(column.field for column in columns), *(name for one in derived for name in one.fields)):
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"no name of a field: {name!r}")
    known: dict[str, Any] = {"record": record}
    used_up = {name for one in derived for name in one.of} - _names(record)
    values: dict[str, str] = {}
    cells: list[str] = []
    defaults = _defaults(record)
    for place, column in enumerate(columns):
        known |= {f"turn{place}": column.cell.convert, f"default{place}": defaults.get(column.field)}
        turned = f"turn{place}(cell{place})" if column.cell.convert else f"cell{place}"
        cells.append(f"cell{place}")
        values[column.field] = (
            f"default{place} if cell{place} is None else {turned}" if column.blank else turned
        )
    lines = [f"{', '.join(cells)}, = found.groups()"]
    for place, check in apart.items():
        known[f"holds{place}"] = check.holds
        long = f"cell{place} is not None and len(cell{place}) > {SHORTEST_ROW}"
        lines.append(f"if {long} and holds{place}(found, {place + 1}): return None")
    for place, one in enumerate(derived):
        known[f"derive{place}"] = one.by
        for name in one.of:
            lines.append(f"of_{name} = {values.get(name)}")
            values[name] = f"of_{name}"
        results = ", ".join(f"is_{name}" for name in one.fields)
        lines.append(f"{results}, = derive{place}({', '.join(f'of_{name}' for name in one.of)})")
        values |= {name: f"is_{name}" for name in one.fields}
    given = {name: value for name, value in values.items() if name not in used_up and value != "None"}
    lines.append(f"return record({_call(record, given)})")
    exec("def make(found):\n " + "\n ".join(lines), known)  # noqa: S102 # names of fields alone, see above
    made: Callable[[re.Match[str]], Any] = known["make"]
    return made


def _call(record: Callable[..., Any], given: dict[str, str]) -> str:
    """The arguments of a call: by position as far as they may be, which is quicker than by name."""
    places = getattr(record, "__match_args__", ()) if isinstance(record, type) else ()
    first = list(itertools.takewhile(given.__contains__, places))
    named = (f"{name}={value}" for name, value in given.items() if name not in first)
    return ", ".join((*(given[name] for name in first), *named))


def _names(record: Callable[..., Any]) -> set[str]:
    return {field.name for field in fields_of(record)}


def _defaults(record: Callable[..., Any]) -> dict[str, Any]:
    return {field.name: field.default for field in fields_of(record) if field.default is not NODEFAULT}


def fields_of(record: Callable[..., Any]) -> Sequence[FieldInfo]:
    """The fields of a record's type; empty for a function, and for any other type."""
    return fields(record) if isinstance(record, type) and issubclass(record, Struct) else ()
