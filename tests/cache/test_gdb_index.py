"""gdb's indexes, kept: used only where they are what was written, and of this very vmlinux."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crashdrive.cache.gdb_index import Indexes
from crashdrive.cache.store import Store

BUILD = "3b43fad5034874490492495d552c0af6a5fab235"
INDEX = (8).to_bytes(4, "little") + bytes(200)


@pytest.fixture
def indexes(tmp_path: Path) -> Indexes:
    store = Store(tmp_path / "cache")
    store.size()
    return Indexes(store)


@pytest.fixture
def vmlinux(tmp_path: Path) -> str:
    path = tmp_path / "vmlinux"
    path.write_bytes(b"\x7fELF" + bytes(1000))
    return str(path)


def kept(indexes: Indexes, vmlinux: str, content: bytes = INDEX) -> Path | None:
    room = indexes.room()
    (room / f"{BUILD}.gdb-index").write_bytes(content)
    found = indexes.take(BUILD, vmlinux, room)
    assert not room.exists()
    return found


def test_what_was_written_is_found(indexes: Indexes, vmlinux: str) -> None:
    assert indexes.find(BUILD, vmlinux) is None
    path = kept(indexes, vmlinux)
    assert path is not None
    assert path.name == f"{BUILD}.gdb-index"
    assert path.stat().st_mode & 0o777 == 0o600
    assert indexes.directory.stat().st_mode & 0o777 == 0o700
    assert indexes.find(BUILD, vmlinux) == path
    assert indexes.find("ab" * 20, vmlinux) is None


def test_one_that_was_changed_is_not_used(indexes: Indexes, vmlinux: str) -> None:
    path = kept(indexes, vmlinux)
    assert path is not None
    status = path.stat()
    path.write_bytes(INDEX[:-1] + b"\1")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert indexes.find(BUILD, vmlinux) is None


def test_one_that_somebody_put_there_is_not_used(indexes: Indexes, vmlinux: str) -> None:
    indexes.directory.mkdir(parents=True)
    (indexes.directory / f"{BUILD}.gdb-index").write_bytes(INDEX)
    assert indexes.find(BUILD, vmlinux) is None


def test_a_vmlinux_of_other_contents_has_none(indexes: Indexes, vmlinux: str) -> None:
    kept(indexes, vmlinux)
    Path(vmlinux).write_bytes(b"\x7fELF" + bytes(999) + b"\1")
    assert indexes.find(BUILD, vmlinux) is None


@pytest.mark.parametrize(
    "content", [b"", b"\x08\0\0\0", b"nothing like it" * 20, (6).to_bytes(4, "little") * 99]
)
def test_what_is_no_index_is_not_kept(indexes: Indexes, vmlinux: str, content: bytes) -> None:
    assert kept(indexes, vmlinux, content) is None
    assert list(indexes.directory.iterdir()) == []


def test_a_writer_that_wrote_nothing(indexes: Indexes, vmlinux: str) -> None:
    room = indexes.room()
    assert indexes.take(BUILD, vmlinux, room) is None
    assert not room.exists()


@pytest.mark.parametrize("build_id", ["", "../../etc/passwd", "ABCDEF0123456789", "12"])
def test_a_build_id_that_is_none(indexes: Indexes, vmlinux: str, build_id: str) -> None:
    assert indexes.find(build_id, vmlinux) is None
    assert indexes.take(build_id, vmlinux, indexes.room()) is None


def test_what_killed_writers_left_goes(indexes: Indexes, vmlinux: str) -> None:
    old, new = indexes.room(), indexes.room()
    os.utime(old, (1, 1))
    kept(indexes, vmlinux)
    assert not old.exists()
    assert new.exists()


def test_it_is_used_while_no_start_was_slower_with_it(indexes: Indexes, tmp_path: Path) -> None:
    crash = tmp_path / "crash"
    crash.write_text("one")
    binary = str(crash)
    assert indexes.pays(BUILD, binary)
    indexes.learn(BUILD, binary, 10.0, indexed=False)
    assert indexes.pays(BUILD, binary)
    indexes.learn(BUILD, binary, 10.5, indexed=True)
    assert not indexes.pays(BUILD, binary)
    assert indexes.pays("ab" * 20, binary)
    crash.write_text("another")
    assert indexes.pays(BUILD, binary)
    indexes.learn(BUILD, binary, 10.0, indexed=False)
    indexes.learn(BUILD, binary, 5.0, indexed=True)
    indexes.learn(BUILD, binary, 50.0, indexed=True)  # what was measured first stays
    assert indexes.pays(BUILD, binary)
