"""Interrupts between and within CPUs (IPIs, local timers): the named lines of /proc/interrupts.

Sources: arch_show_interrupts() in arch/x86/kernel/irq.c; of arm and arm64, whose IPIs are interrupts that
/proc/interrupts hides from the others, in arch/arm64/kernel/smp.c (since 5.10, d3afc7f12987);
show_interrupts() in arch/s390/kernel/irq.c, whose lines are kinds of external, I/O and other interruptions;
of powerpc in arch/powerpc/kernel/irq.c, which has two lines LOC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.irq.interrupts import counts_of
from crashdrive.linux.lowcore import is_s390x
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_KIND, _VARIABLE = "irq_cpustat_t", "irq_stat"
# members of irq_cpustat_t; a line is left out where this kernel lacks the member
_LINES = (
    ("NMI", "__nmi_count", "non-maskable interrupts"),
    ("LOC", "apic_timer_irqs", "local timer"),
    ("SPU", "irq_spurious_count", "spurious"),
    ("PMI", "apic_perf_irqs", "performance monitoring"),
    ("IWI", "apic_irq_work_irqs", "IRQ work"),
    ("RTR", "icr_read_retry_count", "APIC ICR read retries"),
    ("PLT", "x86_platform_ipis", "platform"),
    ("RES", "irq_resched_count", "rescheduling"),
    ("CAL", "irq_call_count", "function calls"),
    ("TLB", "irq_tlb_count", "TLB shootdowns"),
    ("TRM", "irq_thermal_count", "thermal events"),
    ("THR", "irq_threshold_count", "threshold APIC"),
    ("DFR", "irq_deferred_error_count", "deferred errors"),
    ("HYP", "irq_hv_callback_count", "hypervisor callbacks"),
    ("HRE", "irq_hv_reenlightenment_count", "Hyper-V reenlightenment"),
    ("HVS", "hyperv_stimer0_count", "Hyper-V timer"),
    ("PIN", "kvm_posted_intr_ipis", "posted interrupts (KVM)"),
    ("NPI", "kvm_posted_intr_nested_ipis", "nested posted interrupts (KVM)"),
    ("PIW", "kvm_posted_intr_wakeup_ipis", "posted interrupt wakeups (KVM)"),
)
# the same of powerpc: timers of the clock event device and others, the latter beside the former
_POWERPC = (
    ("LOC", "timer_irqs_event", "local timer, clock event device"),
    ("BCT", "broadcast_irqs_event", "broadcast timer"),
    ("LOC", "timer_irqs_others", "local timer, others"),
    ("SPU", "spurious_irqs", "spurious"),
    ("PMI", "pmu_irqs", "performance monitoring"),
    ("MCE", "mce_exceptions", "machine check exceptions"),
    ("NMI", "sreset_irqs", "system reset"),
    ("WDG", "soft_nmi_irqs", "watchdog soft-NMI"),
    ("DBL", "doorbell_irqs", "doorbells"),
)
# variables of each CPU, and of all together
_VARIABLES = (
    ("MCE", "mce_exception_count", "machine check exceptions"),
    ("MCP", "mce_poll_count", "machine check polls"),
)
# counters without names of their own, and the table that names them
_COUNTERS, _NAMES, _NAME = "counts", "irq_stat_info", "struct irq_stat_info"
_MOST_COUNTERS = 256
# descriptors and meanings of arm's IPIs, by their numbers
_IPIS, _MEANINGS = "ipi_desc", "ipi_types"
_MOST_IPIS = 64
# s390x: kinds of interruptions, by what causes them
_CLASSES, _CLASS, _COUNTED = "irqclass_sub_desc", "struct irq_class", "struct irq_stat"
_MOST_CLASSES = 256
_TOTALS = (("ERR", "irq_err_count", "errors"), ("MIS", "irq_mis_count", "misrouted"))


class CpuInterrupt(Record, frozen=True):
    """A named line of /proc/interrupts: how often each CPU took it, and the ``total``.

    ``cpu_counts`` is empty where the kernel counts for all CPUs together.
    """

    interrupt_line: str
    meaning: str
    cpu_counts: dict[int, int]
    total: int | None


def cpu_interrupts(survey: Survey) -> Iterator[CpuInterrupt]:
    """The lines in the order of /proc/interrupts."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    if is_s390x(kernel):
        yield from _classes(survey)
        return
    if not kernel.has_type(_KIND) or not kernel.symbols.has(_VARIABLE):
        survey.absent("counts of interrupts that CPUs send each other, that are known on this machine")
        return
    fields = Fields(kernel, _KIND, {member: (member,) for _, member, _ in (*_LINES, *_POWERPC)})
    if fields.paths:
        yield from _counted(survey, fields)
    elif kernel.has_member(_KIND, _COUNTERS) and kernel.symbols.has(_NAMES):
        yield from _numbered(survey)
        return
    else:
        yield from _ipis(survey)
    for line, name, meaning in _VARIABLES:
        if kernel.symbols.has(name):
            own = [kernel.per_cpu_address(name, cpu) for cpu in cpus]
            values = survey.gaps(kernel.read_many("unsigned int", own, [""]), "counts of machine checks")[""]
            yield _row(line, meaning, dict(zip(cpus, values, strict=True)))
    for line, name, meaning in _TOTALS:
        if kernel.symbols.has(name):
            column = kernel.read_many("unsigned int", [kernel.symbols.address(name)], [""])
            total = survey.gaps(column, name)[""][0]
            yield CpuInterrupt(interrupt_line=line, meaning=meaning, cpu_counts={}, total=total)


def _counted(survey: Survey, fields: Fields) -> Iterator[CpuInterrupt]:
    """Those of x86 and of powerpc."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    places = [kernel.per_cpu_address(_VARIABLE, cpu) for cpu in cpus]
    columns = survey.read(fields, places, "counts of interrupts")
    for line, member, meaning in (*_LINES, *_POWERPC):
        if fields.has(member):
            yield _row(line, meaning, dict(zip(cpus, columns[member], strict=True)))


def _numbered(survey: Survey) -> Iterator[CpuInterrupt]:
    """Those of x86 in an array, machine checks and errors among them; all that the kernel has a name for."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    size, first = kernel.sizeof(_NAME), kernel.symbols.address(_NAMES)
    count = min(kernel.variable_size(_NAMES) // size, _MOST_COUNTERS)
    table = kernel.read_many(_NAME, [first + size * number for number in range(count)], ["symbol", "text"])
    named = list(survey.gaps(table, "names of interrupts"))
    said = texts(survey, [place for row in named for place in row if place], "names of interrupts")
    places = [kernel.per_cpu_address(_VARIABLE, cpu) for cpu in cpus]
    columns = survey.gaps(kernel.read_many(_KIND, places, [_COUNTERS]), "counts of interrupts")[_COUNTERS]
    for number, (line, meaning) in enumerate(named):
        counts = {
            cpu: row[number] if row is not None and number < len(row) else None
            for cpu, row in zip(cpus, columns, strict=True)
        }
        if line:
            yield _row(said[line] or "", (said.get(meaning) or "").strip(), counts)


def _classes(survey: Survey) -> Iterator[CpuInterrupt]:
    """Those of s390x."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    size = kernel.sizeof(_CLASS)
    count = min(kernel.variable_size(_CLASSES) // size, _MOST_CLASSES)
    first = kernel.symbols.address(_CLASSES)
    kinds = kernel.read_many(
        _CLASS, [first + size * number for number in range(count)], ["irq", "name", "desc"]
    )
    known = [row for row in survey.gaps(kinds, "kinds of interruptions") if None not in row]
    said = texts(survey, [place for row in known for place in row[1:]], "kinds of interruptions")
    places = [kernel.per_cpu_address(_VARIABLE, cpu) for cpu in cpus]
    counted = survey.gaps(kernel.read_many(_COUNTED, places, ["irqs"]), "counts of interrupts")["irqs"]
    for number, name, meaning in known:
        counts = {
            cpu: row[number] if row is not None and number < len(row) else None
            for cpu, row in zip(cpus, counted, strict=True)
        }
        yield _row(said[name] or "", said[meaning] or "", counts)


def _ipis(survey: Survey) -> Iterator[CpuInterrupt]:
    """Those of arm and arm64; noted as missing where the kernel keeps them elsewhere."""
    kernel = survey.kernel
    if not all(map(kernel.symbols.has, (_IPIS, _MEANINGS))):
        message = "interrupts that CPUs send each other are kept elsewhere by this kernel; not read"
        survey.miss([Notice(kind="elsewhere", message=message)])
        return
    count = min(kernel.variable_size(_MEANINGS) // kernel.pointer_size, _MOST_IPIS)
    told, descriptors = (
        survey.gaps(kernel.read_many("unsigned long", _words(kernel, name, count), [""]), name)[""]
        for name in (_MEANINGS, _IPIS)
    )
    meanings = texts(survey, told, "meanings of interrupts")
    there = [place for place in descriptors if place]
    columns = survey.gaps(kernel.read_many("struct irq_desc", there, ["kstat_irqs"]), "counts of interrupts")
    counted = dict(zip(there, counts_of(survey, columns["kstat_irqs"]), strict=True))
    for number, (meaning, place) in enumerate(zip(told, descriptors, strict=True)):
        counts = dict.fromkeys(kernel.possible_cpus) | counted.get(place or 0, {})
        yield _row(f"IPI{number}", meanings[meaning] or "", counts)


def _words(kernel: Machine, name: str, count: int) -> list[int]:
    start = kernel.symbols.address(name)
    return [start + kernel.pointer_size * number for number in range(count)]


def _row(line: str, meaning: str, counts: dict[int, int | None]) -> CpuInterrupt:
    known = {cpu: count for cpu, count in counts.items() if count is not None}
    total = sum(known.values()) if len(known) == len(counts) else None
    return CpuInterrupt(interrupt_line=line, meaning=meaning, cpu_counts=known, total=total)
