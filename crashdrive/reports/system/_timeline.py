"""Events with the time at which they happened, out of the rows of other reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crashdrive.records import Address, Notice, Record, Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# the reports that each source is read from, with their options
SOURCES: Final[dict[str, tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]]] = {
    "log": (("dmesg", ()),),
    "task": (("ps", (("threads", True),)),),
    "timer": (("timers", ()),),
    "io": (("block", ()),),
    "packet": (("netstat", (("tcp", True), ("detail", True))),),
}
_BAD_LEVELS = frozenset({"emerg", "alert", "crit", "err"})


class TimelineEvent(Record, frozen=True):
    """Something that happened ``seconds_before`` the end, by the clock that keeps it.

    ``event_source``: ``log``, ``task``, ``timer``, ``io`` or ``packet``. ``event``: of a log, the message's
    level; of a task ``running since``, ``queued since`` or ``last run`` (when it left its CPU); of a timer
    ``overdue since``; of a request ``made`` or ``given to the driver``, not done until the end; of a TCP
    connection ``sent``, ``received`` or ``acknowledged``: when it last did. ``text``: what was said, or what
    it is about; ``address``: of the structure that remembers it. ``is_wrong``: a message of level ``err`` or
    worse, a task in state D, a timer that is overdue and not deferrable, a request, as it isn't done.
    """

    seconds_before: float
    event_source: str
    event: str
    cpu: int | None
    pid: int | None
    comm: str | None
    text: str | None
    address: Address | None
    is_wrong: bool


def events_of(parts: Mapping[str, Report], sources: Sequence[str], behind: float) -> Iterator[TimelineEvent]:
    """All events of these sources; ``behind``: how far the end is behind the log's last message."""
    makers = {"log": _log, "task": _tasks, "timer": _timers, "io": _requests, "packet": _packets}
    for source in sources:
        (needed,) = SOURCES[source]
        if (part := parts.get(needed[0])) is not None:
            yield from makers[source](part, behind)


# what has an event by a time that not every kernel keeps: its source, report, table and column
_TIMED = (("task", "ps", "tasks", "state_seconds"), ("io", "block", "requests", "age"))


def untimed(parts: Mapping[str, Report], sources: Sequence[str]) -> Iterator[Notice]:
    """What has no event, as its time isn't known."""
    for source, name, table, column in _TIMED:
        part = parts.get(name) if source in sources else None
        rows = part.table(table).rows if part else ()
        # an idle task has none
        if count := sum(getattr(row, column) is None and row.pid != 0 for row in rows):
            yield Notice(kind="untimed", message=f"{table}: the time of {count} isn't known; left out")


def _event(before: float, source: str, event: str, **known: Any) -> TimelineEvent:
    absent = {"cpu": None, "pid": None, "comm": None, "text": None, "address": None, "is_wrong": False}
    return TimelineEvent(
        seconds_before=round(max(before, 0.0), 6), event_source=source, event=event, **{**absent, **known}
    )


def _log(part: Report, behind: float) -> Iterator[TimelineEvent]:
    for row in part.table("log").rows:
        caller = row.caller or ""
        number = int(caller[1:]) if caller[1:].isdigit() else None
        yield _event(
            row.age + behind, "log", row.level, text=row.text, is_wrong=row.level in _BAD_LEVELS,
            cpu=number if caller.startswith("C") else None, pid=number if caller.startswith("T") else None,
        )  # fmt: skip


def _tasks(part: Report, _behind: float) -> Iterator[TimelineEvent]:
    for row in part.table("tasks").rows:
        if row.state_seconds is None:
            continue
        event = "running since" if row.running else "queued since" if row.state_letter == "R" else "last run"
        yield _event(
            row.state_seconds, "task", event, cpu=row.cpu, pid=row.pid, comm=row.comm, address=row.task,
            text=f"state {row.state}", is_wrong=row.state_letter == "D",
        )  # fmt: skip


def _timers(part: Report, _behind: float) -> Iterator[TimelineEvent]:
    for name in ("timers", "hrtimers"):
        for row in part.table(name).rows:
            if row.expires_left is not None and row.expires_left < 0:
                yield _event(
                    -row.expires_left, "timer", "overdue since", cpu=row.cpu, pid=getattr(row, "pid", None),
                    comm=getattr(row, "comm", None), text=row.timer_function, address=row.timer_address,
                    is_wrong=getattr(row, "wheel", None) != "deferrable",  # which wakes no idle CPU
                )  # fmt: skip


def _requests(part: Report, _behind: float) -> Iterator[TimelineEvent]:
    for row in part.table("requests").rows:
        told = f"{row.operation} on {row.device}" + (
            f", sector {row.sector}" if row.sector is not None else ""
        )
        told += f", {row.path}" if row.path else ""
        for event, age in (("made", row.age), ("given to the driver", row.driver_age)):
            if age is not None:
                yield _event(
                    age,
                    "io",
                    event,
                    pid=row.pid,
                    comm=row.comm,
                    text=told,
                    address=row.address,
                    is_wrong=True,
                )


def _packets(part: Report, _behind: float) -> Iterator[TimelineEvent]:
    for table in part.tables:
        if table.name != "tcp":
            continue
        for row in table.rows:
            told = f"{row.proto} {row.local} {row.remote} {row.state or ''}".rstrip()
            times = (
                ("sent", row.last_sent_ago), ("received", row.last_received_ago),
                ("acknowledged", row.last_ack_ago),
            )  # fmt: skip
            for event, age in times:
                if age is not None:
                    yield _event(age, "packet", event, text=told, address=row.address)
