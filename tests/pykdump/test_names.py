"""Which names scripts find."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pykdumpkit as kit
import pytest

from crashdrive.crash import open_dump
from crashdrive.errors import ArgumentError
from crashdrive.pykdump import describe
from crashdrive.pykdump.imports import importable, is_ours

HERE = Path(__file__).parent
# what PyKdump 3.5.3's API exports, and what its extension has
NAMES = (HERE / "api.names").read_text(encoding="utf-8").split()
LOW_LEVEL = (HERE / "extension.names").read_text(encoding="utf-8").split()
PARTS = [
    "LinuxDump.BTstack", "LinuxDump.Dev", "LinuxDump.Files", "LinuxDump.KernLocks", "LinuxDump.block",
    "LinuxDump.crashcolor", "LinuxDump.crashhelper", "LinuxDump.dlkm", "LinuxDump.kobjects",
    "LinuxDump.libmisc", "LinuxDump.Tasks", "LinuxDump.Time", "LinuxDump.fs", "LinuxDump.fs.dcache",
    "LinuxDump.idr", "LinuxDump.inet", "LinuxDump.inet.netdevice", "LinuxDump.inet.proto",
    "LinuxDump.kmem", "LinuxDump.percpu", "LinuxDump.syscall", "LinuxDump.sysctl", "LinuxDump.trees",
]  # fmt: skip


@pytest.fixture(autouse=True)
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A script's run over a recorded session."""
    monkeypatch.setattr(sys, "argv", ["script.py"])
    session = next(iter(sorted(kit.RECORDINGS.glob(f"*/{kit.SESSION}"))))
    with open_dump(None, None, replay=session) as crash, importable(crash):
        yield


@pytest.mark.parametrize("module", ["pykdump.API", "pykdump", "Crashlib.API", "Crashlib", "LinuxDump"])
def test_every_name_is_there(module: str) -> None:
    found = importlib.import_module(module)
    assert len(NAMES) == 168
    assert not [name for name in NAMES if not hasattr(found, name)]
    assert set(NAMES) <= set(found.__all__)


def test_every_name_of_the_extension_is_there() -> None:
    found = importlib.import_module("crash")
    assert not [name for name in LOW_LEVEL if not hasattr(found, name)]
    assert found.error.__name__ == "error"
    with pytest.raises(AttributeError, match="no_such"):
        _ = found.no_such


@pytest.mark.parametrize("part", PARTS)
def test_parts_pass_the_api_on(part: str) -> None:
    found = importlib.import_module(part)
    assert found.readSU is importlib.import_module("pykdump.API").readSU
    assert {"readSU", "sys_info"} <= set(found.__all__)


@pytest.mark.parametrize("inner", ["Generic", "datatypes", "highlevel", "lowlevel", "tparser", "memocaches"])
def test_inner_modules_have_the_names(inner: str) -> None:
    found = importlib.import_module(f"pykdump.{inner}")
    assert (found.SUInfo.__name__, found.TYPE_CODE_PTR) == ("SUInfo", 1)


def test_other_modules_are_missing() -> None:
    for name in ("pykdump.nothing", "LinuxDump.nothing", "Crashlib.nothing"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


@pytest.mark.parametrize("name", ["crash", "pykdump", "LinuxDump"])
def test_a_folder_of_that_name_is_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.import_module(name).readPtr is importlib.import_module("crash").readPtr
    assert importlib.import_module("pykdump.API").readSymbol


def test_a_module_of_that_name_goes_before_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "LinuxDump.py").write_text("mine = True\n")
    (tmp_path / "Crashlib").mkdir()
    (tmp_path / "Crashlib" / "__init__.py").write_text("mine = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.import_module("LinuxDump").mine
    assert importlib.import_module("Crashlib").mine


def test_they_are_gone_behind_the_run() -> None:
    session = next(iter(sorted(kit.RECORDINGS.glob(f"*/{kit.SESSION}"))))
    with open_dump(None, None, replay=session) as crash, importable(crash):
        importlib.import_module("pykdump.API")
        assert "pykdump.API" in sys.modules
    assert not [name for name in sys.modules if is_ours(name)]


@pytest.mark.parametrize("old_names", [False, True])
def test_members_have_their_old_names_where_these_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, *, old_names: bool
) -> None:
    # the recordings know task_struct, and no structures in it
    renamed = [row for row in describe.OLD_NAMES if "." not in row[2]]
    monkeypatch.setattr(describe, "OLD_NAMES", renamed)
    session = next(iter(sorted(kit.RECORDINGS.glob(f"*/{kit.SESSION}"))))
    with open_dump(None, None, replay=session) as crash, importable(crash, old_names=old_names):
        task = importlib.import_module("pykdump.API").SUInfo("struct task_struct")
        assert ("state" in task) is old_names
        assert not old_names or task["state"].offset == task["__state"].offset


def test_a_member_that_moved_into_a_structure_has_its_old_name_and_its_new_place() -> None:
    inner = {"fname": "cpu", "bitoffset": 160, "basetype": "unsigned int", "codetype": 8, "typelength": 4}
    outer = {"fname": "thread_info", "bitoffset": 64, "basetype": "struct thread_info", "codetype": 3}

    class Known(describe.Describer):
        def named(self, name: str) -> describe.Description:
            return {"basetype": name, "body": [inner]}

    known = Known(cast("Any", None))
    body: list[describe.Description] = [outer]
    known.add_old_name(body, "cpu", "thread_info.cpu")
    assert body == [outer, {**inner, "bitoffset": 224}]
    known.add_old_name(body, "cpu", "thread_info.cpu")
    known.add_old_name(body, "other", "thread_info.none")
    known.add_old_name(body, "other", "none.cpu")
    assert len(body) == 2


def test_errors_are_known_by_pykdumps_names() -> None:
    api = importlib.import_module("pykdump.API")
    task = api.readSU("struct task_struct", api.sym2addr("init_task"))
    with pytest.raises(KeyError) as missing:
        _ = task.no_such
    assert (type(missing.value).__name__, hasattr(task, "no_such"), getattr(task, "no_such", 7)) == (
        "KeyError",
        False,
        7,
    )
    with pytest.raises(TypeError, match="no type") as unknown:
        api.readSU("struct no_such", 5)
    assert unknown.value.__suppress_context__


def test_modules_that_a_checkout_carries_are_found(tmp_path: Path) -> None:
    """PyKdump 3.5.3 has crccheck in ``dist-packages``, a link into its ``3rdparty``."""
    for name, text in (
        ("pykdump/API.py", ""),
        ("3rdparty/carried-1/carried_by_it/__init__.py", "mine = True\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "dist-packages").mkdir()
    (tmp_path / "dist-packages" / "carried_by_it").symlink_to("../3rdparty/carried-1/carried_by_it")
    with importable(None, str(tmp_path)):
        assert importlib.import_module("carried_by_it").mine
    assert str(tmp_path / "dist-packages") not in sys.path


def test_a_folder_without_pykdump_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"no pykdump/API\.py there"), importable(None, str(tmp_path)):
        pass
