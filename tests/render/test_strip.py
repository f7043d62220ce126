"""Timelines as pictures: where events stand, which are one mark, what a mark tells."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from crashdrive.records import Lane, Mark, Timeline
from crashdrive.render.strip import height_of, shapes
from crashdrive.render.svg import drawn

HOSTILE = '<script>alert("1")</script>\x1b[31m&'


def timeline(*marks: Mark, seconds: float = 10.0, moments: tuple[Mark, ...] = ()) -> Timeline:
    return Timeline(title="t", seconds=seconds, lanes=(Lane(name="log", marks=marks),), moments=moments)


def test_marks_stand_by_their_time_and_near_ones_are_one() -> None:
    marks = [Mark(seconds_before=before, label=f"at {before}") for before in (10.0, 5.0, 0.0001, 0.0)]
    found = [shape for shape in shapes(timeline(*marks)) if shape.style == "event"]
    first, middle, last = (shape.x for shape in found)
    assert middle - first == pytest.approx(last - middle, abs=1.5)
    assert [shape.title.count("at ") for shape in found] == [1, 1, 2]
    assert found[2].height > found[1].height


def test_what_is_wrong_is_marked_and_what_is_older_is_left_out() -> None:
    marks = (Mark(seconds_before=1, label="bad", marked=True), Mark(seconds_before=11, label="old"))
    styles = [shape.style for shape in shapes(timeline(*marks))]
    assert styles.count("event marked") == 1
    assert "event" not in styles


def test_many_events_of_a_moment_are_counted() -> None:
    marks = [Mark(seconds_before=1, label=str(number)) for number in range(50)]
    (mark,) = (shape for shape in shapes(timeline(*marks)) if shape.style == "event")
    assert mark.title.endswith("and 44 more")
    assert mark.height < height_of(timeline())


@pytest.mark.parametrize("seconds", [1e-9, 0.3, 10, 86400, 1e12])
def test_any_span_has_a_few_ticks(seconds: float) -> None:
    ticks = [shape for shape in shapes(timeline(seconds=seconds)) if shape.lines and shape.style == "tick"]
    assert 1 <= len(ticks) <= 12
    assert ticks[-1].lines == ("end",)


def test_hostile_text_is_text() -> None:
    mark = Mark(seconds_before=1, label=HOSTILE)
    picture = Timeline(title=HOSTILE, seconds=2, lanes=(Lane(name=HOSTILE, marks=(mark,)),), moments=(mark,))
    text = str(drawn(picture))
    assert "<script" not in text
    assert "\x1b" not in text
    assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 - what was just drawn
