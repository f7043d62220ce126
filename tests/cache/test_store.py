"""The store: what is kept, what is trusted, what happens when it can't be used."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from crashdrive.cache.store import PATIENCE, Store, cache_directory, open_store


class Point(msgspec.Struct):
    x: int
    name: str


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def test_what_was_put_is_there_for_the_next_process(store: Store) -> None:
    store.put_many("point", "k1", {"a": Point(1, "one"), "b": Point(2, "two")})
    other = Store(store.directory)
    assert other.get("point", "k1", "a", Point) == Point(1, "one")
    assert other.get_many("point", "k1", ["b", "c"], Point) == {"b": Point(2, "two")}
    assert other.names("point", "k1") == ["a", "b"]
    assert other.size() > 0


def test_a_store_that_nobody_has_any_more_is_closed(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    store.put("kind", "key", "name", 1)
    database = store._database
    assert database is not None
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.execute("SELECT 1")


def test_kind_key_name_and_version_keep_entries_apart(store: Store) -> None:
    store.put("point", "k1", "a", Point(1, "one"))
    assert store.get("other", "k1", "a", Point) is None
    assert store.get("point", "k2", "a", Point) is None
    assert store.get("point", "k1", "b", Point) is None
    assert store.get("point", "k1", "a", Point, version=2) is None


def test_an_entry_of_another_version_of_our_code_is_dropped(store: Store) -> None:
    store.put("point", "k1", "a", Point(1, "one"))
    store.get("point", "k1", "a", Point, version=2)
    assert store.names("point", "k1") == []


def change(store: Store, statement: str, *values: object) -> None:
    store.close()
    with sqlite3.connect(store.path) as database:
        database.execute(statement, values)
    database.close()


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("UPDATE entries SET value = ?", msgspec.msgpack.encode(Point(2, "two"))),
        ("UPDATE entries SET value = ?", b""),
        ("UPDATE entries SET digest = ?", b"0" * 16),
        ("UPDATE entries SET key = 'k2', digest = digest WHERE ? = 1", 1),
    ],
)
def test_a_damaged_or_foreign_entry_is_dropped_and_never_trusted(
    store: Store, statement: str, value: object
) -> None:
    store.put("point", "k1", "a", Point(1, "one"))
    change(store, statement, value)
    for key in ("k1", "k2"):
        assert store.get("point", key, "a", Point) is None
    assert store.names("point", "k1") == store.names("point", "k2") == []
    store.put("point", "k1", "a", Point(3, "three"))
    assert store.get("point", "k1", "a", Point) == Point(3, "three")


def test_a_value_of_another_shape_is_dropped(store: Store) -> None:
    store.put("point", "k1", "a", [1, 2, 3])
    assert store.get("point", "k1", "a", Point) is None
    assert store.names("point", "k1") == []


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_replaced(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    store.path.write_bytes(content)
    store.put("point", "k1", "a", Point(1, "one"))
    assert store.get("point", "k1", "a", Point) == Point(1, "one")
    assert store.problem is None
    assert "damaged" in caplog.text


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    store = Store(tmp_path, limit=100_000)
    for number in range(30):
        store.put("blob", "k", str(number), os.urandom(5000))
        change(store, "UPDATE entries SET used = ? WHERE name = ?", number, str(number))
    store.close()
    kept = [int(name) for name in Store(tmp_path, limit=100_000).names("blob", "k")]
    assert store.size() <= 110_000
    assert max(kept) == 29
    assert min(kept) > 5


def test_reading_makes_an_entry_recent(store: Store) -> None:
    store.put("point", "k1", "a", Point(1, "one"))
    change(store, "UPDATE entries SET used = ?", 5)
    store.get("point", "k1", "a", Point)
    store.close()
    with sqlite3.connect(store.path) as database:
        assert database.execute("SELECT used FROM entries").fetchone()[0] > 5
    database.close()


def test_only_the_user_may_look_into_it(store: Store) -> None:
    store.put("point", "k1", "a", Point(1, "one"))
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    for file in store.directory.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_others_can_write_to_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o777)
    store = Store(tmp_path)
    store.put("point", "k1", "a", Point(1, "one"))
    store.put("point", "k1", "a", Point(1, "one"))
    assert store.get("point", "k1", "a", Point) is None
    assert "written by others" in (store.problem or "")
    assert len(caplog.records) == 1


def test_without_a_place_to_write_there_is_no_cache_and_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.touch()
    store = Store(file / "below")
    for _ in range(3):
        store.put("point", "k1", "a", Point(1, "one"))
        assert store.get("point", "k1", "a", Point) is None
    assert store.names("point", "k1") == []
    assert store.size() == 0
    assert store.problem
    assert len(caplog.records) == 1


def test_with_a_full_disk_what_is_there_can_still_be_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("point", "k1", "a", Point(1, "one"))

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(store, "_write", full)
    store.put("point", "k1", "b", Point(1, "one"))
    assert "full" in (store.problem or "")
    assert store.get("point", "k1", "a", Point) == Point(1, "one")
    assert store.get("point", "k1", "b", Point) is None


def test_the_environment_chooses_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "here"))
    assert cache_directory() == tmp_path / "here"
    opened = open_store()
    assert opened is not None
    assert opened.directory == tmp_path / "here"
    monkeypatch.setenv("CRASHDRIVE_CACHE", "off")
    assert open_store() is None
    monkeypatch.delenv("CRASHDRIVE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "crashdrive"


@pytest.mark.parametrize("lock", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
def test_a_locked_store_is_waited_for_once_and_not_for_long(
    store: Store, lock: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    store.put("point", "k1", "a", Point(1, "one"))
    store.close()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        if "EXCLUSIVE" in lock:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute(lock)
        for number in range(20):
            store.put("point", "k1", str(number), Point(1, "one"))
            store.get("point", "k1", "a", Point)
    assert PATIENCE <= sum(waited) <= PATIENCE + 0.1
    assert store.problem is not None
    assert "another process has it locked" in store.problem
    assert len(caplog.records) == 1
    assert Store(store.directory).get("point", "k1", "a", Point) == Point(1, "one")


def writer(directory: Path, number: int) -> None:
    store = Store(directory)
    for turn in range(50):
        store.put("point", "k", f"{number}-{turn}", Point(turn, "x" * 100))
        assert store.get("point", "k", f"{number}-{turn}", Point) == Point(turn, "x" * 100)
    assert store.problem is None


def test_several_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=writer, args=(tmp_path, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(Store(tmp_path).names("point", "k")) == 150


def test_clear_and_drop(store: Store) -> None:
    store.put_many("point", "k1", {"a": 1, "b": 2, "c": 3})
    store.drop("point", "k1", ["a"])
    assert store.names("point", "k1") == ["b", "c"]
    store.clear()
    assert store.names("point", "k1") == []


def test_trouble_with_the_users_store_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "file"
    place.touch()
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(place))
    for _ in range(3):
        store = open_store()
        assert store is not None
        assert store.get("kind", "key", "name", int) is None
    assert len(caplog.records) == 1
