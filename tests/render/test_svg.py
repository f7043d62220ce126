"""Pictures: well-formed, everything in them escaped, boxes where they belong."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from crashdrive.records import Edge, Flame, Graph, Node, Report, Table
from crashdrive.render import Output, render
from crashdrive.render.layers import layers
from crashdrive.render.svg import WIDTH, drawn

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("1")</script>\x1b[31m&'


def boxes(picture: Flame | Graph) -> dict[str, dict[str, float]]:
    """The rectangles by their titles."""
    root = ET.fromstring(str(drawn(picture)))  # noqa: S314 - what was just drawn
    found = {}
    for group in root.iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert box is not None
        found[title.text or ""] = {name: float(box.attrib[name]) for name in ("x", "y", "width", "height")}
    return found


def test_a_flame_graphs_boxes() -> None:
    stacks = ((("a", "b", "c"), 3), (("a", "b"), 1), (("z",), 4))
    found = boxes(Flame(title="all tasks", stacks=stacks))
    assert set(found) == {
        "all tasks: 8 tasks, 100.0%", "a: 4 tasks, 50.0%", "b: 4 tasks, 50.0%", "c: 3 tasks, 37.5%",
        "z: 4 tasks, 50.0%",
    }  # fmt: skip
    whole, half = found["all tasks: 8 tasks, 100.0%"], found["a: 4 tasks, 50.0%"]
    assert half["width"] == pytest.approx(whole["width"] / 2)
    assert half["y"] > whole["y"]
    assert found["c: 3 tasks, 37.5%"]["x"] == half["x"]
    assert all(box["x"] + box["width"] <= WIDTH for box in found.values())


def test_what_is_narrower_than_a_pixel_is_left_out() -> None:
    stacks = ((("wide",), 100_000), (("narrow",), 1))
    assert len(boxes(Flame(title="t", stacks=stacks))) == 2


def test_a_deadlock() -> None:
    nodes = (
        Node(id="1", label="red (1)", kind="task", marked=True),
        Node(id="a", label="lock_a\nmutex", kind="lock"),
        Node(id="2", label="blue (2)", kind="task"),
        Node(id="b", label="lock_b", kind="lock"),
    )
    circle = ("1", "a", "2", "b", "1")
    edges = tuple(Edge(source=one, target=other) for one, other in pairwise(circle))
    found = boxes(Graph(title="locks", nodes=nodes, edges=edges))
    places = [found[name]["x"] for name in ("red (1)", "lock_a\\nmutex", "blue (2)", "lock_b")]
    assert places == sorted(set(places))
    assert str(drawn(Graph(title="locks", nodes=nodes, edges=edges))).count("<path class") == 4


@pytest.mark.parametrize(
    "picture",
    [
        Flame(title=HOSTILE, stacks=(((HOSTILE,), 1),)),
        Graph(
            title=HOSTILE,
            nodes=(Node(id=HOSTILE, label=HOSTILE, kind=HOSTILE), Node(id="b", label="b", kind="lock")),
            edges=(Edge(source=HOSTILE, target="b", label=HOSTILE), Edge(source="x", target="y")),
        ),
        Flame(title="", stacks=()),
        Graph(title="", nodes=(), edges=()),
    ],
)
def test_hostile_and_empty_ones(picture: Flame | Graph) -> None:
    text = str(drawn(picture))
    assert "<script" not in text
    assert "\x1b" not in text
    boxes(picture)


def test_pages_have_pictures_and_json_has_not() -> None:
    picture = Flame(title="flames", stacks=((("a",), 1),))
    report = Report(report="stacks", tables=(Table(name="t", rows=[{"a": 1}]),), pictures=(picture,))
    said = {}
    for form in ("html", "svg", "json", "table"):
        stream = io.StringIO()
        render(report, form, Output(stream))
        said[form] = stream.getvalue()
    assert "<svg" in said["html"]
    assert said["svg"].startswith("<svg")
    assert "svg" not in said["json"] + said["table"]


def test_layers() -> None:
    assert layers(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")]) == [["a"], ["b"], ["c"]]
    assert layers(["a", "b"], [("a", "b"), ("b", "a"), ("a", "a"), ("a", "gone")]) == [["a"], ["b"]]
    assert layers([], []) == []
