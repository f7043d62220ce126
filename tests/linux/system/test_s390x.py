"""CPUs, interrupts and softirqs of s390x, on a kernel made up of a few answers."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.linux.irq import cpu_interrupts as interrupts
from crashdrive.linux.irq.softirqs import pending_masks
from crashdrive.linux.lowcore import lowcores
from crashdrive.linux.survey import Survey
from crashdrive.linux.system.cpuinfo import cpus, hypervisor

LOWCORES = (0x31B4000, 0x31B6000)


class Columns(dict[str, list[Any]]):
    """What readers give: columns by field, and rows."""

    def __iter__(self) -> Any:
        return zip(*self.values(), strict=True)


class Window:
    """Has `lowcore_ptr`; the third CPU has none."""

    def words(self, places: Sequence[int]) -> list[int | None]:
        return [dict(enumerate(LOWCORES)).get((place - 0x1000) // 8) for place in places]


def survey(answers: dict[str, list[list[Any]]], flags: int = 0xB032) -> Any:
    """Of a kernel that answers by the type it is asked for: a column for each field."""
    kernel: Any = SimpleNamespace(
        session=SimpleNamespace(identity={"machine": "22"}),
        symbols=SimpleNamespace(address=lambda _name: 0x1000, has=lambda name: name == "cpu_topology"),
        cpus=(0, 1),
        possible_cpus=(0, 1),
        online_cpus=(0,),
        pointer_size=8,
        window=Window,
        sizeof=lambda _kind: 24,
        variable_size=lambda _name: 48,
        has_member=lambda _kind, _name: True,
        per_cpu_address=lambda _name, cpu: 0x1000 * cpu,
        read_many=lambda kind, _places, fields: Columns(zip(fields, answers[kind], strict=True)),
        object=lambda _kind, _place: SimpleNamespace(member_=lambda _name: flags),
    )
    found: Any = Survey(kernel)
    found.gaps = lambda columns, _what: columns
    return found


def test_cpus_by_their_identification() -> None:
    answers: dict[str, list[list[Any]]] = {
        "struct cpu_info": [[0, None], [0x8561, None]],
        "struct cpu_topology_s390": [[0, 1], [3, 4]],
    }
    first, lost = cpus(survey(answers))
    assert (first.vendor_id, first.model_name, first.model, first.stepping) == ("IBM/S390", "8561", 0x8561, 0)
    assert (first.online, first.package, first.core) == (True, 0, 3)
    assert (lost.online, lost.model, lost.model_name, lost.package) == (False, None, None, 1)


@pytest.mark.parametrize(("flags", "name"), [(0xB032, "kvm"), (0x21, "zvm"), (0x4, "lpar")])
def test_the_hypervisor_by_the_lowcores_flags(flags: int, name: str) -> None:
    found = hypervisor(survey({}, flags))
    assert found is not None
    assert found.hypervisor == name


def test_no_flag_is_no_hypervisor() -> None:
    assert hypervisor(survey({}, 0x8000)) is None


def test_a_cpu_without_a_lowcore_is_noted() -> None:
    found = survey({})
    found.kernel.cpus = (0, 1, 2)
    assert lowcores(found) == dict(enumerate(LOWCORES))
    assert [notice.message for notice in found.notices] == ["the lowcore of CPU 2 isn't found"]
    assert not found.complete


def test_without_a_lowcore_the_hypervisor_is_unknown() -> None:
    found = survey({}, 0x1)
    found.kernel.cpus = (2,)
    assert hypervisor(found) is None
    assert not found.complete


def test_pending_softirqs_stand_in_the_lowcore() -> None:
    assert pending_masks(survey({"struct lowcore": [[0x8, None]]})) == {0: 8, 1: None}


def test_kinds_of_interruptions_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {10: "CLK", 11: "[EXT] Clock Comparator", 20: "EXC", 21: "[EXT] External Call"}
    monkeypatch.setattr(interrupts, "texts", lambda _survey, _places, _what: said)
    answers: dict[str, list[list[Any]]] = {
        "struct irq_class": [[3, 7], [10, 20], [11, 21]],
        "struct irq_stat": [[(0, 0, 0, 5), None]],
    }
    clock, call = interrupts.cpu_interrupts(survey(answers))
    assert (clock.interrupt_line, clock.meaning, clock.cpu_counts) == ("CLK", said[11], {0: 5})
    assert (call.interrupt_line, call.cpu_counts, call.total) == ("EXC", {}, None)
