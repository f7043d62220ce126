"""Crash binaries of other architectures: found out, run by an emulator, refused where nothing runs them."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crashdrive.dump import machines
from crashdrive.errors import CrashNotFoundError
from crashdrive.session import binaries
from crashdrive.session.binaries import Binary, find_binaries, find_fitting, fitting, inspect
from crashdrive.session.foreign import Emulation, emulation
from crashdrive.session.launch import Start, start_one
from tests.session.conftest import FAKE, Fake

ARM64, S390X, SPARC = 183, 22, 43
OWN = machines.own_machine() or 0
# takes apart what qemu-user is given, and is the fake crash under that name
EMULATOR = """#!{python} -IS
import os, sys
words = sys.argv[1:]
assert words[0] == "-0"
name, words = words[1], words[2:]
root = words[1] if words[0] == "-L" else ""
program, arguments = (words[2], words[3:]) if root else (words[0], words[1:])
with open({note!r}, "w") as file:
    file.write(repr((name, root, program)))
sys.argv = [name, *arguments]
os.environ.update(FAKE_MODE="", FAKE_FILES={folder!r})
exec(compile(open({fake!r}).read(), "fake_crash", "exec"))
"""


def program(path: Path, machine: int = ARM64, loader: str | None = "/lib/ld-linux-aarch64.so.1") -> Path:
    """An ELF file of a program, of headers alone."""
    name = b"" if loader is None else loader.encode() + b"\0"
    count = 0 if loader is None else 1
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, machine, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(name), len(name), 1) if count else b""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + segment + name)
    path.chmod(0o755)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a crash of arm64 and its loader."""
    folder = tmp_path / "root"
    program(folder / "usr/bin/crash")
    program(folder / "lib/ld-linux-aarch64.so.1", loader=None)
    return folder


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An emulator in PATH, which notes what it was given."""
    path = tmp_path / "bin/qemu-aarch64-static"
    path.parent.mkdir()
    note, folder = str(tmp_path / "given"), str(tmp_path)
    path.write_text(EMULATOR.format(python=sys.executable, note=note, folder=folder, fake=str(FAKE)))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent))
    return path


def test_its_own_and_scripts_run_as_they_are(tmp_path: Path, fake: Fake) -> None:
    assert emulation(fake.path) is None
    assert emulation(program(tmp_path / "crash", OWN)) is None
    assert Binary(path="/x", version=None, gdb_version=None).command("/name") == ["/name"]


def test_the_libraries_are_found_by_where_the_program_lies(root: Path, emulator: Path) -> None:
    link = root.parent / "crash"
    link.symlink_to(root / "usr/bin/crash")
    for path in (root / "usr/bin/crash", link):
        found = emulation(path)
        assert found == Emulation(str(emulator), str(root))
    assert found is not None
    assert found.words("/n/name", "/n/name") == [
        *(str(emulator), "-0", "/n/name", "-L", str(root)),
        "/n/name",
    ]


def test_a_loader_behind_a_link_from_the_system_s_root_is_named(root: Path, emulator: Path) -> None:
    """As in ppc64el's libc6: the emulator would follow the link out of the folder."""
    inside = root / "lib/triplet/ld.so"
    program(inside, loader=None)
    loader = root / "lib/ld-linux-aarch64.so.1"
    loader.unlink()
    loader.symlink_to("/lib/triplet/ld.so")
    found = emulation(root / "usr/bin/crash")
    assert found == Emulation(str(emulator), str(root), str(inside))
    assert found is not None
    assert found.words("/n/name", "/n/crash") == [
        *(str(emulator), "-0", "/n/name", "-L", str(root)),
        *(str(inside), "--argv0", "/n/name", "/n/crash"),
    ]
    inside.unlink()
    with pytest.raises(CrashNotFoundError, match="is in no folder above it"):
        emulation(root / "usr/bin/crash")


def test_a_static_program_needs_no_libraries(tmp_path: Path, emulator: Path) -> None:
    found = emulation(program(tmp_path / "crash", loader=None))
    assert found == Emulation(str(emulator), None)


def test_without_an_emulator_the_package_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = find_binaries([str(root / "usr/bin/crash")])
    with pytest.raises(CrashNotFoundError, match=r"aarch64, and no qemu-aarch64-static .*`qemu-user-static`"):
        fitting(found, ARM64, "vmcore")


def test_one_that_can_not_be_run_is_in_nobodys_way(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    foreign = inspect(root / "usr/bin/crash")
    plain = Binary(path="/plain", version="8.0.2", gdb_version="10.2")
    assert fitting([foreign, plain], OWN, "vmcore") == (plain,)


def test_where_no_crash_is_at_all_the_dumps_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CRASHDRIVE_CRASH", raising=False)
    with pytest.raises(CrashNotFoundError, match=r"is a dump of ELF machine 43, and no crash is here"):
        find_fitting([], SPARC, "vmcore")
    with pytest.raises(CrashNotFoundError, match="install the package `crash`"):
        find_fitting([], OWN, "vmcore")


def test_without_its_loader_the_packages_are_named(tmp_path: Path, emulator: Path) -> None:
    assert emulator.exists()
    path = program(tmp_path / "alone/crash")
    with pytest.raises(CrashNotFoundError, match=r"loader /lib/ld-linux-\S+ is in no folder above"):
        emulation(path)


def test_a_machine_that_is_not_known_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(CrashNotFoundError, match="ELF machine 43"):
        emulation(program(tmp_path / "crash", SPARC))


def test_a_session_runs_under_the_emulator_with_a_prompt_of_its_own(
    root: Path, emulator: Path, scratch: Path
) -> None:
    found = inspect(root / "usr/bin/crash")
    assert found.emulation == Emulation(str(emulator), str(root))
    transport, _ = start_one(found, (), Start(files=(), rung_seconds=20))
    try:
        name, where, started = eval((root.parent / "given").read_text())  # noqa: S307 - our own text
        assert name == started == str(transport.folder.program)
        assert where == str(root)
        assert Path(started).parent.parent == scratch
        assert transport.exchange("echo hello", 20) is not None
    finally:
        transport.close()
    assert not any(scratch.iterdir())


def crash_that_reads(path: Path, target: str) -> Binary:
    """A crash of this host's architecture, built to read another's dumps."""
    path.write_text(f"#!/bin/sh\necho '    build_target: {target}'\n")
    path.chmod(0o755)
    return Binary(path=str(path), version="9.0.2", gdb_version="16.2")


def test_of_several_those_that_read_the_dump_are_taken(
    tmp_path: Path, root: Path, emulator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "own_machine", lambda: 62)
    foreign = Binary(
        path=str(root / "usr/bin/crash"), version="8.0.2", gdb_version="10.2",
        emulation=Emulation(str(emulator), str(root)),
    )  # fmt: skip
    plain = crash_that_reads(tmp_path / "plain", "X86_64")
    cross = crash_that_reads(tmp_path / "cross", "ARM64")
    assert fitting([plain, foreign, cross], ARM64, "vmcore") == (foreign, cross)
    assert fitting([foreign, plain], 62, "vmcore") == (plain,)


@pytest.mark.parametrize(
    ("machine", "cure"),
    [
        (ARM64, r"crash:arm64 and its libraries, .* qemu-user-static\), or one built .*`make target=ARM64`"),
        (S390X, r"crash:s390x and its libraries, unpacked, run by qemu-user-static\)$"),
        (SPARC, "name a crash of that architecture by --crash"),
    ],
)
def test_where_none_reads_the_dump_the_cure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: int, cure: str
) -> None:
    monkeypatch.setattr(binaries, "own_machine", lambda: 62)
    plain = crash_that_reads(tmp_path / "plain", "X86_64")
    with pytest.raises(CrashNotFoundError, match=rf"'vmcore' is a dump of .*plain' reads x86_64: .*{cure}"):
        fitting([plain], machine, "vmcore")


def test_of_this_hosts_own_dumps_the_plain_crash_is_the_cure(
    root: Path, emulator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "own_machine", lambda: 62)
    foreign = inspect(root / "usr/bin/crash")
    assert foreign.emulation is not None
    assert foreign.emulation.emulator == str(emulator)
    with pytest.raises(CrashNotFoundError, match="reads aarch64: install the package `crash`, or name"):
        fitting([foreign], 62, "vmcore")


def test_one_that_does_not_tell_is_tried(make_fake: Callable[..., Fake]) -> None:
    binary = make_fake().binary
    assert fitting([binary], SPARC, "vmcore") == (binary,)
