"""The ledger of a batch, ``OUT/triage.sqlite``: what is known of each dump, and what came of it.

Each dump is one transaction, behind the file with its result: whatever is killed at whatever time, a dump is
either in it with all that was found, or not at all. Its tables are described in docs/batch.md: people read
them with sqlite3, datasette and pandas.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from crashdrive.batch.find import Found
from crashdrive.errors import UsageError
from crashdrive.text import valid

APPLICATION: Final = 0x43524442  # "CRDB"
LAYOUT: Final = 1
NAME: Final = "triage.sqlite"
RESULTS: Final = "results"

DUMP_COLUMNS: Final = (
    "dump", "path", "also", "host", "release", "build_id", "format", "size", "crashed", "status", "reason",
    "reason_kind", "bucket", "title", "kind", "function", "module", "context", "cpu", "pid", "comm", "taint",
    "corrupted", "algorithm", "alternatives", "frames", "waits_for", "group_id", "findings", "seconds",
    "peak_memory", "crash_version", "version", "triaged", "attempts",
)  # fmt: skip

_SCHEMA = """
CREATE TABLE dumps (
    dump TEXT PRIMARY KEY, path TEXT NOT NULL, also TEXT NOT NULL DEFAULT '[]', host TEXT, release TEXT,
    build_id TEXT, format TEXT, size INTEGER, crashed TEXT,
    status TEXT NOT NULL, reason TEXT, reason_kind TEXT,
    bucket TEXT, title TEXT, kind TEXT, function TEXT, module TEXT, context TEXT, cpu INTEGER, pid INTEGER,
    comm TEXT, taint TEXT, corrupted INTEGER, algorithm INTEGER,
    alternatives TEXT NOT NULL DEFAULT '[]', frames TEXT NOT NULL DEFAULT '[]', waits_for TEXT,
    group_id TEXT, findings INTEGER NOT NULL DEFAULT 0, seconds REAL, peak_memory INTEGER,
    crash_version TEXT, version TEXT, triaged TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 1);
CREATE INDEX dumps_group ON dumps (group_id);
CREATE INDEX dumps_bucket ON dumps (bucket);
CREATE TABLE groups (
    group_id TEXT PRIMARY KEY, bucket TEXT NOT NULL, title TEXT NOT NULL, kind TEXT, function TEXT,
    module TEXT, count INTEGER NOT NULL, first_seen TEXT, last_seen TEXT, hosts INTEGER NOT NULL DEFAULT 0,
    releases TEXT NOT NULL DEFAULT '[]', state TEXT NOT NULL, corrupted INTEGER NOT NULL DEFAULT 0,
    algorithm TEXT NOT NULL, waits_for TEXT, link TEXT, note TEXT, owner TEXT, fixed_in TEXT,
    created TEXT NOT NULL);
CREATE TABLE findings (
    dump TEXT NOT NULL, severity TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL,
    evidence TEXT NOT NULL DEFAULT '[]', explanation TEXT, advice TEXT, source TEXT);
CREATE INDEX findings_dump ON findings (dump);
CREATE INDEX findings_kind ON findings (kind);
CREATE TABLE files (path TEXT PRIMARY KEY, dump TEXT NOT NULL, found BLOB NOT NULL);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Reader(Protocol):
    """A ledger as those see it who only read."""

    @property
    def folder(self) -> Path:
        """The folder of the batch."""
        ...

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query of ours."""
        ...


class ReadOnly:
    """The ledger of a folder that is only read, while a batch may write into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._database = read_only(folder / NAME)
        self._database.row_factory = sqlite3.Row

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query of ours."""
        return self._database.execute(query, values).fetchall()


class Ledger:
    """The ledger of a folder, open for writing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME
        self._database = _opened(self.path)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block or nothing of it."""
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query of ours."""
        return self._database.execute(query, values).fetchall()

    # files

    def known_files(self) -> dict[str, Found]:
        """What is known of the dumps' files, by their paths."""
        decoder = msgspec.json.Decoder(Found)
        rows = self._database.execute("SELECT path, found FROM files")
        return {path: decoder.decode(blob) for path, blob in rows}

    def keep_files(self, dumps: Iterable[Found], known: dict[str, Found]) -> None:
        """Keep what was found of the files, as far as it is new."""
        new = [one for one in dumps if known.get(one.path) != one]
        if not new:
            return
        rows = [(_text(one.path), one.id, msgspec.json.encode(_plain(one))) for one in new]
        with self.transaction() as database:
            database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows)

    # dumps

    def statuses(self) -> dict[str, tuple[str, str | None]]:
        """Status and kind of reason of each dump that is done, by its id."""
        rows = self._database.execute("SELECT dump, status, reason_kind FROM dumps")
        return {dump: (status, kind) for dump, status, kind in rows}

    def put_dump(
        self, row: dict[str, Any], findings: Sequence[dict[str, Any]], instead: str | None = None
    ) -> None:
        """Keep a dump and its findings, in place of what was known of it, or of the dump ``instead``."""
        with self.transaction() as database:
            before = database.execute("SELECT attempts FROM dumps WHERE dump = ?", (row["dump"],)).fetchone()
            kept = {**row, "attempts": (before[0] if before else 0) + 1}
            columns = [name for name in DUMP_COLUMNS if name in kept]
            marks = ", ".join("?" * len(columns))
            database.execute(
                f"INSERT OR REPLACE INTO dumps ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 - ours
                [_text(kept[name]) for name in columns],
            )
            for dump in {row["dump"], instead or row["dump"]}:
                database.execute("DELETE FROM findings WHERE dump = ?", (dump,))
            if instead is not None:
                database.execute(
                    "DELETE FROM dumps WHERE dump = ? AND path = ?", (instead, _text(row["path"]))
                )
            database.executemany(
                "INSERT INTO findings VALUES (:dump, :severity, :kind, :message, :evidence, :explanation,"
                " :advice, :source)",
                [{name: _text(value) for name, value in one.items()} for one in findings],
            )

    def settings(self) -> dict[str, str]:
        """What the batch was made with."""
        return dict(self._database.execute("SELECT name, value FROM settings").fetchall())

    def set(self, name: str, value: str) -> None:
        """Keep a setting."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))


def _text(value: Any) -> Any:
    r"""A value as SQLite can keep it: bytes of a file's name that are no UTF-8 as ``\xNN``."""
    return valid(value) if isinstance(value, str) else value


def _plain(one: Found) -> Found:
    return msgspec.structs.replace(
        one, **{name: _text(value) for name, value in msgspec.structs.asdict(one).items() if name != "also"},
        also=tuple(map(_text, one.also)),
    )  # fmt: skip


def _opened(path: Path) -> sqlite3.Connection:
    """The database, made where there is none; UsageError for another program's."""
    try:
        # what a dump says is for its owner alone, whatever the folder's rights are
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        database = sqlite3.connect(path, isolation_level=None, timeout=30.0, check_same_thread=False)
        database.row_factory = sqlite3.Row
        application = database.execute("PRAGMA application_id").fetchone()[0]
        layout = database.execute("PRAGMA user_version").fetchone()[0]
        empty = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except (sqlite3.Error, OSError) as error:
        raise UsageError(f"{str(path)!a}: {error}") from error
    if empty:
        database.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            if statement.strip():
                database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION}")
        database.execute(f"PRAGMA user_version = {LAYOUT}")
        database.execute("COMMIT")
    elif application != APPLICATION:
        raise UsageError(f"{str(path)!a} is another program's database: name another folder by -o")
    elif layout != LAYOUT:
        raise UsageError(
            f"{str(path)!a} is of another crashdrive (layout {layout}): name another folder by -o"
        )
    return database


def read_only(path: Path) -> sqlite3.Connection:
    """The database; UsageError where there is none, or another program's."""
    if not path.is_file():
        raise UsageError(f"{str(path)!a}: no ledger there; crashdrive batch DUMPS -o OUT makes one")
    with ExitStack() as stack:
        try:
            database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30.0)
            stack.enter_context(closing(database))
            application, layout = (
                database.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            )
        except sqlite3.Error as error:
            raise UsageError(f"{str(path)!a}: {error}") from error
        if application != APPLICATION:
            raise UsageError(f"{str(path)!a} is no ledger of crashdrive batch")
        if layout != LAYOUT:
            raise UsageError(f"{str(path)!a} is of another crashdrive")
        stack.pop_all()
    return database


def open_folder(folder: Path) -> Path:
    """The folder of a batch, made where it isn't there, for its owner alone; UsageError where it can't be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / RESULTS).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"can't make the folder {str(folder)!a}: {error.strerror}") from error
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """While no other batch works on the folder; the end of a process ends its lock."""
    try:
        file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UsageError(f"can't write into {str(folder)!a}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = os.pread(file, 32, 0).decode("ascii", "replace").strip() or "?"
            raise UsageError(f"another crashdrive batch (process {who}) works on {str(folder)!a}") from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)
