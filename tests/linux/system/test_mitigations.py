"""Mitigations of x86: named by their constants; on another machine they are missing, not none."""

from __future__ import annotations

from functools import partial

from crashdrive.kernel.types.model import EnumType, Type
from crashdrive.linux.survey import Survey
from crashdrive.linux.system.mitigations import Mitigation, mitigations
from tests.kernel.fake_memory import UINT, FakeMemory, fake_kernel, record

PROCESSOR: dict[str, Type] = {"struct cpuinfo_x86": record("cpuinfo_x86", ("x86", UINT))}
MODES = EnumType(
    name="mds_mitigations",
    size=4,
    signed=False,
    enumerators=(("MDS_MITIGATION_OFF", 0), ("MDS_MITIGATION_FULL", 1)),
)


def read(
    types: dict[str, Type], symbols: dict[str, int], memory: FakeMemory
) -> tuple[list[Mitigation], Survey]:
    survey = Survey(fake_kernel(memory, types, symbols))
    return survey.attempt("mitigations", partial(mitigations, survey)), survey


def test_a_mitigation_is_named_by_its_constant() -> None:
    memory = FakeMemory()
    place = memory.allocate(4)
    memory.write(place, bytes([1, 0, 0, 0]))
    rows, survey = read(
        PROCESSOR | {"enum mds_mitigations": MODES, "int": UINT}, {"mds_mitigation": place}, memory
    )
    assert rows == [Mitigation(name="mds", mitigation="mds_mitigation_full")]
    assert survey.complete


def test_a_kernel_of_x86_may_know_none() -> None:
    rows, survey = read(PROCESSOR, {}, FakeMemory())
    assert (rows, survey.complete) == ([], True)


def test_those_of_another_machine_are_missing() -> None:
    rows, survey = read({}, {}, FakeMemory())
    assert (rows, survey.complete) == ([], False)
    assert [note.message for note in survey.notices] == [
        "this kernel keeps mitigations elsewhere; not read (no struct cpuinfo_x86)"
    ]
