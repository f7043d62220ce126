"""gdb's index: written by a gdb that does it well, given to a crash that can use it, never in the way."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec
import pytest

from crashdrive.cache.gdb_index import Indexes
from crashdrive.cache.store import Store
from crashdrive.dump.identity import VmlinuxIdentity
from crashdrive.session.binaries import Binary
from crashdrive.session.indexing import (
    Index,
    Writer,
    gdb_version,
    prepared,
    usable,
    write_beside,
    writing_gdb,
)
from crashdrive.session.launch import Start, climb
from tests.session.conftest import Fake

BUILD = "3b43fad5034874490492495d552c0af6a5fab235"
GDB = f"""#!{sys.executable} -IS
import os, re, sys, time
if "--version" in sys.argv:
    print("GNU gdb (Debian 13.1-3) VERSION\\nCopyright")
    sys.exit()
room = re.search("directory (.*)", " ".join(sys.argv)).group(1).split(" -")[0]
HOW
with open(os.path.join(room, "{BUILD}.gdb-index"), "wb") as file:
    file.write((8).to_bytes(4, "little") + bytes(200))
with open("FOLDER/told", "w") as file:
    file.write("\\n".join(sys.argv[1:]))
"""


@pytest.fixture
def indexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Indexes:
    monkeypatch.delenv("CRASHDRIVE_GDB_INDEX")
    store = Store(tmp_path / "cache")
    store.size()
    return Indexes(store)


@pytest.fixture
def vmlinux(tmp_path: Path) -> VmlinuxIdentity:
    path = tmp_path / "vmlinux"
    path.write_bytes(b"\x7fELF" + bytes(1000))
    return VmlinuxIdentity(
        path=str(path), size=1004, mtime_ns=0, build_id=BUILD, debug_data=True, word_size=8, machine=62
    )


@pytest.fixture
def gdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_gdb(tmp_path, monkeypatch)


def make_gdb(folder: Path, monkeypatch: pytest.MonkeyPatch, how: str = "", version: str = "13.1") -> Path:
    path = folder / "bin/gdb"
    path.parent.mkdir(exist_ok=True)
    text = GDB.replace("HOW", how).replace("VERSION", version).replace("FOLDER", str(folder))
    path.write_text(text)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent))
    return path


def test_a_vmlinux_is_prepared_once(
    indexes: Indexes, vmlinux: VmlinuxIdentity, gdb: Path, tmp_path: Path
) -> None:
    path, seconds = prepared(vmlinux, indexes)
    assert path is not None
    assert seconds > 0
    told = (tmp_path / "told").read_text().split("\n")
    # nothing beside the vmlinux is run, nothing is fetched
    assert told[:2] == ["-nx", "-batch"]
    assert "set auto-load off" in told
    assert "set debuginfod enabled off" in told
    assert told[-1] == vmlinux.path
    gdb.unlink()
    assert prepared(vmlinux, indexes) == (path, 0.0)
    assert usable(vmlinux, indexes) == Index(path)


@pytest.mark.parametrize("version", ["12.1", "10.2"])
def test_an_older_gdb_writes_none(
    indexes: Indexes, vmlinux: VmlinuxIdentity, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_gdb(tmp_path, monkeypatch, version=version)
    assert gdb_version(str(path)) == int(version[:2])
    assert writing_gdb() is None
    assert write_beside(vmlinux, indexes) is None


@pytest.mark.usefixtures("gdb")
def test_a_kernel_of_another_architecture_gets_none(indexes: Indexes, vmlinux: VmlinuxIdentity) -> None:
    """The gdb of this host may take its addresses for 32 bits wide."""
    assert prepared(vmlinux, indexes)[0] is not None
    foreign = msgspec.structs.replace(vmlinux, machine=183 if vmlinux.machine != 183 else 62)
    assert usable(foreign, indexes) is None
    assert write_beside(foreign, indexes) is None


def test_no_gdb(
    indexes: Indexes, vmlinux: VmlinuxIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert write_beside(vmlinux, indexes) is None
    assert gdb_version(str(tmp_path / "gdb")) == 0


@pytest.mark.usefixtures("gdb")
def test_it_can_be_turned_off(
    indexes: Indexes, vmlinux: VmlinuxIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(vmlinux, indexes)
    monkeypatch.setenv("CRASHDRIVE_GDB_INDEX", "off")
    assert usable(vmlinux, indexes) is None
    assert write_beside(vmlinux, indexes) is None


@pytest.mark.parametrize("how", ["sys.exit(1)", "os.kill(os.getpid(), 9)", "room = '/nonexistent'"])
def test_a_gdb_that_fails_leaves_nothing(
    indexes: Indexes, vmlinux: VmlinuxIdentity, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gdb(tmp_path, monkeypatch, how)
    assert prepared(vmlinux, indexes)[0] is None
    assert list(indexes.directory.iterdir()) == []


def test_a_session_that_ends_first_ends_its_writer(
    indexes: Indexes, vmlinux: VmlinuxIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_gdb(tmp_path, monkeypatch, "time.sleep(60)")
    writer = Writer(str(path), vmlinux, indexes)
    began = time.monotonic()
    assert writer.finish(0.1) is None
    assert time.monotonic() - began < 30
    assert list(indexes.directory.iterdir()) == []


@pytest.mark.parametrize(
    ("gdb_version", "switch"),
    [("10.2", "set index-cache"), ("12.1", "set index-cache enabled"), ("16.2", "set index-cache enabled")],
)
def test_a_crash_is_told_of_it_before_it_reads_its_vmlinux(
    fake: Fake, tmp_path: Path, gdb_version: str, switch: str
) -> None:
    file = tmp_path / f"{BUILD}.gdb-index"
    file.write_bytes(b"index")
    binary = Binary(path=str(fake.path), version="8.0.2", gdb_version=gdb_version)
    transport, launched = climb(
        [binary], Start(files=("/vmlinux", "/vmcore"), rung_seconds=20, index=Index(file))
    )
    try:
        folder = transport.folder.path
        place = folder / "index"
        assert (folder / "home/.gdbinit").read_text() == f"set index-cache directory {place}\n{switch} on\n"
        (link,) = place.iterdir()
        assert (link.name, link.resolve()) == (file.name, file)
    finally:
        transport.close()
    (attempt,) = launched.attempts
    assert attempt.indexed
    assert attempt.processor is not None
    assert attempt.processor >= 0


@pytest.mark.parametrize("gdb_version", ["7.6", None])
def test_an_old_crash_isnt_told(fake: Fake, tmp_path: Path, gdb_version: str | None) -> None:
    binary = Binary(path=str(fake.path), version="7.2.9", gdb_version=gdb_version)
    start = Start(files=(), rung_seconds=20, index=Index(tmp_path / "x"))
    transport, launched = climb([binary], start)
    try:
        assert list((transport.folder.path / "home").iterdir()) == []
    finally:
        transport.close()
    assert not launched.attempts[0].indexed
