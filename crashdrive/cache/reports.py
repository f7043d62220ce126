"""Whole reports, kept: the records themselves, so that a script has them again and any format is written.

Only what comes back exactly as it was is kept: each report is read again before it is.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from crashdrive.cache.answers import MOST
from crashdrive.cache.code import own_files
from crashdrive.cache.sessions import REPORTS, KeptSessions, digest_of, pack, unpack
from crashdrive.dump.module_files import module_files
from crashdrive.records import Record, Report
from crashdrive.steps import recalled

_OURS: Final = "crashdrive."
# parts of a report that failed, by no fault of the dump's: a deadline, say
FAILED: Final = frozenset({"failed", "rule", "unread"})


class _Rows(Record, frozen=True):
    """A table's rows: ``kind`` is ``module:Name`` of their class (None: plain dicts)."""

    kind: str | None
    is_tuple: bool
    packed: bytes
    size: int


class KeptReport(Record, frozen=True):
    """A report, its tables without rows, and these."""

    report: Report
    rows: tuple[_Rows, ...]


def kept_or_made(
    shelf: Callable[[], KeptSessions | None],
    name: str,
    options: Mapping[str, Any],
    make: Callable[[], Report],
) -> Report:
    """A report that was kept, its source being ``store``, or what ``make`` gives, kept.

    ``shelf``: where it is kept at the time of asking; None where it isn't.
    """
    began = time.monotonic()
    if (place := shelf()) is None:
        return make()
    try:
        key = digest_of(name, sorted(options.items()), own_files(), module_files(place.paths))
    except (TypeError, OverflowError):  # options of types that nothing is told apart by
        return make()
    if (found := find_report(place, key)) is not None:
        recalled([f"report {name}"], time.monotonic() - began)
        return msgspec.structs.replace(found, source="store")
    report = make()
    # one that names its dump itself would do so for a copy of that
    if not report.dump and (place := shelf()) is not None:
        keep_report(place, key, report)
    return report


def find_report(kept: KeptSessions, name: str) -> Report | None:
    """A report that was kept; None where there is none."""
    found: KeptReport | None = kept.get(REPORTS, name, KeptReport)
    if found is None:
        return None
    try:
        return _unpacked(found)
    except (msgspec.MsgspecError, ImportError, AttributeError, ValueError, TypeError):
        return None


def keep_report(kept: KeptSessions, name: str, report: Report) -> None:
    """Keep a report, as far as it is one to keep and comes back as it is."""
    if any(notice.kind in FAILED for notice in report.warnings):
        return
    try:
        packed = _packed(report)
        whole = _unpacked(packed) == report
    except (msgspec.MsgspecError, ImportError, AttributeError, ValueError, TypeError, OverflowError):
        return
    if whole and sum(one.size for one in packed.rows) <= MOST:
        kept.put_many(REPORTS, {name: packed})


def _packed(report: Report) -> KeptReport:
    rows = tuple(_rows(table.rows) for table in report.tables)
    tables = tuple(msgspec.structs.replace(table, rows=()) for table in report.tables)
    return KeptReport(report=msgspec.structs.replace(report, tables=tables), rows=rows)


def _rows(rows: Sequence[Any]) -> _Rows:
    kinds = {type(row) for row in rows}
    kind = kinds.pop() if len(kinds) == 1 else dict
    data = msgspec.msgpack.encode(rows)
    return _Rows(
        kind=None if kind is dict else f"{kind.__module__}:{kind.__qualname__}",
        is_tuple=isinstance(rows, tuple),
        packed=pack(data),
        size=len(data),
    )


def _unpacked(kept: KeptReport) -> Report:
    tables = tuple(
        msgspec.structs.replace(table, rows=_records(rows))
        for table, rows in zip(kept.report.tables, kept.rows, strict=True)
    )
    return msgspec.structs.replace(kept.report, tables=tables)


def _records(rows: _Rows) -> Sequence[Any]:
    data = unpack(rows.packed, rows.size)
    if data is None:
        raise ValueError("damaged")
    kind = _class(rows.kind) if rows.kind is not None else dict[str, Any]
    found: list[Any] = msgspec.msgpack.decode(data, type=list[kind])  # type: ignore[valid-type]
    return tuple(found) if rows.is_tuple else found


def _class(name: str) -> type[Record]:
    """A class of records, by its name; ValueError or TypeError for what is none of crashdrive's."""
    module, _, path = name.partition(":")
    if not module.startswith(_OURS) or not path.isidentifier():
        raise ValueError(f"no class of records: {name}")
    found = getattr(importlib.import_module(module), path)
    if not (isinstance(found, type) and issubclass(found, Record)):
        raise TypeError(f"no class of records: {name}")
    return found
