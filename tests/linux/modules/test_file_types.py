"""Types of modules out of their files' debug data, of modules that a compiler made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.errors import UnknownTypeError
from crashdrive.kernel.types.model import PointerType, StructType, TypeRef
from crashdrive.linux.modules import file_types
from crashdrive.linux.modules.file_types import FileTypes
from crashdrive.linux.modules.files import ModuleFiles

COMPILER = shutil.which("gcc")
pytestmark = pytest.mark.skipif(not COMPILER, reason="there is no compiler")
KERNEL = "struct shared { long a, b; }; struct mine { int kernels; }; struct shared s; struct mine m;"
ONE = "struct shared { long a, b; }; struct mine { long own[4]; };"
SOURCES = {
    "old": ONE + "struct priv { struct shared *shared; struct mine *mine; }; struct priv p;",
    "young": ONE + "struct priv { struct shared *shared; struct mine *mine; }; struct priv p;",
    "other": "struct mine { char c; }; struct mine m; struct lone { int x; }; struct lone l;",
    "differs": "struct lone { long x; }; struct lone l;",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules")
    for name, source in {**SOURCES, "vmlinux": KERNEL}.items():
        (folder / f"{name}.c").write_text(source)
        words = ["-g", "-c", f"{name}.c", "-o", f"{name}.ko"]
        assert COMPILER
        subprocess.run([COMPILER, *words], cwd=folder, check=True)
    return folder


def types(built: Path, monkeypatch: pytest.MonkeyPatch, *modules: str, recording: bool = False) -> FileTypes:
    """Of a kernel with these modules, the newest first."""
    found = {name: (built / f"{name}.ko", "ab") for name in modules}
    monkeypatch.setattr(file_types, "paths", lambda _kernel: ModuleFiles(found, ()))
    kernel: Any = SimpleNamespace(
        session=SimpleNamespace(identity={"vmlinux": str(built / "vmlinux.ko")}, recording=recording),
        layouts=SimpleNamespace(store=None, key=""),
    )
    return FileTypes(kernel)


def test_a_name_that_the_kernel_means_otherwise_is_the_modules(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = types(built, monkeypatch, "old").find("struct priv", "")
    assert isinstance(found, StructType)
    kinds = {member.name: member.type for member in found.members}
    assert kinds["shared"] == PointerType(TypeRef("struct shared"), 8)
    assert kinds["mine"] == PointerType(TypeRef("struct mine@old"), 8)


def test_of_several_modules_that_agree_the_oldest_is_taken(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = types(built, monkeypatch, "young", "old").find("struct priv", "")
    assert isinstance(found, StructType)
    assert "@old" in repr(found)


def test_modules_that_differ_are_an_error(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = types(built, monkeypatch, "other", "differs")
    with pytest.raises(UnknownTypeError, match="struct lone@differs, struct lone@other"):
        both.find("struct lone", "")
    own = both.find("struct lone", "other")
    assert isinstance(own, StructType)
    assert own.size == 4


def test_what_no_module_has(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = types(built, monkeypatch, *SOURCES)
    assert every.find("struct nobody_has_this", "") is None
    assert every.find("struct priv", "other") is None
    assert every.find("struct priv", "not_loaded") is None


def test_a_recording_has_no_files(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert types(built, monkeypatch, "old", recording=True).find("struct priv", "") is None


def test_a_file_without_debug_data_has_no_types(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.ko").write_bytes(b"no file")
    found = types(built, monkeypatch, "old")
    monkeypatch.setattr(
        file_types, "paths", lambda _kernel: ModuleFiles({"old": (tmp_path / "old.ko", "ab")}, ())
    )
    assert found.find("struct priv", "") is None
