"""Pictures as SVG: flame graphs, graphs, timelines. Plain shapes and titles, no script, no network."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crashdrive.records import Bars, Flame, Graph, Node, Picture, Timeline
from crashdrive.render import strip
from crashdrive.render.layers import layers
from crashdrive.render.strip import Box
from crashdrive.text import printable

WIDTH = 1200
_ROW, _LETTER = 17, 6.6  # pixels of a line and of a letter
_LEAST = 0.6  # narrower boxes aren't drawn
_MARGIN = 10
_NODE_GAP, _LAYER_GAP, _PADDING = 14, 70, 8
_MOST_LETTERS = 44


class Arrow(NamedTuple):
    """A line from one place to another, through two points that bend it."""

    path: str
    style: str
    label: str
    x: float
    y: float


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("crashdrive.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def drawn(picture: Bars | Picture, *, styled: bool = True, least: float = _LEAST) -> Markup:
    """A picture as an ``svg`` element.

    ``styled``: with its style inside; a served page has that in a file of its own. ``least``: narrower boxes
    of a flame graph, in pixels, aren't drawn.
    """
    if isinstance(picture, Bars):
        boxes = list(_bars(picture))
        size = _BARS_WIDTH, len(boxes) * _ROW + 2 * _MARGIN
        return _svg(picture.title, *size, boxes, [], styled=styled)
    if isinstance(picture, Flame):
        boxes = list(_flame(picture, least))
        height = max((box.y + box.height for box in boxes), default=0) + _MARGIN
        return _svg(picture.title, WIDTH, height, boxes, [], styled=styled)
    if isinstance(picture, Timeline):
        boxes = list(strip.shapes(picture))
        return _svg(picture.title, WIDTH, strip.height_of(picture), boxes, [], styled=styled)
    return _graph(picture, styled=styled)


def _svg(
    title: str, width: float, height: float, boxes: Sequence[Box], arrows: Sequence[Arrow], *, styled: bool
) -> Markup:
    template = _environment().get_template("picture.svg")
    text = template.render(
        title=printable(title), width=round(width), height=round(height), boxes=boxes, arrows=arrows,
        styled=styled,
    )  # fmt: skip
    return Markup(text)  # noqa: S704 - the template has escaped it


# bars

_BARS_WIDTH, _MOST_BARS = 640, 40


def _bars(picture: Bars) -> Iterator[Box]:
    """A bar for each value, of what is seldom one for all of it; names and numbers stand in the bars."""
    shown = list(picture.bars[:_MOST_BARS])
    if len(picture.bars) > _MOST_BARS:
        rest = picture.bars[_MOST_BARS:]
        shown.append((f"{len(rest)} others", sum(count for _, count in rest)))
    most = max((count for _, count in shown), default=0) or 1
    for place, (name, count) in enumerate(shown):
        text = f"{printable(name)[:_MOST_LETTERS]} {count}"
        width = round((_BARS_WIDTH - 2 * _MARGIN) * count / most, 2)
        yield Box(
            _MARGIN,
            _MARGIN + place * _ROW,
            width,
            _ROW - 2,
            "task",
            (text,),
            f"{printable(name)}: {count}",
        )


# flame graphs


class _Tree:
    """Calls: how many stacks have this one, and what it called."""

    def __init__(self) -> None:
        self.count = 0
        self.calls: dict[str, _Tree] = {}

    def add(self, stack: Sequence[str], count: int) -> None:
        at = self
        at.count += count
        for name in stack:
            at = at.calls.setdefault(name, _Tree())
            at.count += count


def _flame(picture: Flame, least: float) -> Iterator[Box]:
    """Boxes from the top down, the oldest function on top; equal ones beside each other are one box."""
    tree = _Tree()
    for stack, count in picture.stacks:
        tree.add(stack, count)
    if not tree.count:
        return
    scale = (WIDTH - 2 * _MARGIN) / tree.count
    waiting = [(f"{picture.title}", tree, float(_MARGIN), 0)]
    while waiting:
        name, node, x, depth = waiting.pop()
        width = node.count * scale
        share = 100 * node.count / tree.count
        tasks = "1 task" if node.count == 1 else f"{node.count} tasks"
        title = f"{printable(name)}: {tasks}, {share:.1f}%"
        style = f"flame{zlib.crc32(name.encode()) % 6}" if depth else "whole"
        yield Box(
            round(x, 2),
            _MARGIN + depth * _ROW,
            round(width, 2),
            _ROW - 1,
            style,
            _fitting(name, width),
            title,
        )
        for called, child in sorted(node.calls.items()):
            if child.count * scale >= least:
                waiting.append((called, child, x, depth + 1))
            x += child.count * scale


def _fitting(name: str, width: float) -> tuple[str, ...]:
    letters = int((width - 4) / _LETTER)
    text = printable(name)
    if letters < 3:
        return ()
    return (text if len(text) <= letters else f"{text[: letters - 1]}\u2026",)


# graphs


def _graph(picture: Graph, *, styled: bool) -> Markup:
    places, width, height = _places(picture)
    boxes = [_box(node, places[node.id]) for node in picture.nodes]
    arrows = [
        _arrow(places[edge.source], places[edge.target], edge.label, marked=edge.marked)
        for edge in picture.edges
        if edge.source in places and edge.target in places
    ]
    return _svg(picture.title, width, height, boxes, arrows, styled=styled)


class _Place(NamedTuple):
    x: float
    y: float
    width: float
    height: float


def _lines(node: Node) -> tuple[str, ...]:
    return tuple(
        line if len(line) <= _MOST_LETTERS else f"{line[: _MOST_LETTERS - 1]}\u2026"
        for line in (printable(part) for part in node.label.split("\n"))
    )


def _size(node: Node) -> tuple[float, float]:
    lines = _lines(node)
    return max(map(len, lines)) * _LETTER + 2 * _PADDING, len(lines) * _ROW + _PADDING


def _places(picture: Graph) -> tuple[dict[str, _Place], float, float]:
    known = {node.id: node for node in picture.nodes}
    found = layers(list(known), [(edge.source, edge.target) for edge in picture.edges])
    places: dict[str, _Place] = {}
    x, bottom = float(_MARGIN), 0.0
    for layer in found:
        sizes = [_size(known[name]) for name in layer]
        wide, y = max(width for width, _ in sizes), float(_MARGIN)
        for name, (_, height) in zip(layer, sizes, strict=True):
            places[name] = _Place(x, y, wide, height)
            y += height + _NODE_GAP
        bottom = max(bottom, y)
        x += wide + _LAYER_GAP
    return places, max(x - _LAYER_GAP, 0) + _MARGIN, bottom


def _box(node: Node, place: _Place) -> Box:
    style = f"{'lock' if node.kind == 'lock' else 'task'}{' marked' if node.marked else ''}"
    x, y, width, height = (round(part, 1) for part in place)
    return Box(x, y, width, height, style, _lines(node), printable(node.label))


def _arrow(start: _Place, end: _Place, label: str, *, marked: bool) -> Arrow:
    """To the right from edge to edge; back over the top."""
    y1, y2 = start.y + start.height / 2, end.y + end.height / 2
    if end.x > start.x:
        x1, x2 = start.x + start.width, end.x
        bend = (x2 - x1) / 2
        path = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    else:
        x1, x2 = start.x, end.x + end.width
        path = (
            f"M{x1:.1f} {y1:.1f}C{x1 - _LAYER_GAP:.1f} {y1 + _ROW * 2:.1f} "
            f"{x2 + _LAYER_GAP:.1f} {y2 + _ROW * 2:.1f} {x2:.1f} {y2:.1f}"
        )
    return Arrow(path, "marked" if marked else "", printable(label), (x1 + x2) / 2, (y1 + y2) / 2 - 4)
