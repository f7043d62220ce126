"""Declarations of all variables of an image."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crashdrive.pykdump.types import all_declarations

COMPILER = shutil.which("cc")
ONE = """
struct lock { int held; };
static struct lock shared_name;
static int other_type;
struct lock alone;
struct lock *ends(void) { shared_name.held = other_type; return &shared_name; }
"""
TWO = """
struct lock { int held; };
static struct lock shared_name;
static long other_type;
struct lock *ends_too(void) { shared_name.held = other_type; return &shared_name; }
void _start(void) { }
"""


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
def test_static_variables_of_one_name_are_told_where_all_are_declared_alike(tmp_path: Path) -> None:
    (tmp_path / "one.c").write_text(ONE)
    (tmp_path / "two.c").write_text(TWO)
    words = ["-g", "-O0", "-nostdlib", "-static", "-fno-pie", "-no-pie"]
    assert COMPILER
    subprocess.run([COMPILER, *words, "one.c", "two.c", "-o", "vmlinux"], cwd=tmp_path, check=True)
    told = all_declarations(str(tmp_path / "vmlinux"))
    assert {name: one for name, one in told.items() if "_start" not in name} == {
        "shared_name": "struct lock",
        "alone": "struct lock",
    }


def test_of_what_is_no_image_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_bytes(b"no ELF")
    assert all_declarations(str(tmp_path / "vmlinux")) == {}
