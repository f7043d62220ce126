"""What may happen to the store: never a wrong answer, never an error, never a wait without end."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crashdrive.cache import place
from crashdrive.cache.sessions import COMMANDS, KeptCommand, KeptSessions
from crashdrive.cache.store import Store
from crashdrive.dump.contents import current_mark

FORK = multiprocessing.get_context("fork")
KINDS = ("answers", "commands", "pages", "reports", "type")


def value(kind: str, name: int) -> list[str]:
    """What is kept under a name; nothing else is ever right."""
    return [f"{kind} {name} {place}" for place in range(30)]


def fill(store: Store, names: range = range(20)) -> None:
    for kind in KINDS:
        store.put_many(kind, "key", {str(name): value(kind, name) for name in names})


def found(store: Store) -> int:
    """How many entries are there still; none is wrong."""
    count = 0
    for kind in KINDS:
        for name, kept in store.get_many(kind, "key", map(str, range(20)), list[str]).items():
            assert kept == value(kind, int(name))
            count += 1
    return count


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder that lies in memory where there is such a place: a thousand files are written to it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def whole(memory: Path) -> Path:
    """A store's file, with all that is in it."""
    store = Store(memory / "whole")
    fill(store)
    assert found(store) == 100
    store.close()
    with closing(sqlite3.connect(store.path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return store.path


def harmed(whole: Path, folder: Path, harm: Callable[[bytearray], object]) -> Store:
    folder.mkdir(mode=0o700, exist_ok=True)
    store = Store(folder)
    data = bytearray(whole.read_bytes())
    harm(data)
    for left in folder.iterdir():
        left.unlink()
    store.path.write_bytes(data)
    store.path.chmod(0o600)
    return store


def used(store: Store) -> int:
    """How many entries a harmed store still gave; it is used in each way."""
    count = found(store)
    store.put("type", "key", "0", value("type", 0))
    kept = store.get("type", "key", "0", list[str])
    assert kept == value("type", 0) or (kept is None and store.problem)
    assert found(store) <= 100
    store.close()
    return count


def test_flipped_at_a_thousand_places(whole: Path, memory: Path) -> None:
    chance = random.Random(12)  # noqa: S311 - the same places each time
    survived = 0
    for _ in range(1000):

        def flip(data: bytearray) -> None:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)

        store = harmed(whole, memory / "flipped", flip)
        survived += used(store)
    # a flip costs an entry, or what lies on a page with it; seldom all
    assert survived > 70_000


@pytest.mark.parametrize("harm", ["cut", "zeros", "ones"])
def test_cut_and_overwritten_in_many_places(whole: Path, memory: Path, harm: str) -> None:
    chance = random.Random(harm)  # noqa: S311 - the same places each time
    for _ in range(60):

        def hurt(data: bytearray) -> None:
            at = chance.randrange(len(data))
            if harm == "cut":
                del data[at:]
            else:
                end = min(at + chance.choice((16, 512, 8192)), len(data))
                data[at:end] = (b"\0" if harm == "zeros" else b"\xff") * (end - at)

        used(harmed(whole, memory / "hurt", hurt))


@pytest.mark.parametrize("place", ["file", "journal", "folder"])
def test_a_folder_or_a_file_in_its_place(tmp_path: Path, place: str) -> None:
    store = Store(tmp_path / "cache")
    if place == "folder":
        store.directory.write_text("a file")
    elif place == "file":
        store.path.mkdir(parents=True)
    else:
        store.put("type", "key", "0", value("type", 0))
        store.close()
        Path(f"{store.path}-journal").mkdir()
    for _ in range(2):
        assert store.get("type", "key", "0", list[str]) in (None, value("type", 0))
        store.put("type", "key", "1", value("type", 1))
    assert store.problem is not None


def bounded(directory: Path) -> None:
    """Fill a store until no file may grow any more, as on a disk that is full."""
    store = Store(directory)
    fill(store, range(5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    for turn in range(5, 20):
        fill(store, range(turn, turn + 1))
        store.put("pages", "more", str(turn), os.urandom(30_000))
    assert store.problem is not None
    assert found(store) >= 25
    os._exit(0)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    process = FORK.Process(target=bounded, args=(tmp_path / "cache",))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert found(Store(tmp_path / "cache")) >= 25


def test_a_home_that_can_not_be_written_to(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    shutil.copy(whole, folder / whole.name)

    def read() -> None:
        os.setuid(65534)  # root may write anywhere
        store = Store(folder)
        assert found(store) in (0, 100)
        store.put("type", "key", "0", ["x"])
        assert store.get("type", "key", "0", list[str]) in (None, value("type", 0))
        os._exit(0)

    folder.chmod(0o500)
    os.chown(folder, 65534, -1)
    os.chown(folder / whole.name, 65534, -1)
    (folder / whole.name).chmod(0o400)
    tmp_path.chmod(0o755)
    process = FORK.Process(target=read)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def written(directory: Path, kind: str) -> None:
    """Write a kind of entry, again and again, until killed."""
    store = Store(directory, limit=40_000 if kind == "shrinking" else 1 << 30)
    turn = 0
    while True:
        turn += 1
        if kind == "clear":
            store.clear()
            fill(store, range(3))
        elif kind == "shrinking":
            fill(store)
        else:
            store.put_many(kind, "key", {str(name): value(kind, name) for name in range(20)})
            store.drop(kind, "key", [str(turn % 20)])


@pytest.mark.parametrize("kind", [*KINDS, "clear", "shrinking"])
def test_killed_in_each_kind_of_write(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path / "cache")
    for turn in range(4):
        process = FORK.Process(target=written, args=(store.directory, kind))
        process.start()
        time.sleep(0.02 + 0.01 * turn)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        found(store)
        store.put("type", "other", "0", turn)
        assert store.get("type", "other", "0", int) == turn
        assert store.verify() == []
        store.close()


def mixed(directory: Path, dump: Path, number: int) -> None:
    store = Store(directory)
    kept = KeptSessions.of(store, [(str(dump), str(current_mark(dump)))], [])
    assert kept is not None
    for turn in range(20):
        said = f"what {turn} printed ".encode() * 100
        known = kept.get(COMMANDS, str(turn), KeptCommand)
        assert known is None or known.raw() == said
        kept.put_many(COMMANDS, {str(turn): KeptCommand.of(said, None)})
    assert number >= 0
    os._exit(0)


def test_sixteen_processes_on_one_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.cache.files.SETTLED_NS", -1)
    dump = tmp_path / "dump"
    dump.write_bytes(bytes(1000))
    processes = [FORK.Process(target=mixed, args=(tmp_path / "c", dump, number)) for number in range(16)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 16


def test_two_versions_of_the_code_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.cache.files.SETTLED_NS", -1)
    dump = tmp_path / "dump"
    dump.write_bytes(bytes(1000))
    store = Store(tmp_path / "cache")

    def version(name: str) -> KeptSessions:
        monkeypatch.setattr("crashdrive.cache.sessions.code_digest", lambda: name)
        kept = KeptSessions.of(store, [(str(dump), str(current_mark(dump)))], [])
        assert kept is not None
        return kept

    old, new = version("old"), version("new")
    old.put_many(COMMANDS, {"ps": KeptCommand.of(b"old", None)})
    assert new.get(COMMANDS, "ps", KeptCommand) is None
    new.put_many(COMMANDS, {"ps": KeptCommand.of(b"new", None)})
    assert old.get(COMMANDS, "ps", KeptCommand).raw() == b"old"


def test_what_is_packed_and_damaged_is_not_there() -> None:
    kept = KeptCommand.of(b"x" * 10_000, None)
    assert kept.packed
    assert kept.raw() == b"x" * 10_000
    for at in range(len(kept.output)):
        data = bytearray(kept.output)
        data[at] ^= 0x40
        damaged = KeptCommand(output=bytes(data), size=kept.size, packed=True)
        said = damaged.raw()
        assert said is None or len(said) == 10_000


def mode_of(store: Store) -> str:
    store.close()
    with closing(sqlite3.connect(store.path)) as database:
        return str(database.execute("PRAGMA journal_mode").fetchone()[0])


def test_on_a_network_file_system_there_is_no_shared_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = Store(tmp_path / "cache")
    fill(local)
    monkeypatch.setattr(place, "is_shared", lambda _directory: True)
    store = Store(tmp_path / "cache")
    assert store.path != local.path
    fill(store)
    assert found(store) == 100
    assert (mode_of(store), mode_of(local)) == ("delete", "wal")
    assert {path.name for path in store.directory.iterdir()} <= {local.path.name, store.path.name}
    processes = [FORK.Process(target=some, args=(store.directory, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    assert len(Store(store.directory).names("type", "some")) == 40


def some(directory: Path, number: int) -> None:
    store = Store(directory)
    for turn in range(10):
        store.put("type", "some", f"{number} {turn}", ["x"])
    os._exit(store.problem is not None)


def test_where_the_log_can_not_be_had_it_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A VFS without shared memory, as a file system is that can't map a file for several processes."""
    connect = sqlite3.connect

    def without(path: object, **more: object) -> sqlite3.Connection:
        return connect(f"file:{path}?vfs=unix-dotfile", uri=True, **more)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", without)
    store = Store(tmp_path / "cache")
    fill(store)
    assert found(store) == 100
    assert store.problem is None
    store.close()
    monkeypatch.undo()
    assert mode_of(store) == "delete"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/.cache", "nfs4"),
        ("/home/my own/x", "ext4"),
        ("/homes", "ext4"),
        ("/mnt/a/b", "fuse.sshfs"),
        ("/tmp/x", "tmpfs"),
        ("/", "ext4"),
    ],
)
def test_the_kind_of_a_file_system(path: str, kind: str) -> None:
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "2 1 0:5 / /home rw shared:1 - nfs4 server:/home rw\n"
        "3 2 8:2 / /home/my\\040own rw - ext4 /dev/sdb rw\n"
        "4 1 0:6 / /mnt/a rw - fuse.sshfs host: rw\n"
        "5 1 8:3 / /tmp rw - ext4 /dev/sdc rw\n"
        "6 1 0:7 / /tmp rw - tmpfs tmpfs rw\n"
    )
    assert place._kind_of_file_system(mounts, path) == kind
    assert (kind.partition(".")[0] in place._LOCAL) == (kind in {"ext4", "tmpfs"})
