"""The event in a log that the kernel died of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from crashdrive.linux.oops.kinds import known
from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.oops.records import Event, Verdict
from crashdrive.linux.oops.rule import FATAL, SERIOUS
from crashdrive.linux.oops.signature import ALGORITHM, bucket

_NEAR_LINES = 400
_NEAR_SECONDS = 5.0
_DAMAGE = frozenset({"kasan", "kfence", "list", "refcount", "bug", "fortify", "usercopy", "ubsan"})


class Judgement(NamedTuple):
    """The verdict, its event, and the events after that."""

    verdict: Verdict
    cause: Event | None
    followed: tuple[Event, ...]


def judge(events: Sequence[Event]) -> Judgement:
    """The first cause among events, and the events that followed."""
    cause = first_cause(events)
    if cause is None:
        return Judgement(Verdict(), None, ())
    later = tuple(event for event in events if event.line > cause.line)
    return Judgement(verdict_of(cause), cause, later)


def first_cause(events: Sequence[Event]) -> Event | None:
    """The event that the kernel died of; for a kernel that lived, the most serious one."""
    for at, event in enumerate(events):
        if event.rank != FATAL:
            continue
        if event.consequence:
            return _followed(events, at)
        return _damage_before(events, at) or event
    serious = [event for event in events if event.rank == SERIOUS]
    return next(iter(serious or events), None)


def _followed(events: Sequence[Event], at: int) -> Event:
    """The event that a panic follows from, by its words: the nearest one of such a kind before it."""
    panic = events[at]
    kinds = _follows(panic)
    before = [event for event in events[:at] if event.kind in kinds]
    if not before:
        return panic
    last = next((event for event in reversed(before) if not event.doubts), before[-1])
    if panic.kind == "hung":
        return next(event for event in before if _near(event, last))
    return last


def _follows(panic: Event) -> frozenset[str]:
    hit = known().match(panic.message)
    return hit[0].follows if hit else frozenset()


def _damage_before(events: Sequence[Event], at: int) -> Event | None:
    """The report of damaged memory right before an oops, which is then the first cause."""
    for event in events[:at]:
        if event.kind in _DAMAGE and event.rank >= SERIOUS and _near(event, events[at]):
            return event
    return None


def _near(event: Event, other: Event) -> bool:
    if event.time is not None and other.time is not None:
        return abs(other.time - event.time) <= _NEAR_SECONDS
    return other.line - event.end_line <= _NEAR_LINES


def verdict_of(event: Event) -> Verdict:
    """The verdict on one event."""
    frame = event.culprit
    corrupted = bool(event.doubts)
    file = event.file or (frame.file if frame else None)
    line = event.source_line if event.file else (frame.line if frame else None)
    return Verdict(
        title=event.title,
        kind=event.kind,
        function=plain(frame.function) if frame and frame.function else None,
        offset=frame.offset if frame else None,
        module=frame.module if frame else None,
        address=frame.address if frame else None,
        file=file,
        line=line,
        context=event.context,
        cpu=event.cpu,
        pid=event.pid,
        comm=event.comm,
        taint=event.taint,
        bucket=bucket(event.kind, event.title, frame, corrupted=corrupted),
        algorithm=ALGORITHM,
        alternatives=event.alternatives,
        corrupted=corrupted,
        frames=tuple(plain(one.function) for one in event.frames if one.function),
    )
