"""Events in time as a picture: a lane for each kind, marks in it, the last seconds from left to right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from crashdrive.records import Mark, Timeline
from crashdrive.text import printable

WIDTH = 1200
_MARGIN, _NAMES, _LANE, _TOP = 10, 90, 34, 26
_TICKS = 10
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_TOLD = 6  # events that a mark names, at most


class Box(NamedTuple):
    """A rectangle with a text, and what a pointer on it is told."""

    x: float
    y: float
    width: float
    height: float
    style: str
    lines: tuple[str, ...]
    title: str


def shapes(picture: Timeline) -> Iterator[Box]:
    """Lanes, ticks, moments and marks; events of one pixel are one mark, the higher the more they are."""
    height = _LANE * len(picture.lanes)
    for tick in _ticks(picture.seconds):
        x = _x(picture, tick)
        yield Box(x, _TOP - 6, 1, height + 6, "tick", (), "")
        yield Box(min(x, WIDTH - 60), 4, 0, 0, "tick", (f"-{tick:g} s" if tick else "end",), "")
    for at, lane in enumerate(picture.lanes):
        y = _TOP + at * _LANE
        yield Box(_MARGIN, y, WIDTH - 2 * _MARGIN, _LANE - 4, "lane", (printable(lane.name),), "")
        yield from _marks(picture, lane.marks, y)
    for mark in picture.moments:
        yield Box(_x(picture, mark.seconds_before), _TOP - 6, 2, height + 6, "moment", (), _told([mark]))


def height_of(picture: Timeline) -> int:
    """The picture's height in pixels."""
    return _TOP + _LANE * len(picture.lanes) + _MARGIN


def _marks(picture: Timeline, marks: Iterable[Mark], y: int) -> Iterator[Box]:
    places: defaultdict[float, list[Mark]] = defaultdict(list)
    for mark in marks:
        if 0 <= mark.seconds_before <= picture.seconds:
            places[float(round(_x(picture, mark.seconds_before)))].append(mark)
    for x, here in sorted(places.items()):
        size = min(10 + 4 * (len(here) - 1), _LANE - 8)
        style = "event marked" if any(mark.marked for mark in here) else "event"
        yield Box(x - 1, y + (_LANE - 4 - size) / 2, 3, size, style, (), _told(here))


def _told(marks: Sequence[Mark]) -> str:
    lines = [f"-{mark.seconds_before:.6f} s {printable(mark.label)}" for mark in marks[:_TOLD]]
    return "\n".join([*lines, *([f"and {len(marks) - _TOLD} more"] if len(marks) > _TOLD else [])])


def _x(picture: Timeline, before: float) -> float:
    wide = WIDTH - 2 * _MARGIN - _NAMES
    return round(_MARGIN + _NAMES + wide * (1 - before / picture.seconds), 2)


def _ticks(seconds: float) -> list[float]:
    """Round numbers of seconds, from the left to the end."""
    step = next((one for one in _STEPS if seconds / one <= _TICKS), seconds / _TICKS)
    return [at * step for at in range(int(seconds / step + 1e-9), -1, -1)]
