r"""The first look at a dump, on one page: why it died, what is wrong, where to look next, what is missing.

\b
Examples:
  crashdrive triage vmcore
  crashdrive triage --html page.html vmcore
  crashdrive report triage --format json vmcore | jq '.findings[].message'

It runs the reports panic, hang, sysinfo, cpu, block, files, modules, netsummary and each other one that a
rule looks at, and asks all rules, also those from elsewhere. A report that fails is named, and the others
stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crashdrive.errors import CrashdriveError, TranscriptError
from crashdrive.linux.oops import Verdict
from crashdrive.records import Finding, Notice, Record, Report, Table
from crashdrive.reports import report_names, takes_btf
from crashdrive.reports.base import judged
from crashdrive.reports.net import netsummary
from crashdrive.rules import rule_names, rules, worst_first
from crashdrive.rules.base import source_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "triage"
SUMMARY = "The first look on one page: verdict, findings with advice, where to look next, what is missing."
BTF = True
OPTIONS = ()
# the reports that triage shows, the most telling first; others that rules look at follow
PARTS = ("panic", "hang", "sysinfo", "cpu", "block", "files", "modules", "netsummary")
_VERDICT = (
    "title", "kind", "function", "module", "context", "cpu", "pid", "comm", "taint", "bucket", "corrupted",
)  # fmt: skip
_SYSTEM = ("nodename", "release", "date", "uptime_seconds", "load_1", "cpus", "cpu_model")
_PLACES = 3
# where to look next, by the report whose table a finding is about
_LOOK = {
    "hang": "who waits for what, every task",
    "panic": "the crash: stack, registers, modules",
    "sysinfo": "the machine and its kernel",
    "cpu": "what each CPU ran, and who waited for it",
    "block": "disks and requests that aren't done",
    "files": "filesystems and who holds their files",
    "modules": "modules, also those that hide",
    **dict.fromkeys(netsummary.JUDGED, "the network on one page"),
}
_COMMANDS = {
    "hang": "crashdrive report hang --tasks VMCORE",
    **dict.fromkeys(netsummary.JUDGED, "crashdrive report netsummary VMCORE"),
}
_HUNG = frozenset({"hung", "softlockup", "hardlockup", "rcu"})


class Look(Record, frozen=True):
    """A place to look at next: what is seen there, and the command for it."""

    look: str
    command: str


def report(crash: Any, **_asked: Any) -> Report:
    """All parts, judged; there are no options."""
    parts: dict[str, Report] = {}
    notices: list[Notice] = []
    unrecorded: list[str] = []
    for name in dict.fromkeys((*PARTS, *_looked_at())):
        try:
            parts[name] = crash.run_report(name)
        except CrashdriveError as error:
            if name not in PARTS and isinstance(error, TranscriptError):
                unrecorded.append(name)
            else:
                notices.append(Notice(kind="failed", message=f"report {name} failed: {error}"))
    complete = not notices
    if unrecorded:
        without = f"rules that look at {', '.join(unrecorded)} aren't asked: the recording is without"
        notices.append(Notice(kind="unrecorded", message=without))
    found = judged(
        Report(report=NAME, tables=(), complete=complete, warnings=tuple(notices)), None, parts.values()
    )
    # parts have findings about tables of other reports, too: netsummary about all of the network
    findings = worst_first((*found.findings, *(one for part in parts.values() for one in part.findings)))
    verdict = _row(parts.get("panic"), "verdict")
    verdicts = [verdict] if verdict else []
    title = parts["panic"].table("verdict").title if verdict else "Verdict"
    system = _rows(parts.get("sysinfo"), "system")
    tables = (
        Table(name="verdict", rows=verdicts, columns=_VERDICT, layout="fields", title=title),
        Table(name="system", rows=system, columns=_SYSTEM, layout="fields", title="System"),
        Table(name="look", rows=list(_looks(verdict, findings))[:_PLACES], title="Look next at"),
    )
    pictures = tuple(picture for part in parts.values() for picture in part.pictures)
    return msgspec.structs.replace(found, tables=tables, findings=findings, pictures=pictures)


def _looked_at() -> list[str]:
    """The reports that rules look at, without those of the network, which netsummary computes."""
    network = set(rule_names("net"))
    found = {
        source_name(source).partition(".")[0]
        for one in rules().found
        for source in (one.looks_at if one.id not in network else ())
    }
    return sorted(name for name in found if name in report_names() and takes_btf(name))


def _rows(part: Report | None, table: str) -> Sequence[Any]:
    return part.table(table).rows if part else []


def _row(part: Report | None, table: str) -> Any:
    return next(iter(_rows(part, table)), None)


def _looks(verdict: Verdict | None, findings: Sequence[Finding]) -> Iterator[Look]:
    """The crash itself first, then what the findings rest on."""
    seen: dict[str, None] = {}
    if verdict is not None and verdict.kind is not None:
        seen["hang" if verdict.kind in _HUNG else "panic"] = None
    for finding in findings:
        seen[(finding.source or "").partition(".")[0]] = None
    seen["panic"] = None
    looks = {
        _COMMANDS.get(name, f"crashdrive report {name} VMCORE"): _LOOK[name] for name in seen if name in _LOOK
    }
    yield from (Look(look=look, command=command) for command, look in looks.items())
    yield Look(look="the last minute of the log", command="crashdrive report dmesg --last 60 VMCORE")
    yield Look(look="stacks of all tasks, grouped", command="crashdrive report stacks VMCORE")
