r"""Settings: all values below /proc/sys, those of the network by network namespace.

\b
Examples:
  crashdrive report sysctl vmcore
  crashdrive report sysctl --name vm. --name kernel.panic vmcore
  crashdrive report sysctl --name net.ipv4.tcp --netns red vmcore

Values are what sysctl would print. A value is absent where nobody may read it, where it was never set,
and where this kernel computes it in a way that isn't known here; column absent says which. --netns leaves
out what isn't of a network namespace. A kexec turns kernel.ftrace_enabled off.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.sysctl.tables import WHAT, names, settings
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, report_of
from crashdrive.reports.net._options import NETNS

NAME = "sysctl"
SUMMARY = "All settings (/proc/sys), those of the network of each namespace."
BTF = True
OPTIONS = (
    Option(
        name="prefix",
        flags=("--name",),
        help="Settings whose names begin like this (vm., net.ipv4.tcp).",
        kind="text",
        many=True,
    ),
    NETNS,
)


def report(crash: Any, **asked: Any) -> Report:
    """The settings that are asked for; options by the names in `OPTIONS`."""
    survey = NetSurvey.of(crash.kernel, asked["netns"])
    rows = survey.attempt(WHAT, partial(settings, survey, tuple(asked["prefix"]), machine=not asked["netns"]))
    for prefix in asked["prefix"]:
        if not any(row.name.startswith(prefix) for row in rows):
            survey.require("setting", [prefix], names(survey))
    several = ("netns",) if len({row.netns for row in rows}) > 1 else ()
    absent = ("absent",) if any(row.absent for row in rows) else ()
    return report_of(
        NAME, survey, (Table(name="settings", rows=rows, columns=("name", "value", *absent, *several)),)
    )
