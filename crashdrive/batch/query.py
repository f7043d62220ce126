"""Questions to the ledger of a batch: SQL that can only read, and ready ones."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from crashdrive.batch.ledger import NAME, read_only
from crashdrive.errors import CommandFailedError, UsageError
from crashdrive.near import hint
from crashdrive.records import Table

_NEW = """SELECT group_id, count AS dumps, title, first_seen, last_seen, hosts, releases FROM groups
 WHERE state = 'new' ORDER BY first_seen DESC, count DESC"""
_BACK = """SELECT group_id, count AS dumps, title, first_seen, last_seen, hosts, releases, fixed_in,
 owner, link FROM groups WHERE state = 'back' ORDER BY last_seen DESC"""
_BY_MODULE = """SELECT coalesce(module, '(kernel)') AS module, count(*) AS dumps,
 count(DISTINCT group_id) AS groups, max(crashed) AS last_seen
 FROM dumps WHERE kind IS NOT NULL GROUP BY 1 ORDER BY dumps DESC, module"""
_BY_HOST = """SELECT coalesce(host, '(unknown)') AS host, count(*) AS dumps,
 count(DISTINCT group_id) AS groups, min(crashed) AS first_seen, max(crashed) AS last_seen
 FROM dumps GROUP BY 1 ORDER BY dumps DESC, host"""
_SINCE = """SELECT crashed, host, release, title, status, group_id, path FROM dumps
 WHERE crashed >= ? ORDER BY crashed"""
# each with how many values it takes
_READY = {
    "new": (_NEW, 0),
    "back": (_BACK, 0),
    "by module": (_BY_MODULE, 0),
    "by host": (_BY_HOST, 0),
    "since": (_SINCE, 1),
}
_ALLOWED = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_STEPS = 100_000  # of SQLite's machine, between two looks at whether somebody wants to stop it


class Question(NamedTuple):
    """SQL and the values in it."""

    sql: str
    values: tuple[str, ...]


def question_of(words: Sequence[str]) -> Question:
    """What the words of a command line ask; UsageError where they ask nothing."""
    text = " ".join(words).strip()
    if re.match(r"(?i)(?:select|with|values)\b", text):
        return Question(text, ())
    for name, (sql, count) in _READY.items():
        rest = text.removeprefix(name).split() if text == name or text.startswith(f"{name} ") else None
        if rest is None:
            continue
        if len(rest) != count:
            raise UsageError(f"query {name}: {'DATE is missing' if count else 'nothing more is asked'}")
        return Question(sql, tuple(map(_day, rest)))
    known = [*_READY, "SELECT ..."]
    raise UsageError(f"query {text!a}: no question{hint(text, _READY)}; there are {', '.join(known)}")


def _day(text: str) -> str:
    """A day or a time as the ledger has them: in UTC, as one without a time zone is meant."""
    try:
        if len(text) <= 10:
            return date.fromisoformat(text).isoformat()
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat(timespec="seconds")
    except ValueError as error:
        raise UsageError(f"query since: {text!a} is no date (such as 2026-11-29)") from error


def answer(folder: Path, question: Question) -> Table:
    """The rows of a question; UsageError where there is no ledger or the SQL is wrong or writes."""
    path = folder / NAME if folder.is_dir() else folder
    try:
        with closing(read_only(path)) as database:
            database.set_authorizer(_only_reads)
            database.set_progress_handler(lambda: 0, _STEPS)
            cursor = database.execute(question.sql, question.values)
            names = _names(cursor)
            rows: list[Any] = [dict(zip(names, row, strict=True)) for row in cursor]
    except sqlite3.DatabaseError as error:
        if "prohibited" in str(error) or "not authorized" in str(error):
            raise UsageError("query: the SQL may only read (SELECT, WITH)") from error
        raise CommandFailedError(f"query: {error}") from error
    except sqlite3.Warning as error:
        raise UsageError(f"query: {error}") from error
    return Table(name="answer", rows=rows, columns=tuple(names))


def _names(cursor: sqlite3.Cursor) -> list[str]:
    """Columns' names; of several of one name all but the first have a number."""
    found: list[str] = []
    for name, *_ in cursor.description or ():
        number = sum(one == name or one.startswith(f"{name}_") for one in found)
        found.append(f"{name}_{number + 1}" if name in found else name)
    return found


def _only_reads(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
