"""Charts of crashes over time: numbers of bars, for a template to draw."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

_HEIGHT = 100
_BAR = 10


class Bar(NamedTuple):
    """A bar of a chart: its place, and what it says."""

    x: int
    y: float
    width: int
    height: float
    told: str


class Chart(NamedTuple):
    """Bars in a box of ``width`` times ``height``; none where no time is known. ``told``: in words."""

    bars: list[Bar]
    width: int
    height: int
    told: str


def chart_of(times: Iterable[str | None], span: tuple[str, str] | None, bars: int) -> Chart:
    """How many of some crashes fall into each of equal parts of a span of time (ISO texts, UTC)."""
    if span is None:
        return Chart([], 0, _HEIGHT, "")
    first, last = _seconds(span[0]), _seconds(span[1])
    step = max((last - first) / bars, 1.0)
    counts = [0] * bars
    for time in times:
        if time and (at := int((_seconds(time) - first) / step)) >= 0:
            counts[min(at, bars - 1)] += 1
    most = max(counts) or 1
    found = [
        Bar(
            at * _BAR,
            _HEIGHT - count / most * _HEIGHT,
            _BAR - 1,
            count / most * _HEIGHT,
            _told(first, step, at, count),
        )
        for at, count in enumerate(counts)
        if count
    ]
    told = f"{sum(counts)} crashes from {span[0][:10]} to {span[1][:10]}, at most {most} in {_length(step)}"
    return Chart(found, bars * _BAR, _HEIGHT, told)


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0


def _told(first: float, step: float, at: int, count: int) -> str:
    from crashdrive.batch.summary import iso

    return f"{count} from {iso(first + at * step)} on"


def _length(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} seconds"
