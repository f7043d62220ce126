r"""Interrupts: counts by CPU, handlers, where they go, what state they are in; softirqs; vectors.

\b
Examples:
  crashdrive report irq vmcore
  crashdrive report irq --irq 24 --irq 25 vmcore
  crashdrive report irq --format json vmcore | jq '.tables.interrupts[].irq'

irq_state tells what isn't as usual: disabled, masked, in progress (a handler was running at the time of the
dump), nobody cared (the kernel shut the interrupt, as no handler took it). handlers are the functions of
threads where an interrupt has one. effective_cpus: where the interrupt goes, of affinity_cpus.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.irq.cpu_interrupts import cpu_interrupts
from crashdrive.linux.irq.interrupts import interrupts
from crashdrive.linux.irq.softirqs import softirqs
from crashdrive.linux.irq.vectors import cpu_vectors
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "irq"
SUMMARY = "Interrupts: counts by CPU, handlers, affinity, state; softirqs; vectors."
BTF = True
JUDGED = (NAME,)
OPTIONS = (Option(name="irq", flags=("-i", "--irq"), kind="integer", many=True, help="This interrupt."),)


def report(crash: Any, **asked: Any) -> Report:
    """The interrupts that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    rows = survey.attempt("interrupts", partial(interrupts, survey))
    survey.require("interrupt", map(str, asked["irq"]), [str(row.irq) for row in rows])
    shown = [row for row in rows if not asked["irq"] or row.irq in asked["irq"]]
    tables = [Table(name="interrupts", rows=shown, columns=_COLUMNS)]
    if not asked["irq"]:
        own = survey.attempt("interrupts of CPUs", partial(cpu_interrupts, survey))
        soft = survey.attempt("softirqs", partial(softirqs, survey))
        vectors = survey.attempt("vectors of CPUs", partial(cpu_vectors, survey))
        tables += [
            Table(name="cpu_interrupts", rows=own, title="Interrupts of CPUs"),
            Table(name="softirqs", rows=soft, title="Softirqs"),
            Table(name="vectors", rows=vectors, title="Vectors"),
        ]
    return judged(report_of(NAME, survey, tables), "system")


_COLUMNS = (
    "irq", "irq_counts", "chip", "hwirq", "flow", "irq_names", "handlers", "effective_cpus", "affinity_cpus",
    "irq_state",
)  # fmt: skip
