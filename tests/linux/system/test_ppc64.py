"""CPUs and interrupts of ppc64, on a kernel made up of a few answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from crashdrive.linux.irq.cpu_interrupts import cpu_interrupts
from crashdrive.linux.survey import Survey
from crashdrive.linux.system.cpuinfo import cpus, hypervisor

# of irq_cpustat_t of 6.1
MEMBERS = (
    "timer_irqs_event", "broadcast_irqs_event", "timer_irqs_others", "pmu_irqs", "mce_exceptions",
    "spurious_irqs", "sreset_irqs", "soft_nmi_irqs", "doorbell_irqs",
)  # fmt: skip


class Columns(dict[str, list[Any]]):
    """What readers give: columns by field, and rows."""

    def __iter__(self) -> Any:
        return zip(*self.values(), strict=True)


def survey(versions: list[int | None], name: int = 0x7000) -> Any:
    """Of a kernel with two CPUs; interrupts of each are counted up from their number."""
    answers: dict[str, list[list[Any]]] = {
        "unsigned int": [versions],
        "irq_cpustat_t": [[10 * n, 10 * n + 1] for n in range(9)],
    }
    kernel: Any = SimpleNamespace(
        session=SimpleNamespace(identity={"machine": "21"}),
        symbols=SimpleNamespace(address=lambda _name: 0x1000, has=lambda name: name == "irq_stat"),
        cpus=(0, 1),
        possible_cpus=(0, 1),
        online_cpus=(0,),
        has_type=lambda _kind: True,
        has_member=lambda _kind, member: member in MEMBERS,
        first_path=lambda _kind, paths: next((path for path in paths if path in MEMBERS), None),
        per_cpu_address=lambda _name, cpu: 0x1000 * cpu,
        read_pointer=lambda _place: 0x5000,
        read_string=lambda _place, _size: b"POWER9 (architected)",
        read_many=lambda kind, _places, fields: Columns(zip(fields, answers[kind], strict=True)),
        object=lambda _kind, _place: SimpleNamespace(member_=lambda _name: name),
    )
    found: Any = Survey(kernel)
    found.gaps = lambda columns, _what: columns
    return found


def test_cpus_by_their_version_registers() -> None:
    first, second = cpus(survey([0x004E1200, None]))
    assert (first.model, first.stepping, first.model_name) == (0x4E, 0x1200, "POWER9 (architected)")
    assert (first.online, second.online, second.model, second.stepping) == (True, False, None, None)
    assert first.vendor_id is None  # /proc/cpuinfo has none, and others have made such processors
    assert [(one.model, one.stepping) for one in cpus(survey([1, 0]))] == [(0, 1), (None, None)]
    assert next(iter(cpus(survey([1, 2], name=0)))).model_name is None
    assert hypervisor(survey([1, 2])) is None


def test_two_lines_of_interrupts_have_one_name() -> None:
    found = list(cpu_interrupts(survey([])))
    assert [row.interrupt_line for row in found] == [
        "LOC", "BCT", "LOC", "SPU", "PMI", "MCE", "NMI", "WDG", "DBL"
    ]  # fmt: skip
    assert all(set(row.cpu_counts) == {0, 1} and row.total is not None for row in found)
