r"""Network namespaces: their names, numbers, and who lives in them.

\b
Examples:
  crashdrive report netns vmcore

Other reports call a namespace by the name that ip netns gave it, the first process's ``init``, and others by
their number; their option --netns takes any of what is shown here.
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
