"""Interrupts between CPUs of arm64, which /proc/interrupts hides; those that each CPU enables by itself."""

from __future__ import annotations

from functools import partial

from crashdrive.kernel.types.model import Type
from crashdrive.linux.irq.cpu_interrupts import CpuInterrupt, cpu_interrupts
from crashdrive.linux.irq.interrupts import Interrupt, interrupts
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import CHAR, PAGE, UINT, ULONG, FakeMemory, SizesKnown, pointer, record
from tests.linux.net.small_kernel import survey_of, two_cpus

ACTION = record(
    "irqaction",
    ("name", pointer(CHAR)),
    ("handler", ULONG),
    ("thread_fn", ULONG),
    ("next", pointer("struct irqaction")),
)
DESC = record(
    "irq_desc",
    ("irq_data", record("irq_data", ("irq", UINT), ("hwirq", ULONG), ("domain", ULONG))),
    ("state_use_accessors", UINT),
    ("kstat_irqs", ULONG),
    ("action", pointer("struct irqaction")),
    ("depth", UINT),
    ("irqs_unhandled", UINT),
    ("tot_count", UINT),
    ("name", pointer(CHAR)),
    ("status_use_accessors", UINT),
    ("percpu_enabled", pointer("struct cpumask")),
    ("irq_common_data", record("irq_common_data", ("state_use_accessors", UINT))),
)
STATES = "type = enum {IRQD_IRQ_DISABLED = 1, IRQD_IRQ_MASKED = 2, IRQD_IRQ_INPROGRESS = 4}\n"
TYPES: dict[str, Type] = {
    "struct irq_desc": DESC,
    "struct irqaction": ACTION,
    "struct cpumask": record("cpumask", ("bits", ULONG)),
    "irq_cpustat_t": record("irq_cpustat_t", ("__softirq_pending", UINT)),
}
HIDDEN = 1 << 20


class Machine:
    """Two CPUs, four interrupts: an IPI, a timer of each CPU, one behind which others are, a device's."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        memory = self.memory
        self.descs = memory.allocate(4 * DESC.size)
        names = ("irq_desc", "nr_irqs", "irq_stat", "ipi_desc", "ipi_types", "bad_chained_irq", "tick", "ipi")
        self.symbols = {name: memory.allocate(64) for name in names} | {"irq_desc": self.descs}
        memory.int32(self.symbols["nr_irqs"], 4)
        enabled = memory.allocate(8)
        memory.word(enabled, 3)
        for number, (handler, settings, mask) in enumerate(
            (("ipi", HIDDEN, 0), ("tick", 0, enabled), ("bad_chained_irq", 0, 0), ("tick", 0, 0))
        ):
            self._add(number, handler, settings, mask)
        memory.word(self.symbols["ipi_desc"], self.descs, 0)
        memory.word(self.symbols["ipi_types"], self._text("Rescheduling interrupts"), self._text("Stop"))

    def _text(self, text: str) -> int:
        place = self.memory.allocate(64)
        self.memory.write(place, text.encode() + b"\0")
        return place

    def _add(self, number: int, handler: str, settings: int, enabled: int) -> None:
        memory = self.memory
        counts, action = memory.allocate(2 * PAGE, PAGE), memory.allocate(ACTION.size)
        memory.int32(counts, 5 if number < 2 else 0)
        memory.int32(counts + PAGE, 7 if number < 2 else 0)
        memory.word(action, self._text(handler), self.symbols[handler], 0, 0)
        desc = self.descs + number * DESC.size
        for member in DESC.members:
            at = desc + member.bit_offset // 8
            values = {"kstat_irqs": counts, "action": action, "percpu_enabled": enabled}
            if member.name in values:
                memory.word(at, values[member.name])
            numbers = {"irq_data": number, "status_use_accessors": settings, "depth": 1}
            numbers |= {"irq_common_data": 3, "tot_count": 12 if number < 2 else 0}
            if member.name in numbers:
                memory.int32(at, numbers[member.name])

    def survey(self) -> Survey:
        """A reading of it."""
        kernel = two_cpus(self.memory, TYPES, self.symbols)
        kernel.symbols.source = SizesKnown({"ipi_types": 16})  # type: ignore[assignment] # as the image
        kernel.session.answers["gdb ptype IRQD_IRQ_DISABLED"] = STATES  # type: ignore[attr-defined] # a fake
        return survey_of(kernel)


def read(survey: Survey) -> tuple[list[Interrupt], list[CpuInterrupt]]:
    rows = survey.attempt("interrupts", partial(interrupts, survey))
    return rows, survey.attempt("interrupts of CPUs", partial(cpu_interrupts, survey))


def test_hidden_and_chained_interrupts_are_no_rows() -> None:
    survey = Machine().survey()
    rows, lines = read(survey)
    assert [row.irq for row in rows] == [1, 3]
    assert [(row.interrupt_line, row.meaning, row.cpu_counts, row.total) for row in lines] == [
        ("IPI0", "Rescheduling interrupts", {0: 5, 1: 7}, 12),
        ("IPI1", "Stop", {}, None),
    ]
    assert survey.complete, survey.notices


def test_what_cpus_enable_by_themselves_is_not_disabled() -> None:
    timer, device = read(Machine().survey())[0]
    assert (timer.irq_state, timer.disable_depth) == ("", None)
    assert (device.irq_state, device.disable_depth) == ("disabled, masked", 1)


def test_where_no_cpu_enabled_it_it_is() -> None:
    machine = Machine()
    (at,) = [m.bit_offset // 8 for m in DESC.members if m.name == "percpu_enabled"]
    desc = machine.descs + DESC.size
    machine.memory.word(desc + at, machine.memory.allocate(8))
    assert read(machine.survey())[0][0].irq_state == "disabled, masked"


def test_ipis_that_are_kept_elsewhere_are_missing() -> None:
    machine = Machine()
    del machine.symbols["ipi_desc"]
    survey = machine.survey()
    assert read(survey)[1] == []
    assert not survey.complete
    assert "kept elsewhere" in survey.notices[0].message


def test_a_descriptor_of_another_number_is_noted_and_is_no_row() -> None:
    machine = Machine()
    (at,) = [m.bit_offset // 8 for m in DESC.members if m.name == "irq_data"]
    desc = machine.descs + 3 * DESC.size
    machine.memory.int32(desc + at, 0)
    survey = machine.survey()
    assert [row.irq for row in read(survey)[0]] == [1]
    assert not survey.complete
    assert survey.notices[0].message == f"interrupt 3: {desc:#x} is no descriptor of it (0)"
