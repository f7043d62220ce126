r"""The last seconds before the end, event by event: log, tasks, timers, IO, packets; table and picture.

\b
Examples:
  crashdrive report timeline vmcore                 the last ten seconds
  crashdrive report timeline --last 60 --source log --source io vmcore
  crashdrive report timeline --pid 1659 vmcore      what one task did
  crashdrive report timeline --format svg vmcore > timeline.svg

seconds_before is counted by the clock that keeps the event, back from its newest reading: log and tasks by
the scheduler's clock (last_run: when a task left its CPU), timers, requests and packets by ticks or the
timekeeper. Clocks may differ by a few ticks: events of two sources that are nearer are in no sure order. A
structure remembers its last event alone: a lane without marks says nothing of what came before. --pid
leaves out what names no task: timers of the wheel, packets, messages of a kernel that doesn't keep callers.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from crashdrive.errors import CrashdriveError, UsageError
from crashdrive.linux.sched.cpu_states import run_queues
from crashdrive.linux.survey import Survey
from crashdrive.records import Lane, Mark, Notice, Report, Table, Timeline
from crashdrive.reports.base import Option
from crashdrive.reports.system._timeline import SOURCES, TimelineEvent, events_of, untimed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "timeline"
SUMMARY = "The last seconds: log, tasks' last runs, overdue timers, IO, packets, as a table and a picture."
BTF = True
DRAWS = True
_SECONDS = 10.0
_NANO = 1e9
_DEATHS = "deaths"  # the log's crash reports, among the parts
OPTIONS = (
    Option(
        name="last", flags=("--last",), kind="seconds", default=_SECONDS,
        help="How many seconds before the end (default: 10).",
    ),
    Option(
        name="source", flags=("--source",), kind="text", many=True, choices=tuple(SOURCES),
        help="Events of this kind alone.",
    ),
    Option(name="pid", flags=("-p", "--pid"), kind="integer", many=True, help="Those of a task."),
)  # fmt: skip
_COLUMNS = ("seconds_before", "event_source", "event", "cpu", "pid", "comm", "text")


def report(crash: Any, **asked: Any) -> Report:
    """The events that are asked for; options by the names in `OPTIONS`."""
    if not 0 < asked["last"] < float("inf"):
        raise UsageError(f"--last is {asked['last']}: it is a number of seconds")
    wanted = tuple(dict.fromkeys(asked["source"])) or tuple(SOURCES)
    parts, failed = _parts(crash, wanted)
    survey = Survey(crash.kernel)
    behind, moments = _end(survey, parts.get("dmesg"), parts.get(_DEATHS))
    notices = [*failed, *survey.notices, *(notice for part in parts.values() for notice in part.warnings)]
    events = [one for one in events_of(parts, wanted, behind) if one.seconds_before <= asked["last"]]
    found = sorted(_of_tasks(events, asked["pid"]), key=lambda one: -one.seconds_before)
    notices += [*untimed(parts, wanted), *(_nobodys(events) if asked["pid"] else ())]
    return Report(
        report=NAME,
        complete=not failed and survey.complete and all(part.complete for part in parts.values()),
        warnings=tuple(dict.fromkeys(notices)),
        tables=(Table(name="events", rows=found, columns=_COLUMNS, title="Events"),),
        pictures=(_picture(found, wanted, asked["last"], moments),),
    )


def _of_tasks(events: Sequence[TimelineEvent], pids: Sequence[int]) -> list[TimelineEvent]:
    return [one for one in events if not pids or one.pid in pids]


def _nobodys(events: Sequence[TimelineEvent]) -> Iterator[Notice]:
    """What ``--pid`` left out although it may be of one of these tasks."""
    counts = Counter(one.event_source for one in events if one.pid is None)
    if counts:
        said = ", ".join(f"{source}: {count}" for source, count in counts.items())
        yield Notice(kind="unowned", message=f"events that name no task are left out ({said})")


def _parts(crash: Any, sources: Sequence[str]) -> tuple[dict[str, Report], list[Notice]]:
    """The reports that are needed, the log always, as it says when the kernel died; and which failed."""
    parts: dict[str, Report] = {}
    failed: list[Notice] = []
    needed = {"dmesg": ("dmesg", {}), _DEATHS: ("dmesg", {"oops": True})}
    needed |= {name: (name, dict(options)) for source in sources for name, options in SOURCES[source]}
    for key, (name, options) in needed.items():
        try:
            parts[key] = crash.run_report(name, **options)
        except CrashdriveError as error:
            failed.append(Notice(kind="failed", message=f"report {name} failed: {error}"))
    return parts, failed


def _end(survey: Survey, log: Report | None, reported: Report | None) -> tuple[float, list[Mark]]:
    """How far the end is behind the log's last message, by the clock of both; when the kernel died."""
    rows = log.table("log").rows if log else ()
    if not rows:
        return 0.0, []
    last = rows[-1].timestamp
    queues = survey.attempt("run queues", lambda: [run_queues(survey)])
    now = max((one.now / _NANO for one in queues if one.now), default=last)
    behind = max(now - last, 0.0)
    known = reported.table("reports").rows if reported else ()
    deaths = [row for row in known if row.cause and row.timestamp is not None]
    moments = [
        Mark(seconds_before=max(last + behind - row.timestamp, 0.0), label=row.title, marked=True)
        for row in deaths
    ]
    return behind, moments


def _picture(
    found: Sequence[TimelineEvent], sources: Sequence[str], seconds: float, moments: Sequence[Mark]
) -> Timeline:
    lanes = tuple(Lane(name=source, marks=tuple(_marks(found, source))) for source in sources)
    seen = tuple(mark for mark in moments if mark.seconds_before <= seconds)
    return Timeline(title=f"The last {seconds:g} s", seconds=seconds, lanes=lanes, moments=seen)


def _marks(found: Sequence[TimelineEvent], source: str) -> Iterator[Mark]:
    for one in found:
        if one.event_source == source:
            who = f" {one.comm or '?'} ({one.pid})" if one.pid is not None else ""
            label = f"{one.event}{who}{': ' if one.text else ''}{one.text or ''}"
            yield Mark(seconds_before=one.seconds_before, label=label[:200], marked=one.is_wrong)
