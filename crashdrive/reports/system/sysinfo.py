r"""The machine and its kernel on one page: names, clocks, load, CPUs, firmware, taint, panic settings.

\b
Examples:
  crashdrive report sysinfo vmcore
  crashdrive report sysinfo --topology vmcore       cores, threads, NUMA nodes
  crashdrive report sysinfo --format json vmcore | jq '.tables.system[0]'

uptime and date are the timekeeper's. dump: the file's format; what the file lacks is a warning.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.mm.numa import numa_nodes
from crashdrive.linux.survey import Survey
from crashdrive.linux.system.cpuinfo import cpus
from crashdrive.linux.system.dmi import dmi
from crashdrive.linux.system.mitigations import mitigations
from crashdrive.linux.system.panic_settings import panic_settings
from crashdrive.linux.system.system import system_of
from crashdrive.linux.system.taint import kernel_taints
from crashdrive.linux.system.topology import cpu_places
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "sysinfo"
SUMMARY = "The machine and its kernel: names, clocks, load, CPUs, firmware, taint, panic settings."
BTF = True
JUDGED = (NAME,)
OPTIONS = (Option(name="topology", flags=("-t", "--topology"), help="Where CPUs are, and NUMA nodes, too."),)


def report(crash: Any, **asked: Any) -> Report:
    """Everything; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    firmware = survey.attempt("firmware's names", partial(dmi, survey))
    processors = survey.attempt("CPUs", partial(cpus, survey))
    flags = survey.attempt("taints", partial(kernel_taints, survey))
    settings = survey.attempt("panic settings", partial(panic_settings, survey))
    faults = survey.attempt("mitigations", partial(mitigations, survey))
    names = {each.name: each.value for each in firmware}
    system = system_of(survey, names, processors, "".join(flag.letter for flag in flags))
    tables = [
        Table(name="system", rows=[system], layout="fields"),
        Table(name="taints", rows=flags, title="Taint"),
        Table(name="panic", rows=settings, title="Settings of panic"),
        Table(name="cpus", rows=processors, title="CPUs"),
        Table(name="firmware", rows=firmware, title="Firmware"),
        Table(name="mitigations", rows=faults, title="Mitigations"),
    ]
    if asked["topology"]:
        places = survey.attempt("places of CPUs", partial(cpu_places, survey))
        nodes = survey.attempt("NUMA nodes", partial(numa_nodes, survey))
        tables.append(Table(name="topology", rows=places, title="Where CPUs are"))
        tables.append(Table(name="nodes", rows=nodes, title="NUMA nodes"))
    return judged(report_of(NAME, survey, tables), "system")
