"""Where the store's file lies, and whether it may be used: it is the user's own, and a store.

Whoever else can write to the folder, or has put a link or another program's database in the file's place,
would have us write into what isn't ours, or believe what isn't ours. So nothing is followed, and a file is
either plainly a store of this program or left alone.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import stat
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crashdrive.text import printable

if TYPE_CHECKING:
    import logging

# what SQLite keeps for programs to know their own files by ("CRDV"), and the layout of the table
APPLICATION: Final = 0x43524456
LAYOUT: Final = 2
# what SQLite puts beside its file
SIBLINGS: Final = ("-journal", "-wal", "-shm")
_HEADER = 100
# file systems of one host; on any other one the store does without shared memory
_LOCAL = frozenset(
    (
        *("aufs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfs", "hfsplus", "jfs", "nilfs2"),
        *("ntfs", "ntfs3", "overlay", "ramfs", "reiserfs", "rootfs", "tmpfs", "ufs", "vfat", "xfs", "zfs"),
    )
)
_OCTAL = re.compile(r"\\([0-7]{3})")
_COLUMNS = "kind key name used size digest value"
_SCHEMA = """
CREATE TABLE entries (
    kind TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,
    used INTEGER NOT NULL, size INTEGER NOT NULL, digest BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (kind, key, name));
CREATE INDEX entries_used ON entries (used);
"""


def log() -> logging.Logger:
    """Where trouble with the store is told."""
    import logging  # a kept answer is found without

    return logging.getLogger("crashdrive.cache")


class UnsafePlaceError(OSError):
    """The folder or a file in it isn't to be used; the message names it and says what to do."""


class BusyPlaceError(OSError):
    """Another process is making the store just now."""


def file_name(directory: Path) -> str:
    """The store's name in a folder: another one where several hosts may share it.

    A file that one host writes with a log beside it (WAL) must not be opened by another one.
    """
    return f"store-{LAYOUT}{'-shared' if is_shared(directory) else ''}.sqlite"


def is_shared(directory: Path) -> bool:
    """Whether a folder lies on a file system of the network, or on one that isn't known as a local one's.

    SQLite's log (WAL) wants memory that all processes share, which hosts don't.
    """
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
        place = os.path.realpath(directory)
    except OSError:
        return True
    return _kind_of_file_system(mounts, place).partition(".")[0] not in _LOCAL


def _kind_of_file_system(mounts: str, place: str) -> str:
    """The type of the file system that a path lies on, by the lines of /proc/PID/mountinfo."""
    kind, longest = "", -1
    for line in mounts.splitlines():
        words, _, behind = line.partition(" - ")
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), words.split(" ")[4])
        # of several on one place the last one counts
        if (place == point or place.startswith(point.rstrip("/") + "/")) and len(point) >= longest:
            kind, longest = behind.partition(" ")[0], len(point)
    return kind


def prepare(directory: Path, path: Path) -> None:
    """Have a store at ``path`` that may be opened; UnsafePlaceError where something else is there.

    A damaged one is set aside as ``*.damaged``. One appears in its place when it is whole, so that a process
    that is killed leaves none behind that is half made.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened_folder(directory) as folder:
        if _is_store(path):
            return
        with _locked(folder, directory):
            if _is_store(path):  # another process was faster
                return
            if path.exists() and path.stat().st_size:
                aside = f"{path}.damaged"
                log().warning(
                    "the cache %s is damaged: it is set aside as %s", *map(printable, (str(path), aside))
                )
                path.rename(aside)
            remove(path)
            _make(path)


def remove(path: Path) -> None:
    """Remove a store, with what SQLite put beside it."""
    for suffix in ("", *SIBLINGS):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").unlink()


@contextmanager
def _opened_folder(directory: Path) -> Iterator[int]:
    try:
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        if directory.is_symlink():
            _refuse(directory, "is a symbolic link", "name the folder that it leads to in CRASHDRIVE_CACHE")
        raise
    try:
        _check_owner(os.fstat(folder), directory)
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _locked(folder: int, directory: Path) -> Iterator[None]:
    """While no other process makes a store here; the end of a process ends its lock."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BusyPlaceError(f"{directory} is locked by another process") from error
    except OSError:  # some network file systems lock no folders; the file is renamed into place all the same
        log().debug("%s can't be locked", directory)
    yield


def _is_store(path: Path) -> bool:
    """Whether there is a store that may be opened; False where there is nothing, or what was damaged."""
    for suffix in SIBLINGS:
        _file_status(Path(f"{path}{suffix}"))
    status = _file_status(path)
    if status is None or not status.st_size:
        return False
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        header = os.pread(file, _HEADER, 0)
    finally:
        os.close(file)
    if not _is_database(header):
        return False
    (layout,), (application,) = struct.unpack_from(">I", header, 60), struct.unpack_from(">I", header, 68)
    if application != APPLICATION:
        _refuse(path, "is another program's database", "move it away, or name another folder")
    return bool(layout == LAYOUT)


def _file_status(path: Path) -> os.stat_result | None:
    """None where there is nothing; UnsafePlaceError for what isn't a file of the user's alone."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        _refuse(path, "is a symbolic link", "remove it")
    if not stat.S_ISREG(status.st_mode):
        _refuse(path, "is no regular file", "remove it")
    _check_owner(status, path)
    return status


def _check_owner(status: os.stat_result, path: Path) -> None:
    if status.st_uid not in {os.geteuid(), 0}:
        _refuse(path, f"belongs to user {status.st_uid}", "remove it, or name a folder of your own")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        _refuse(path, "can be written by others", f"chmod go-w {path}, if what is in it is yours")


def _refuse(path: Path, what: str, cure: str) -> None:
    if "CRASHDRIVE_CACHE" not in cure and "folder" in cure:
        cure += " in CRASHDRIVE_CACHE"
    raise UnsafePlaceError(f"{printable(str(path))} {what}: {printable(cure)}")


def _is_database(header: bytes) -> bool:
    """Whether it begins as SQLite's files do, with a size of pages and fractions that it allows."""
    if len(header) < _HEADER or not header.startswith(b"SQLite format 3\0"):
        return False
    size = int.from_bytes(header[16:18])
    return (size == 1 or (512 <= size <= 1 << 15 and not size & (size - 1))) and header[
        21:24
    ] == b"\x40\x20\x20"


def _make(path: Path) -> None:
    """A new store; whatever there was of older layouts goes."""
    fresh = Path(f"{path}.new")
    remove(fresh)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(fresh)) as database:
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        database.execute(f"PRAGMA application_id = {APPLICATION}")
        database.execute(f"PRAGMA user_version = {LAYOUT}")
        database.executescript(_SCHEMA)
        wanted = "DELETE" if path.name.endswith("-shared.sqlite") else "WAL"
        (mode,) = database.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
        if mode != wanted.lower():  # memory can't be shared here: without a log of its own it goes, too
            database.execute("PRAGMA journal_mode = DELETE")
    fresh.rename(path)
    _remove_first(path.with_name("store-1.sqlite"))


def _remove_first(path: Path) -> None:
    """Remove a store of the first layout: nothing in it is found by today's keys. It bears no mark."""
    with suppress(OSError, sqlite3.Error):
        if _file_status(path) is None:
            return
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            columns = [row[1] for row in database.execute("PRAGMA table_info(entries)")]
        if tables == [("entries",)] and " ".join(columns) == _COLUMNS:
            remove(path)
