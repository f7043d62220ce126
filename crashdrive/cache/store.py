"""What is kept between runs: layouts, symbols and answers, in one SQLite file of the user's.

An entry is found by kind, key (such as a kernel's build id) and name; its value is msgpack, typed by whoever
asks. Nothing in the file is trusted: each entry carries a digest over all of it, and one that is damaged,
foreign, or of another version of our code is dropped and counts as not there. Trouble with the file itself
(read-only, full, locked, not ours) means working without it, said once.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, overload

import msgspec

from crashdrive.cache.place import BusyPlaceError, file_name, log, prepare, remove
from crashdrive.text import printable
from crashdrive.userdirs import caches

T = TypeVar("T")

_LIMIT = 2 << 30
# seconds that a process waits for others that have the file locked, in all: what is kept saves no more
PATIENCE: Final = 1.5
_TOUCH_AFTER = 3600  # seconds; a more exact order of use isn't worth a write at each read


def cache_directory() -> Path | None:
    """Where the store lies: ``CRASHDRIVE_CACHE``, or the user's cache directory; None if it is ``off``."""
    chosen = os.environ.get("CRASHDRIVE_CACHE", "")
    if chosen == "off":
        return None
    return Path(chosen or f"{caches()}/crashdrive")


def open_store(*, limit: int = _LIMIT) -> Store | None:
    """The user's store, one for each directory; None where ``CRASHDRIVE_CACHE=off``."""
    directory = cache_directory()
    return None if directory is None else _store(directory, limit)


@functools.cache
def _store(directory: Path, limit: int) -> Store:
    # the same one again, so that trouble with it is said once
    return Store(directory, limit=limit)


class KindSummary(NamedTuple):
    """The entries of one kind; ``size`` in bytes, ``oldest`` and ``latest`` use in seconds since 1970."""

    kind: str
    entries: int
    size: int
    oldest: int
    latest: int


def _close(database: sqlite3.Connection, owner: int) -> None:
    """Close a connection in the process that made it: it doesn't survive a fork."""
    if os.getpid() == owner:
        with suppress(sqlite3.Error):
            database.close()


class Store:
    """Entries kept in a directory; opened at first use, usable by several threads and processes at once.

    ``limit`` bounds the values' bytes: what wasn't used for longest goes first. ``problem`` says why the
    store isn't used any more, or not written to; None while it is.
    """

    def __init__(self, directory: str | Path, *, limit: int = _LIMIT) -> None:
        self.directory = Path(directory)
        self.path = self.directory / file_name(self.directory)
        self.limit = limit
        self.problem: str | None = None
        self._closed_for_good = False
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None
        self._process = 0
        self._patience = PATIENCE
        self._written = limit  # so that the first write checks the limit

    @overload
    def get(self, kind: str, key: str, name: str, type_: type[T], *, version: int = 1) -> T | None: ...

    @overload
    def get(self, kind: str, key: str, name: str, type_: object, *, version: int = 1) -> Any: ...

    def get(self, kind: str, key: str, name: str, type_: object, *, version: int = 1) -> Any:
        """One entry, decoded as ``type_``; None if it isn't there or can't be trusted."""
        return self.get_many(kind, key, [name], type_, version=version).get(name)

    def get_many(
        self, kind: str, key: str, names: Iterable[str], type_: object, *, version: int = 1
    ) -> dict[str, Any]:
        """Those of several entries that are there, decoded as ``type_``."""
        wanted = list(dict.fromkeys(names))
        nothing: list[tuple[str, bytes, bytes]] = []
        rows = self._guarded(lambda database: _select(database, kind, key, wanted), nothing)
        decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(type_)
        found: dict[str, Any] = {}
        bad: list[str] = []
        for name, digest, value in rows:
            if digest != _digest(kind, key, name, version, value):
                bad.append(name)
                continue
            try:
                found[name] = decoder.decode(value)
            except (msgspec.DecodeError, RecursionError):
                bad.append(name)
        self._after_reading(kind, key, [name for name, _, _ in rows if name in found], bad)
        return found

    def put(self, kind: str, key: str, name: str, value: object, *, version: int = 1) -> None:
        """Keep one value, in place of an earlier one."""
        self.put_many(kind, key, {name: value}, version=version)

    def put_many(self, kind: str, key: str, values: Mapping[str, object], *, version: int = 1) -> None:
        """Keep several values, all or none."""
        now = int(time.time())
        rows = []
        for name, value in values.items():
            data = msgspec.msgpack.encode(value)
            rows.append((kind, key, name, now, len(data), _digest(kind, key, name, version, data), data))
        if rows:
            self._guarded(lambda database: self._write(database, rows), None, writes=True)

    def names(self, kind: str, key: str) -> list[str]:
        """The names of all entries of a kind and key."""
        query = "SELECT name FROM entries WHERE kind = ? AND key = ? ORDER BY name"
        nothing: list[Any] = []
        rows = self._guarded(lambda database: database.execute(query, (kind, key)).fetchall(), nothing)
        return [row[0] for row in rows]

    def drop(self, kind: str, key: str, names: Iterable[str]) -> None:
        """Forget entries."""
        rows = [(kind, key, name) for name in names]
        query = "DELETE FROM entries WHERE kind = ? AND key = ? AND name = ?"
        self._guarded(lambda database: database.executemany(query, rows), None, writes=True)

    def size(self) -> int:
        """The bytes of all values kept."""
        return self._guarded(_total, 0)

    def keys(self, kind: str) -> list[str]:
        """The keys of all entries of a kind, each once."""
        query = "SELECT DISTINCT key FROM entries WHERE kind = ? ORDER BY key"
        nothing: list[Any] = []
        rows = self._guarded(lambda database: database.execute(query, (kind,)).fetchall(), nothing)
        return [row[0] for row in rows]

    def summary(self) -> list[KindSummary]:
        """What is kept, by kind, the largest first."""
        query = "SELECT kind, count(*), sum(size), min(used), max(used) FROM entries GROUP BY kind"
        nothing: list[Any] = []
        rows = self._guarded(lambda database: database.execute(query).fetchall(), nothing)
        return sorted((KindSummary(*row) for row in rows), key=lambda one: (-one.size, one.kind))

    def clear(self, kinds: Collection[str] = ()) -> int:
        """Forget everything, or all of these kinds; how many entries went. The file shrinks."""

        def forget(database: sqlite3.Connection) -> int:
            if not kinds:
                return database.execute("DELETE FROM entries").rowcount
            query = "DELETE FROM entries WHERE kind = ?"
            return sum(database.execute(query, (kind,)).rowcount for kind in kinds)

        gone = self._guarded(forget, 0, writes=True)
        self._guarded(
            lambda database: database.execute("PRAGMA incremental_vacuum").fetchall(), None, writes=True
        )
        return gone

    def verify(self) -> list[str]:
        """What is wrong with the file, one line each; none where it is whole. Changes nothing."""
        nothing: list[Any] = []
        said = self._guarded(lambda database: database.execute("PRAGMA integrity_check").fetchall(), nothing)
        found = [row[0] for row in said if row[0] != "ok"]
        return [*found, self.problem] if self.problem is not None else found

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._database is not None and self._process == os.getpid():
                with suppress(sqlite3.Error):
                    self._database.close()
            self._database = None

    def _write(self, database: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
        database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._written += sum(row[4] for row in rows)
        if self._written >= self.limit // 16:
            self._written = 0
            _shrink(database, self.limit)

    def _after_reading(self, kind: str, key: str, used: list[str], bad: list[str]) -> None:
        if bad:
            log().info("dropped %d damaged or outdated entries of kind %s", len(bad), kind)
            self.drop(kind, key, bad)
        now = int(time.time())
        rows = [(now, kind, key, name, now - _TOUCH_AFTER) for name in used]
        query = "UPDATE entries SET used = ? WHERE kind = ? AND key = ? AND name = ? AND used < ?"
        stale = "SELECT 1 FROM entries WHERE kind = ? AND key = ? AND used < ? LIMIT 1"

        def touch(database: sqlite3.Connection) -> None:
            if rows and database.execute(stale, (kind, key, now - _TOUCH_AFTER)).fetchone():
                database.executemany(query, rows)

        self._guarded(touch, None, writes=True)

    def _guarded(self, work: Callable[[sqlite3.Connection], T], otherwise: T, *, writes: bool = False) -> T:
        """Do something with the database; ``otherwise`` where it can't be used."""
        with self._lock:
            damaged = False
            while not (self._closed_for_good or (writes and self.problem is not None)):
                try:
                    return self._transaction(work)
                except (sqlite3.DatabaseError, BusyPlaceError, UnicodeDecodeError) as error:
                    if _is_damage(error):
                        self._start_afresh(error, last=damaged)
                        damaged = True
                    elif not _is_busy(error):
                        self._give_up(error, reading=not writes)
                    elif not self._wait():
                        self._give_up("another process has it locked", reading=True)
                except OSError as error:
                    self._give_up(error, reading=True)
            return otherwise

    def _wait(self) -> bool:
        """Wait a moment for another process; False where that was done for long enough."""
        if self._patience <= 0:
            return False
        import random  # of a store that others have locked alone

        moment = random.uniform(0.005, 0.025)  # noqa: S311 - so that two of them don't wait in step
        self._patience -= moment
        time.sleep(moment)
        return True

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        database = self._database
        if database is None or self._process != os.getpid():  # a connection doesn't survive a fork
            database = self._database = self._connect()
            # Python 3.13 warns of one that nobody closed; at the interpreter's end nothing is waited for
            weakref.finalize(self, _close, database, os.getpid()).atexit = False
            self._process = os.getpid()
        with database:
            return work(database)

    def _connect(self) -> sqlite3.Connection:
        prepare(self.directory, self.path)
        database = sqlite3.connect(self.path, timeout=0, check_same_thread=False)
        database.text_factory = _text
        try:
            if os.access(self.path, os.W_OK):
                database.execute("PRAGMA synchronous = NORMAL")
            database.execute("SELECT kind, key, name, used, size, digest, value FROM entries LIMIT 1")
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _start_afresh(self, error: Exception, *, last: bool) -> None:
        self.close()
        if last:
            self._give_up(error, reading=True)
            return
        log().warning("the cache %s is damaged (%s); starting a new one", printable(str(self.path)), error)
        with suppress(OSError):
            remove(self.path)

    def _give_up(self, error: Exception | str, *, reading: bool) -> None:
        """Stop writing, or all use; said once."""
        if reading:
            self.close()
            self._closed_for_good = True
        if self.problem is None:
            without = "working without it" if reading else "nothing new is kept"
            self.problem = f"the cache {printable(str(self.path))} can't be used: {error}; {without}"
            log().warning("%s", self.problem)


def _select(
    database: sqlite3.Connection, kind: str, key: str, names: list[str]
) -> list[tuple[str, bytes, bytes]]:
    rows: list[tuple[str, bytes, bytes]] = []
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        marks = ", ".join("?" * len(part))
        query = f"SELECT name, digest, value FROM entries WHERE kind = ? AND key = ? AND name IN ({marks})"  # noqa: S608 - only question marks are put in
        rows += database.execute(query, (kind, key, *part)).fetchall()
    return rows


def _digest(kind: str, key: str, name: str, version: int, value: bytes) -> bytes:
    identity = msgspec.msgpack.encode((kind, key, name, version))
    return hashlib.blake2b(value, digest_size=16, key=hashlib.sha256(identity).digest()).digest()


def _total(database: sqlite3.Connection) -> int:
    total: int = database.execute("SELECT coalesce(sum(size), 0) FROM entries").fetchone()[0]
    return total


def _shrink(database: sqlite3.Connection, limit: int) -> None:
    """Drop what wasn't used for longest, down to nine tenths of the limit."""
    excess = _total(database) - limit
    if excess <= 0:
        return
    excess += limit // 10
    for row, size in database.execute("SELECT rowid, size FROM entries ORDER BY used, rowid").fetchall():
        database.execute("DELETE FROM entries WHERE rowid = ?", (row,))
        excess -= size
        if excess <= 0:
            break
    database.execute("PRAGMA incremental_vacuum").fetchall()


def _text(data: bytes) -> str:
    """Text out of the file; what is damaged in it is no text any more, and found by nobody."""
    return data.decode("utf-8", "replace")


def _is_damage(error: Exception) -> bool:
    """Whether the file is no store any more; SQLite says so in plain words, or trips over its schema."""
    if not isinstance(error, sqlite3.OperationalError):
        return not isinstance(error, BusyPlaceError)
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR


def _is_busy(error: Exception) -> bool:
    busy = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return isinstance(error, BusyPlaceError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in busy
