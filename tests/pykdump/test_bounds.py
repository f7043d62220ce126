"""Dimensions of arrays for scripts: out of the vmlinux's DWARF, of gdb where it has none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from crashdrive.cache.store import Store
from crashdrive.kernel.types.model import ArrayType
from crashdrive.pykdump.types import ScriptTypes
from tests.kernel.fake_memory import CHAR, FakeMemory, fake_kernel, record

COMPILER = shutil.which("gcc")
OTHER = record("other", ("text", ArrayType(CHAR, 12)), ("more", ArrayType(CHAR, 16)))
ASKED = "gdb whatis ((struct other *)0)->"


def types_of(vmlinux: Path, answers: dict[str, str] | None = None) -> tuple[ScriptTypes, Any]:
    kernel = fake_kernel(FakeMemory(), {}, {}, answers)
    session: Any = kernel.session
    session.identity = {"vmlinux": str(vmlinux)}
    types = ScriptTypes(kernel)
    types._known["struct other"] = OTHER
    return types, session


def built(folder: Path, structure: str) -> Path:
    """A vmlinux whose debug data have a structure."""
    (folder / "one.c").write_text(f"{structure} it; void _start(void) {{ it.more[0] = 1; }}")
    assert COMPILER
    words = [COMPILER, "-g", "-nostdlib", "-static", "-fno-pie", "-no-pie", "one.c", "-o", "vmlinux"]
    subprocess.run(words, cwd=folder, check=True)
    return folder / "vmlinux"


@pytest.mark.skipif(not COMPILER, reason="there is no compiler")
def test_gdb_is_not_asked_where_the_vmlinux_says_it(tmp_path: Path) -> None:
    types, session = types_of(built(tmp_path, "struct other { char text[3][4]; char more[16]; }"))
    assert types.bounds("struct other", "text", 12) == [3, 4]
    assert types.bounds("struct other", "more", 16) == [16]
    # what BTF says of another number of elements is of another structure
    assert types.bounds("struct other", "text", 10) == [10]
    assert session.commands == []


@pytest.mark.skipif(not COMPILER, reason="there is no compiler")
@pytest.mark.parametrize("text", ["char text[2][4]", "short text[4][3]"])
def test_another_structure_of_the_same_name_says_nothing(tmp_path: Path, text: str) -> None:
    answers = {f"{ASKED}text": "type = char [3][4]\n", f"{ASKED}more": "type = char [16]\n"}
    vmlinux = built(tmp_path, f"struct other {{ {text}; char more[16]; }}")
    types, session = types_of(vmlinux, answers)
    assert types.bounds("struct other", "text", 12) == [3, 4]
    assert set(session.commands) == set(answers)


def test_gdb_is_asked_where_there_is_no_dwarf(tmp_path: Path) -> None:
    answers = {f"{ASKED}text": "type = char [3][4]\n", f"{ASKED}more": "type = char [16]\n"}
    types, session = types_of(tmp_path / "missing", answers)
    assert types.bounds("struct other", "text", 12) == [3, 4]
    assert set(session.commands) == set(answers)


def test_dimensions_are_kept_once_for_scripts_and_reports(tmp_path: Path) -> None:
    """``array-bounds`` is what `crashdrive.linux.minimal` keeps them as."""
    answers = {f"{ASKED}text": "type = char [3][4]\n", f"{ASKED}more": "type = char [16]\n"}
    types, session = types_of(tmp_path / "missing", answers)
    store = types._store = Store(tmp_path / "store")
    types._key, types._keeps = "key", True
    store.put("array-bounds", "key", "struct other.text", [4, 3])
    assert types.bounds("struct other", "text", 12) == [4, 3]
    assert session.commands == []
    assert types.bounds("struct other", "more", 16) == [16]
    assert store.get("array-bounds", "key", "struct other.more", list[int]) == [16]
