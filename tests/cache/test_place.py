"""What stands in the store's place: nothing is followed, nothing of others is touched or believed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from crashdrive.cache.place import APPLICATION, LAYOUT, SIBLINGS
from crashdrive.cache.store import Store

WRITER = """
import sys
from crashdrive.cache.store import Store
turn = 0
while True:
    store = Store(sys.argv[1])
    store.put("kind", "key", str(turn % 50), b"x" * 20_000)
    store.close()
    turn += 1
    print(turn, store.problem, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    return folder


def refused(store: Store, caplog: pytest.LogCaptureFixture) -> str:
    """What is said, once, of a store that isn't used."""
    for _ in range(3):
        store.put("kind", "key", "name", 1)
        assert store.get("kind", "key", "name", int) is None
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    return record.getMessage()


def test_its_own_file_is_marked(folder: Path) -> None:
    store = Store(folder)
    store.put("kind", "key", "name", 1)
    with closing(sqlite3.connect(store.path)) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        assert database.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("suffix", ["", *SIBLINGS])
@pytest.mark.parametrize("content", [b"precious", None])
def test_a_link_is_refused(
    folder: Path, tmp_path: Path, suffix: str, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "precious"
    if content is not None:
        target.write_bytes(content)
    store = Store(folder)
    link = Path(f"{store.path}{suffix}")
    link.symlink_to(target)
    assert f"{link} is a symbolic link: remove it" in refused(store, caplog)
    assert (target.read_bytes() if target.exists() else None) == content
    assert list(folder.iterdir()) == [link]


def test_a_link_to_a_folder_is_refused(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    said = refused(Store(link), caplog)
    assert f"{link} is a symbolic link: name the folder that it leads to in CRASHDRIVE_CACHE" in said
    assert not any(folder.iterdir())


def test_another_programs_database_is_left_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(folder)
    with closing(sqlite3.connect(store.path)) as database:
        database.execute("CREATE TABLE theirs (x)")
        database.commit()
    before = store.path.read_bytes()
    said = refused(store, caplog)
    assert f"{store.path} is another program's database: move it away" in said
    assert store.path.read_bytes() == before
    assert list(folder.iterdir()) == [store.path]


@pytest.mark.parametrize("mode", [0o660, 0o602])
def test_a_file_that_others_can_write_to_is_refused(
    folder: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(folder)
    store.put("kind", "key", "name", 1)
    store.close()
    store.path.chmod(mode)
    assert f"{store.path} can be written by others: chmod go-w {store.path}" in refused(store, caplog)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("which", ["folder", "file"])
def test_what_belongs_to_others_is_refused(
    folder: Path, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(folder)
    store.put("kind", "key", "name", 1)
    store.close()
    theirs = folder if which == "folder" else store.path
    os.chown(theirs, 12345, -1)
    assert f"{theirs} belongs to user 12345: remove it" in refused(store, caplog)


def test_a_sticky_folder_of_all_is_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.chmod(0o1777)
    assert f"{folder} can be written by others" in refused(Store(folder), caplog)


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_what_is_no_file_is_refused(folder: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(folder)
    if kind == "folder":
        store.path.mkdir()
    else:
        os.mkfifo(store.path)
    assert f"{store.path} is no regular file" in refused(store, caplog)


def test_what_is_no_database_is_set_aside(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(folder)
    store.path.write_bytes(b"somebody's notes")
    store.put("kind", "key", "name", 1)
    assert store.get("kind", "key", "name", int) == 1
    assert Path(f"{store.path}.damaged").read_bytes() == b"somebody's notes"
    assert "set aside" in caplog.text


def test_a_store_of_the_first_layout_goes(folder: Path) -> None:
    old = folder / "store-1.sqlite"
    with closing(sqlite3.connect(old)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE entries (kind, key, name, used, size, digest, value)")
        database.commit()
    Store(folder).put("kind", "key", "name", 1)
    assert not old.exists()


def test_a_database_in_the_old_place_that_is_not_ours_stays(folder: Path) -> None:
    other = folder / "store-1.sqlite"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE entries (kind, mine)")
        database.commit()
    Store(folder).put("kind", "key", "name", 1)
    assert other.exists()


def test_whenever_it_is_killed_the_next_finds_a_store(folder: Path) -> None:
    for turn in range(8):
        command = [sys.executable, "-c", WRITER, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            if turn % 2:  # while it writes; else while it starts
                assert process.stdout is not None
                assert process.stdout.readline() == "1 None\n"
            time.sleep(0.02 * turn)
            process.send_signal(signal.SIGKILL)
        store = Store(folder)
        store.put("kind", "key", "name", turn)
        assert store.get("kind", "key", "name", int) == turn
        assert store.problem is None
        store.close()
