"""What starts came to."""

from __future__ import annotations

from pathlib import Path

from crashdrive.cache.rungs import Rungs, Went
from crashdrive.cache.store import Store


def test_a_start_is_remembered_for_its_dump(tmp_path: Path) -> None:
    store, binary = Store(tmp_path / "store"), tmp_path / "crash"
    binary.write_text("1")
    rungs = Rungs(store, "dump", "b1")
    assert rungs.find(str(binary), ()) is None
    rungs.learn(str(binary), (), Went(up=False), "crash: seek error")
    rungs.learn(str(binary), ("--no_modules",), Went(up=True, doubts=1))
    assert rungs.find(str(binary), ()) == Went(up=False)
    assert rungs.find(str(binary), ("--no_modules",)) == Went(up=True, doubts=1)
    assert Rungs(store, "another", "b1").find(str(binary), ()) is None
    rungs.learn(str(binary), (), Went(up=True))
    assert rungs.find(str(binary), ()) == Went(up=True)


def test_what_the_kernel_s_types_cause_is_remembered_for_all_its_dumps(tmp_path: Path) -> None:
    store, binary = Store(tmp_path / "store"), tmp_path / "crash"
    binary.write_text("1")
    Rungs(store, "dump", "b1").learn(
        str(binary), (), Went(up=False), "crash: invalid structure member offset: module_num_gpl_syms\n"
    )
    assert Rungs(store, "another", "b1").find(str(binary), ()) == Went(up=False)
    assert Rungs(store, "another", "b2").find(str(binary), ()) is None
    binary.write_text("22")  # upgraded
    assert Rungs(store, "another", "b1").find(str(binary), ()) is None
