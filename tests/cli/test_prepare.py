"""``crashdrive prepare``: an index of each kernel that can have one, a line on each that can't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dump.test_identity import BUILD_ID, vmlinux
from tests.session.test_indexing import BUILD, make_gdb

Cli = Callable[..., tuple[int, bytes, str]]


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the test's own, and a gdb that writes an index for a vmlinux with `BUILD_ID`."""
    monkeypatch.delenv("CRASHDRIVE_GDB_INDEX")
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "cache"))
    gdb = make_gdb(tmp_path, monkeypatch)
    gdb.write_text(gdb.read_text().replace(BUILD, BUILD_ID))
    return gdb


def kernel(folder: Path, name: str = "vmlinux", content: bytes | None = None) -> str:
    path = folder / name
    path.write_bytes(vmlinux() if content is None else content)
    return str(path)


def test_it_is_done_once(cli: Cli, tmp_path: Path, kept: Path) -> None:
    path = kernel(tmp_path)
    status, out, told = cli("prepare", path)
    assert (status, told) == (0, "")
    assert out.startswith(f"{path}: prepared in ".encode())
    kept.write_text(kept.read_text().replace("re.search", "sys.exit(1), re.search"))
    assert cli("prepare", path) == (0, f"{path}: was prepared\n".encode(), "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (vmlinux(build_id=False), "no build id; nothing to prepare"),
        (vmlinux(debug=None), "no debug data; nothing to prepare"),
        (vmlinux().replace(b"\x02\0\x3e\0", b"\x02\0\xb7\0", 1),
         "of another architecture than this host, whose gdb can't index it; nothing to prepare"),
    ],
)  # fmt: skip
def test_a_kernel_that_can_have_none(cli: Cli, tmp_path: Path, content: bytes, said: str) -> None:
    path = kernel(tmp_path, content=content)
    assert cli("prepare", path) == (1, b"", f"crashdrive: '{path}': {said}\n")


def test_one_that_is_none_stops_no_other(cli: Cli, tmp_path: Path) -> None:
    good, bad, gone = kernel(tmp_path), kernel(tmp_path, "text", b"no kernel"), str(tmp_path / "gone")
    status, out, told = cli("prepare", bad, gone, good)
    assert status == 3
    assert out.startswith(f"{good}: prepared in ".encode())
    lines = told.splitlines()
    assert [path in line for path, line in zip((bad, gone), lines, strict=True)] == [True, True]


def test_a_gdb_that_fails(cli: Cli, tmp_path: Path, kept: Path) -> None:
    kept.write_text(kept.read_text().replace("re.search", "sys.exit(1), re.search"))
    path = kernel(tmp_path)
    assert cli("prepare", path) == (1, b"", f"crashdrive: '{path}': gdb wrote no index that can be used\n")


def test_no_gdb_that_can(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_gdb(tmp_path, monkeypatch, version="12.1")
    status, out, told = cli("prepare", kernel(tmp_path))
    assert (status, out) == (1, b"")
    assert told == "crashdrive: no gdb of version 13 or later here: install the package gdb\n"


@pytest.mark.parametrize("name", ["CRASHDRIVE_CACHE", "CRASHDRIVE_GDB_INDEX"])
def test_what_is_turned_off_is_said(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "off")
    status, out, told = cli("prepare", kernel(tmp_path))
    assert (status, out) == (2, b"")
    assert told.startswith(f"crashdrive: {name}=off: ")
    assert told.count("\n") == 1
