"""Files that a session can't be opened on: told before crash starts, with what is wrong."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from crashdrive.dump.find import find_target, find_vmlinux
from crashdrive.errors import CrashdriveError, CrashNotFoundError, DumpError, VmlinuxError
from crashdrive.session import Session


def note(name: bytes, kind: int, description: bytes) -> bytes:
    """An ELF note."""

    def padded(data: bytes) -> bytes:
        return data + b"\0" * (-len(data) % 4)

    return (
        struct.pack("<III", len(name) + 1, len(description), kind)
        + padded(name + b"\0")
        + padded(description)
    )


def elf(kind: int, notes: bytes, sections: dict[bytes, bytes]) -> bytes:
    """A tiny ELF file: one segment of notes, and sections."""
    names = b"\0" + b"".join(name + b"\0" for name in [*sections, b".shstrtab"])
    parts = {**sections, b".shstrtab": names}
    offset = 64 + 56
    body = notes
    table = [b"\0" * 64]
    for name, data in parts.items():
        where = offset + len(body)
        table.append(
            struct.pack("<IIQQQQIIQQ", names.index(name + b"\0"), 1, 0, 0, where, len(data), 0, 0, 1, 0)
        )
        body += data
    header = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", kind, 62, 1, 0, 64, offset + len(body), 0, 64, 56, 1, 64, len(table), len(table) - 1
    )
    return (
        header
        + struct.pack("<IIQQQQQQ", 4, 4, offset, 0, 0, len(notes), len(notes), 4)
        + body
        + b"".join(table)
    )


def vmlinux(build_id: bytes, *, debug: bool = True) -> bytes:
    return elf(
        2, note(b"GNU", 3, build_id), {b".text": b"x", **({b".debug_info": b"dwarf"} if debug else {})}
    )


def vmcore(build_id: bytes) -> bytes:
    info = b"OSRELEASE=6.1.0-test\nBUILD-ID=" + build_id.hex().encode() + b"\nCRASHTIME=1\n"
    return elf(4, note(b"VMCOREINFO", 0, info), {})


ID, OTHER = b"\x11" * 20, b"\x22" * 20


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    kernel, dump = tmp_path / "kernel", tmp_path / "dump"
    kernel.write_bytes(vmlinux(ID))
    dump.write_bytes(vmcore(ID))
    return kernel, dump


def test_a_pair_in_either_order(files: tuple[Path, Path]) -> None:
    kernel, dump = map(str, files)
    for first, second in ((kernel, dump), (dump, kernel)):
        target = find_target(first, second)
        assert (target.vmlinux.path, target.dump.path) == (kernel, dump)
    assert target.vmlinux.build_id == target.dump.build_id == ID.hex()


def test_found_by_build_id(files: tuple[Path, Path], tmp_path: Path) -> None:
    kernel, dump = files
    (tmp_path / "vmlinux").write_bytes(vmlinux(OTHER))
    place = tmp_path / "debug" / ".build-id" / "11"
    place.mkdir(parents=True)
    kernel.rename(place / f"{ID.hex()[2:]}.debug")
    assert find_target(None, str(dump), [str(tmp_path / "debug")]).vmlinux.build_id == ID.hex()
    with pytest.raises(VmlinuxError, match=r"looked for .*vmlinux.*--debug-dir"):
        find_target(None, str(dump))
    with pytest.raises(VmlinuxError, match="no vmlinux for"):
        find_vmlinux(find_target(None, str(dump), [str(tmp_path / "debug")]).dump)


def of_arm64(image: bytes) -> bytes:
    """The same file for another machine."""
    return image[:18] + struct.pack("<H", 183) + image[20:]


def test_a_dump_that_no_crash_reads(files: tuple[Path, Path], tmp_path: Path) -> None:
    for path in files:
        path.write_bytes(of_arm64(path.read_bytes()))
    crash = tmp_path / "crash"
    crash.write_text("#!/bin/sh\necho '    build_target: X86_64'\n")
    crash.chmod(0o755)
    with pytest.raises(CrashNotFoundError, match=r"is a dump of aarch64, and .* reads x86_64: .*ARM64"):
        Session.open(*files, crash=[str(crash)])


@pytest.mark.parametrize(
    ("kernel", "dump", "error", "words"),
    [
        (vmlinux(OTHER), vmcore(ID), VmlinuxError, "another build"),
        (of_arm64(vmlinux(ID)), vmcore(ID), VmlinuxError, r"is of aarch64, the dump .* is of x86_64"),
        (vmlinux(ID), of_arm64(vmcore(ID)), VmlinuxError, r"is of x86_64, the dump .* is of aarch64"),
        (vmlinux(ID, debug=False), vmcore(ID), VmlinuxError, "no debug data"),
        (b"text", vmcore(ID), VmlinuxError, r"kernel|dump"),
        (vmlinux(ID), b"text", DumpError, r"kernel|dump"),
        (vmlinux(ID), b"", DumpError, "empty"),
        (vmlinux(ID), vmlinux(ID), DumpError, r"kernel|dump"),
        (vmlinux(ID)[:200], vmcore(ID), VmlinuxError, r"kernel|dump"),
        (vmlinux(ID), vmcore(ID)[:100], DumpError, r"kernel|dump"),
        (None, vmcore(ID), VmlinuxError, r"kernel|dump"),
        (vmlinux(ID), None, DumpError, r"kernel|dump"),
    ],
)
def test_bad_files(
    tmp_path: Path, kernel: bytes | None, dump: bytes | None, error: type[CrashdriveError], words: str
) -> None:
    paths = tmp_path / "kernel\n$(x)", tmp_path / "-dump"
    for path, content in zip(paths, (kernel, dump), strict=True):
        if content is not None:
            path.write_bytes(content)
    with pytest.raises(error, match=words) as caught:
        Session.open(*paths)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("odd", ["a\0b", "/dev/null", "/", "/dev/zero", "x" * 5000])
def test_odd_paths(files: tuple[Path, Path], odd: str) -> None:
    with pytest.raises(DumpError):
        Session.open(files[0], odd)
    with pytest.raises((VmlinuxError, DumpError)):
        Session.open(odd, files[1])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(files: tuple[Path, Path]) -> None:
    files[1].chmod(0)
    with pytest.raises(DumpError, match="Permission denied"):
        Session.open(*files)


def test_nothing_named() -> None:
    with pytest.raises(DumpError, match="no dump was named"):
        Session.open(None, None)


def test_no_crash_on_this_host(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRASHDRIVE_CRASH", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CrashNotFoundError, match="install the package"):
        Session.open(*files)
