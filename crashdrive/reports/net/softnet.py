"""Received packets by CPU: /proc/net/softnet_stat, and the queues behind it.

\b
Examples:
  crashdrive report softnet vmcore
  crashdrive report softnet --packets vmcore   those in the queues too

dropped: packets that found the backlog full; time_squeeze: how often the budget or its time ran out with
work left; received_rps: wake-ups by other CPUs; flow_limit_count: packets of large flows that were dropped.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.net.packets.softnet import cpus, limits, queued_packets
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, report_of

NAME = "softnet"
SUMMARY = "Received packets by CPU: processed, dropped, squeezed, and what waits in the backlog."
BTF = True
OPTIONS = (Option(name="packets", flags=("--packets",), help="The packets in the queues."),)


def report(crash: Any, **asked: Any) -> Report:
    """All CPUs; options by the names in `OPTIONS`."""
    kernel = crash.kernel
    survey = Survey(kernel)
    places = [kernel.per_cpu_address("softnet_data", cpu) for cpu in kernel.cpus]
    tables = [
        Table(name="softnet", rows=survey.attempt("softnet counters", partial(cpus, survey, places))),
        Table(name="limits", rows=survey.attempt("limits", partial(limits, survey)), layout="fields"),
    ]
    if asked["packets"]:
        rows = survey.attempt("backlogs", partial(queued_packets, survey, places))
        tables.append(Table(name="packets", rows=rows, title="Packets in backlogs"))
    return report_of(NAME, survey, tables)
