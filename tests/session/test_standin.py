"""The stand-in for a vmlinux."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.dump.elf import opened_elf
from crashdrive.kernel.arch import architecture
from crashdrive.kernel.debuginfo import entries
from crashdrive.kernel.debuginfo.entries import Unit
from crashdrive.kernel.debuginfo.sections import Sections
from crashdrive.kernel.symbols.image import ImageSymbols
from crashdrive.session.standin import standin

MACHINES = (62, 183, 21, 22)


@pytest.fixture(params=MACHINES)
def image(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "vmlinux"
    path.write_bytes(standin(request.param) or b"")
    return path


def test_there_is_one_for_each_machine_that_can_be_read_so() -> None:
    assert [number for number in range(300) if standin(number)] == sorted(MACHINES)
    assert {number for number in range(300) if architecture(str(number))} == set(MACHINES)


def test_it_is_an_image_of_the_machine(image: Path) -> None:
    with image.open("rb") as file:
        elf = opened_elf(file.fileno())
        assert (elf.type, elf.wide, elf.order) == (2, True, ">" if elf.machine == 22 else "<")
        assert elf.machine in MACHINES
        assert [part.name for part in elf.sections()[1:4]] == [".text", ".rodata", ".data"]
    assert image.stat().st_size > 8192


def test_its_symbols_can_be_looked_up(image: Path) -> None:
    found = ImageSymbols(image)
    symbols = {one.name: one for one in map(found.symbol, found.places()[1]) if one is not None}
    assert symbols["_stext"].kind == "T"
    assert symbols["init_task"].kind == "D"
    assert len(symbols) == 10


def test_its_debug_data_holds_the_structure_that_crash_looks_for(image: Path) -> None:
    unit = Unit(Sections(image), 0)
    (task,) = unit.at_top(entries.STRUCT)
    assert task.attributes[entries.NAME] == "task_struct"
    (member,) = unit.children(task)
    kind = unit.entry(member.number(entries.TYPE) or 0)
    assert (kind.tag, kind.attributes[entries.NAME]) == (entries.BASE, "int")
    assert unit.behind(task) == unit.end - 1
