r"""Network namespaces: their names, numbers, and processes.

\b
Examples:
  crashdrive report netns vmcore

Other reports name a namespace as ip netns does, the first process's one ``init``, and one without a name by
its number. Their option --netns takes each of these.
"""

from __future__ import annotations

from typing import Any

from crashdrive.linux.net.namespaces import populated
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Report, Table
from crashdrive.reports.base import report_of

NAME = "netns"
SUMMARY = "Network namespaces with their numbers, processes and interfaces."
BTF = True
OPTIONS = ()


def report(crash: Any, **_options: Any) -> Report:
    """All of them, the initial one first."""
    survey = NetSurvey.of(crash.kernel, None)
    return report_of(
        NAME,
        survey,
        (
            Table(
                name="namespaces",
                rows=populated(survey, survey.namespaces),
                columns=("netns", "inum", "processes", "pid", "program", "interfaces"),
            ),
        ),
    )
