"""What facts are kept under: the contents they came from."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crashdrive.cache.store import Store
from crashdrive.dump.contents import current_mark, sections_digest
from crashdrive.kernel import keys
from crashdrive.kernel.keys import Keys, keys_of, prepare_keys
from tests.dump.test_contents import ID, vmlinux
from tests.dump.test_find import vmcore
from tests.kernel.session_double import SessionDouble

Opened = Callable[..., Keys]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def digested(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read as a whole."""
    read: list[str] = []

    def noted(path: str) -> str | None:
        read.append(path)
        return sections_digest(path)

    monkeypatch.setattr(keys, "sections_digest", noted)
    return read


@pytest.fixture
def opened(tmp_path: Path, store: Store) -> Opened:
    """The keys of a session, as a process of its own has them."""
    (tmp_path / "vmcore").write_bytes(vmcore(ID) + bytes(1 << 18))
    vmlinux(tmp_path)

    def open_(*, mark: str | None = None, build_id: str | None = ID.hex(), **how: Any) -> Keys:
        keys._digesting.cache_clear()
        files = {name: str(tmp_path / name) for name in ("vmlinux", "vmcore")}
        marks = {name: mark or current_mark(path) or "" for name, path in files.items()}
        identity = files | ({"build_id": build_id} if build_id else {}) | {"kaslr_offset": "0x1000"}
        return keys_of(SessionDouble(identity=identity, marks=marks, **how), store)

    return open_


def test_a_damaged_vmlinux_of_the_same_build_has_keys_of_its_own(tmp_path: Path, opened: Opened) -> None:
    right = opened()
    assert right.types is not None
    assert right.symbols is not None
    assert right.types.startswith(ID.hex())
    status = (tmp_path / "vmlinux").stat()
    vmlinux(tmp_path, debug_str=b"skc_dport\0skc_daddr\0")
    os.utime(tmp_path / "vmlinux", ns=(status.st_atime_ns, status.st_mtime_ns))
    types = opened()
    vmlinux(tmp_path, symtab=b"vaules")
    symbols = opened()
    assert len({right.types, types.types, symbols.types}) == 3
    assert len({right.symbols, types.symbols, symbols.symbols}) == 3
    vmlinux(tmp_path)
    assert opened() == right


def test_another_dump_in_the_same_place_of_the_same_size_and_time(tmp_path: Path, opened: Opened) -> None:
    one = opened()
    dump = tmp_path / "vmcore"
    status, content = dump.stat(), bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    with dump.open("r+b") as file:  # the same inode, too
        file.write(content)
    os.utime(dump, ns=(status.st_atime_ns, status.st_mtime_ns))
    other = opened()
    assert other.types == one.types
    assert other.symbols != one.symbols


def test_options_that_take_symbols_away_and_the_kernels_place_are_in_the_key(opened: Opened) -> None:
    options = ("--no_modules",)
    plain, without, minimal = opened(), opened(options=options), opened(options=options, minimal=True)
    assert without.symbols != plain.symbols
    assert minimal == plain
    assert "+0x1000+" in str(plain.symbols)


def test_each_file_is_read_once(
    tmp_path: Path, opened: Opened, digested: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns() + 10**10  # the files were written long ago
    monkeypatch.setattr(time, "time_ns", lambda: now)
    first = opened()
    assert opened() == first
    assert len(digested) == 1
    os.utime(tmp_path / "vmlinux", ns=(1, 1))
    assert opened().types == first.types
    assert len(digested) == 2


def test_a_file_that_was_just_written_is_not_remembered(opened: Opened, digested: list[str]) -> None:
    assert opened() == opened()
    assert len(digested) == 2


def test_files_that_changed_under_the_session(tmp_path: Path, opened: Opened) -> None:
    assert opened(mark="1:2:3:4:5") == Keys()
    (tmp_path / "vmcore").unlink()
    assert opened().symbols is None
    (tmp_path / "vmlinux").write_bytes(b"\x7fELF, once")
    assert opened() == Keys()
    (tmp_path / "vmlinux").unlink()
    assert opened() == Keys()


def test_what_has_no_build_id_is_not_kept(opened: Opened) -> None:
    assert opened(build_id=None) == Keys()


def test_without_files_nothing_is_kept(store: Store) -> None:
    assert keys_of(SessionDouble(), store) == Keys()
    identity = {"vmlinux": "/x", "vmcore": "/y", "build_id": "b"}
    assert keys_of(SessionDouble(identity=identity), store) == Keys()


def test_what_was_begun_before_is_not_done_twice(
    tmp_path: Path, opened: Opened, store: Store, digested: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "vmlinux")
    monkeypatch.setattr(keys._digesting, "cache_clear", lambda: None)
    prepare_keys(path, current_mark(path) or "", store)
    assert opened().types is not None
    assert digested == [path]


def test_a_forked_child_does_not_wait_for_its_parents_thread(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(vmlinux(tmp_path))
    mark = current_mark(path) or ""
    found = keys.contents_of(path, mark, store)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert keys.contents_of(path, mark, store) == found
