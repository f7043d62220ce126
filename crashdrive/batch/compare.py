"""Two dumps compared: why they died, their stacks, machines, modules, settings, counters, sockets, memory."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from crashdrive.batch.jobs import Result
from crashdrive.batch.summary import first, rows_of
from crashdrive.records import Notice, Report, Table

REPORTS = ("modules", "sysctl", "snmp", "sockstat", "memory", "block")
"""Reports that two dumps are compared by, beside those of the triage, as far as they are there."""

Key = tuple[Any, ...]
_SAME = frozenset({"address", "task", "frames", "alternatives", "banner", "pid"})


class Part(NamedTuple):
    """A table that is compared: rows that agree in ``keys`` are one; ``values`` are compared, or all."""

    report: str
    table: str
    keys: tuple[str, ...]
    values: tuple[str, ...] = ()


_PARTS = {
    "modules": Part("modules", "modules", ("name",), ("size", "state", "taint", "version", "srcversion")),
    "settings": Part("sysctl", "settings", ("netns", "name"), ("value",)),
    "panic_settings": Part("sysinfo", "panic", ("name",), ("setting",)),
    "mitigations": Part("sysinfo", "mitigations", ("name",), ("mitigation",)),
    "firmware": Part("sysinfo", "firmware", ("name",), ("value",)),
    "taints": Part("sysinfo", "taints", ("letter",), ("meaning",)),
    "counters": Part("snmp", "counters", ("netns", "group", "name"), ("value",)),
    "sockets": Part("netsummary", "states", ("netns", "proto", "state"), ("socket_count",)),
    "socket_memory": Part("netsummary", "memory", ("protocols",)),
    "memory": Part("memory", "amounts", ("item",), ("amount_bytes",)),
    "slabs": Part("memory", "slabs", ("name",), ("slab_bytes", "active_objects")),
    "locks": Part("hang", "locks", ("lock", "type"), ("owner_comm", "waiters")),
}
# reports whose tables are all compared, by the first of these columns that they have
_WHOLE = ("sockstat",)
_NAMES = ("name", "proto", "protocol", "family", "field")


def compared(one: Result, other: Result) -> Report:
    """What is unlike; incomplete where one of the dumps is, or where a report of one could not be made."""
    tables = [
        _fields("verdict", one, other, "panic", "verdict"),
        _stacks(one, other),
        _fields("system", one, other, "sysinfo", "system"),
        *(_table(name, part, one, other) for name, part in _PARTS.items()),
        *_whole(one, other),
        _findings(one, other),
    ]  # fmt: skip
    warnings = [*_warnings(one, other), *_unasked(one, other)]
    return Report(
        report="diff",
        tables=tuple(tables),
        dump={"first": one.vmcore, "second": other.vmcore},
        complete=not warnings,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _table(name: str, part: Part, one: Result, other: Result) -> Table:
    rows = list(_differences(part, one, other))
    return Table(name=name, rows=rows, columns=_COLUMNS, title=name.replace("_", " ").capitalize())


_COLUMNS = ("name", "first", "second", "change", "column")


def _fields(title: str, one: Result, other: Result, report: str, table: str) -> Table:
    """The fields of two single rows that are unlike."""
    left, right = first(rows_of(one, report, table)), first(rows_of(other, report, table))
    rows = [
        _row(name, left.get(name), right.get(name))
        for name in dict.fromkeys([*left, *right])
        if name not in _SAME and left.get(name) != right.get(name)
    ]
    return Table(name=title, rows=rows, columns=_COLUMNS[:-1], title=title)


def _row(name: str, left: Any, right: Any, column: str = "") -> dict[str, Any]:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (left, right))
    change = round(right - left, 6) if numbers else None
    return {"name": name, "first": _plain(left), "second": _plain(right), "change": change, "column": column}


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _stacks(one: Result, other: Result) -> Table:
    """Both stacks as a diff: ``-`` of the first, ``+`` of the second, a blank for both."""
    left, right = (
        [str(row.get("function")) for row in rows_of(each, "panic", "backtrace") if row.get("sure", True)]
        for each in (one, other)
    )
    matcher = difflib.SequenceMatcher(a=left, b=right, autojunk=False)
    rows = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            rows += [{"of": "both", "function": name} for name in left[a:b]]
        else:
            rows += [{"of": "first", "function": name} for name in left[a:b]]
            rows += [{"of": "second", "function": name} for name in right[c:d]]
    return Table(name="stack", rows=rows, columns=("of", "function"), title="Stack")


def _differences(part: Part, one: Result, other: Result) -> Iterator[dict[str, Any]]:
    if not (part.report in one.reports and part.report in other.reports):
        return  # what wasn't looked at is not absent
    left, right = (_keyed(rows_of(each, part.report, part.table), part.keys) for each in (one, other))
    absent: Counter[tuple[str, bool]] = Counter()
    places = [_places(side, part.keys) for side in (left, right)]
    for key in dict.fromkeys([*left, *right]):
        mine, theirs = left.get(key), right.get(key)
        if mine is None or theirs is None:
            absent[_outermost(key, part.keys, places[mine is not None]), mine is not None] += 1
            continue
        name = " ".join(str(word) for word in key if word is not None)
        for column in part.values or [name for name in mine if name not in part.keys and name not in _SAME]:
            if mine.get(column) != theirs.get(column):
                yield _row(name, mine.get(column), theirs.get(column), column)
    for (name, here), count in absent.items():
        told = f"there ({count})" if count > 1 else "there"
        yield _row(name, told if here else "absent", "absent" if here else told)


def _places(rows: Iterable[Key], names: Sequence[str]) -> set[str]:
    """All that rows are in: namespaces, and what stands before each dot of a name."""
    return {place for key in rows for place in _around(key, names)}


def _around(key: Key, names: Sequence[str]) -> Iterator[str]:
    """What a row is in, the outermost first."""
    netns = f"{key[0]} " if names[0] == "netns" and key[0] is not None else ""
    if netns:
        yield f"{netns}*"
    words = str(key[-1]).split(".") if names[-1] == "name" else []
    for count in range(1, len(words)):
        yield f"{netns}{'.'.join(words[:count])}.*"


def _outermost(key: Key, names: Sequence[str], others: set[str]) -> str:
    """The largest thing around a row that the other dump lacks altogether; the row, where there is none."""
    own = " ".join(str(word) for word in key if word is not None)
    return next((place for place in _around(key, names) if place not in others), own)


def _keyed(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> dict[Key, dict[str, Any]]:
    found: dict[Key, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(tuple(_plain(row.get(name)) for name in keys), row)
    return found


def _whole(one: Result, other: Result) -> Iterator[Table]:
    """Tables of reports that are compared as they are, where their rows have names."""
    for report in _WHOLE:
        documents = [each.reports.get(report) or {} for each in (one, other)]
        for table in dict.fromkeys(name for document in documents for name in document.get("tables") or ()):
            rows = rows_of(one, report, table) or rows_of(other, report, table)
            if not rows:
                continue
            name = next((name for name in _NAMES if name in rows[0]), None)
            keys = tuple(key for key in ("netns", name) if key and key in rows[0])
            if keys:
                differences = list(_differences(Part(report, table, keys), one, other))
                yield Table(
                    name=f"{report}_{table}", rows=differences, columns=_COLUMNS, title=f"{report}: {table}"
                )


def _findings(one: Result, other: Result) -> Table:
    left, right = (
        {
            finding["kind"]: finding["message"]
            for finding in (each.reports.get("triage") or {}).get("findings") or ()
        }
        for each in (one, other)
    )
    rows = [
        _row(kind, left.get(kind), right.get(kind))
        for kind in dict.fromkeys([*left, *right])
        if left.get(kind) != right.get(kind)
    ]
    return Table(name="findings", rows=rows, columns=("name", "first", "second"), title="Findings")


def _unasked(*results: Result) -> Iterator[Notice]:
    """Reports that one of the dumps was never asked for."""
    compared_by = [part.report for part in _PARTS.values()]
    for name in dict.fromkeys(["panic", *compared_by, *_WHOLE, "triage"]):
        for which, mine, theirs in zip(("first", "second"), results, results[::-1], strict=True):
            if name in theirs.reports and name not in mine.reports and name not in mine.failures:
                yield Notice(kind="gap", message=f"the {which} dump: report {name} is not there")


def _warnings(*results: Result) -> Iterator[Notice]:
    for which, result in zip(("first", "second"), results, strict=True):
        for name, told in result.failures.items():
            yield Notice(kind="failed", message=f"the {which} dump: report {name} failed: {told}")
        for document in result.reports.values():
            if not document.get("complete", True):
                for notice in document.get("warnings") or ():
                    yield Notice(
                        kind=notice.get("kind", "gap"), message=f"the {which} dump: {notice['message']}"
                    )
