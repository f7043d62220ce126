"""How many sockets there are and what memory they take: /proc/net/sockstat, sockstat6 and protocols.

\b
Examples:
  crashdrive report sockstat vmcore
  crashdrive report sockstat --netns red vmcore

Sockets in use are counted by namespace; orphans, allocated sockets and memory of the whole machine. Memory
of fragments that wait for the rest of their packet is counted by namespace, and so are its limits.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from crashdrive.linux.net.counters.sockstat import fragments, memory, protocols, usage
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Record, Report, Table
from crashdrive.reports.base import report_of
from crashdrive.reports.net._options import NETNS

NAME = "sockstat"
SUMMARY = "Sockets in use and their memory by protocol, fragments that wait, with the limits."
BTF = True
OPTIONS = (NETNS,)


def report(crash: Any, **asked: Any) -> Report:
    """All protocols; options by the names in `OPTIONS`."""
    kernel = crash.kernel
    survey = NetSurvey.of(kernel, asked["netns"])
    finders: list[tuple[str, str, Callable[[NetSurvey], Iterator[Record]]]] = [
        ("usage", "Sockets", usage),
        ("protocols", "Sockets by protocol", protocols),
        ("memory", "Memory of the whole machine", memory),
        ("fragments", "Fragments", fragments),
    ]
    tables = tuple(
        Table(name=name, rows=survey.attempt(title.lower(), partial(find, survey)), title=title)
        for name, title, find in finders
    )
    return report_of(NAME, survey, tables)
