"""Activity of the whole machine, in one row: single lines of /proc/stat and /proc/loadavg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.linux.system.uts import load
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_FIELDS = {
    "switches": ("nr_switches",),
    "runnable": ("nr_running",),
    "iowait": ("nr_iowait.counter",),
}


class Activity(Record, frozen=True):
    """One row: sums over the CPUs.

    ``switches``: context switches since boot (``ctxt``); ``forks``: since boot (``processes``). ``runnable``:
    tasks that run or are queued (``procs_running``); ``iowait``: tasks that wait for IO (``procs_blocked``);
    ``threads``: all tasks. Sums are None where the dump lacks a part.
    """

    load_1: float
    load_5: float
    load_15: float
    runnable: int | None
    iowait: int | None
    threads: int
    switches: int | None
    forks: int
    hz: int


def activity(survey: Survey) -> Iterator[Activity]:
    """The row: sums over all possible CPUs, as the kernel counts."""
    kernel = survey.kernel
    places = [kernel.per_cpu_address("runqueues", cpu) for cpu in kernel.possible_cpus]
    found = survey.read(Fields(kernel, "struct rq", _FIELDS, ("switches",)), places, "run queues")
    sums = {name: None if None in column else sum(column) for name, column in found.items()}
    averages = load(survey)
    yield Activity(
        load_1=averages.load_1,
        load_5=averages.load_5,
        load_15=averages.load_15,
        threads=int(kernel.symbol_as("nr_threads", "int")),
        forks=int(kernel.symbol_as("total_forks", "unsigned long")),
        hz=kernel.hz,
        **sums,
    )
