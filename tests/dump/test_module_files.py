"""Which files hold debug data of modules, and how it is told that they changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crashdrive.dump import module_files as named
from crashdrive.dump.module_files import module_files, names_of


def test_a_module_s_file_may_have_dashes() -> None:
    assert names_of("nf_tables") == [
        "nf-tables.ko", "nf-tables.ko.debug", "nf_tables.ko", "nf_tables.ko.debug",
    ]  # fmt: skip


def test_a_file_that_comes_goes_or_changes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "INSTALLED", str(tmp_path / "installed"))
    dump, vmlinux = tmp_path / "a" / "vmcore", tmp_path / "b" / "vmlinux"
    for path in (dump, vmlinux):
        path.parent.mkdir()
    paths = [str(dump), str(vmlinux)]
    assert module_files(paths) == []
    (dump.parent / "out.json").touch()
    assert module_files(paths) == []
    beside = vmlinux.parent / "ext4.ko.debug"
    beside.write_bytes(b"1")
    first = module_files(paths)
    assert [one[:2] for one in first] == [(str(beside), 1)]
    os.utime(beside, ns=(0, 0))
    assert module_files(paths) != first
    beside.unlink()
    assert module_files(paths) == []
    (tmp_path / "installed").mkdir()
    assert [one[0] for one in module_files(paths)] == [str(tmp_path / "installed")]


def test_folders_that_cannot_be_listed_have_none(tmp_path: Path) -> None:
    assert not [one for one in module_files([str(tmp_path / "no" / "vmcore")]) if "no" in one[0].split("/")]
