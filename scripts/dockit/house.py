"""The picture in docs/architecture.md: crashdrive's packages, and who imports whom, as an SVG.

Drawn from the imports that import-linter's own library (grimp) finds, so that it can't say anything else than
the code. A package stands above all that it imports; of the imports those are drawn that no others imply.
"""

from __future__ import annotations

import ast
import itertools
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

import grimp

PACKAGE = "crashdrive"
_SOURCE = Path(__file__).resolve().parents[2] / PACKAGE
_LEFT_OUT = frozenset({"__main__", "_version"})  # they start the rest, or are a number

Imports = Mapping[str, frozenset[str]]
"""Who imports whom, by names below the package."""

_WIDTH, _GAP, _ROW_GAP, _EDGE = 232, 18, 46, 24
_LINE, _PAD, _CHARACTERS = 15, 10, 34
_PASSAGE = 12  # what a line needs that passes a row
_SWEEPS = 8
_FONT = 'font-family="sans-serif" font-size="11"'


class _Box(NamedTuple):
    """A room in the picture, or a line's passage through a row (without lines): where it stands."""

    x: int
    y: int
    width: int
    height: int
    lines: tuple[str, ...]

    @property
    def middle(self) -> int:
        return self.x + self.width // 2


def imports() -> Imports:
    """The rooms at the top of the package, and which others each imports."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    rooms = {module.removeprefix(f"{PACKAGE}.") for module in graph.find_children(PACKAGE)} - _LEFT_OUT
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            upper, lower = _room(module), _room(imported)
            if upper in rooms and lower in rooms and upper != lower:
                found[upper].add(lower)
    return {room: frozenset(found[room]) for room in sorted(found)}


def _room(module: str) -> str:
    """The room at the top that a module is in; "" for the package itself."""
    return module.removeprefix(PACKAGE).removeprefix(".").partition(".")[0]


def heights(found: Imports) -> dict[str, int]:
    """How high each room stands: above all that it imports."""
    known: dict[str, int] = {}

    def height(room: str) -> int:
        if room not in known:
            known[room] = 1 + max(map(height, sorted(found[room])), default=-1)
        return known[room]

    return {room: height(room) for room in sorted(found)}


def drawn(found: Imports) -> list[tuple[str, str]]:
    """The imports that no others imply."""
    reached = _reached(found)
    return [
        (room, below)
        for room in sorted(found)
        for below in sorted(found[room])
        if not any(below in reached[other] for other in found[room] if other != below)
    ]


def _reached(found: Imports) -> dict[str, frozenset[str]]:
    reached: dict[str, frozenset[str]] = {}
    for room in sorted(found, key=heights(found).__getitem__):
        reached[room] = found[room].union(*(reached[below] for below in found[room]))
    return reached


def picture() -> str:
    """The SVG."""
    found = imports()
    levels = heights(found)
    ways = [_way(upper, lower, levels) for upper, lower in drawn(found)]
    boxes = _placed(_ordered(levels, ways))
    width = max(box.x + box.width for box in boxes.values()) + _EDGE
    height = max(box.y + box.height for box in boxes.values()) + _EDGE
    parts = [
        "<!-- Written by scripts/docs; a test says when it is out of date. Don't edit. -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT}>',
        "<title>Packages of crashdrive: each imports only what stands below it</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(_line([boxes[place] for place in way]) for way in ways),
        *(part for name in levels for part in _shape(name, boxes[name])),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _way(upper: str, lower: str, levels: Mapping[str, int]) -> list[str]:
    """A line from row to row: its ends, and passages through the rows between them."""
    between = range(levels[upper] - 1, levels[lower], -1)
    return [upper, *(f"{upper} {lower} {level}" for level in between), lower]


def _ordered(levels: Mapping[str, int], ways: list[list[str]]) -> list[list[str]]:
    """The rows, the highest first, each place near the middle of those that it is joined with."""
    rows: list[list[str]] = [[] for _ in range(max(levels.values()) + 1)]
    for room in sorted(levels):
        rows[-1 - levels[room]].append(room)
    joined: dict[str, list[str]] = {room: [] for room in levels}
    for way in ways:
        for step, (upper, lower) in enumerate(itertools.pairwise(way)):
            joined.setdefault(upper, []).append(lower)
            joined.setdefault(lower, []).append(upper)
            if step:
                rows[-1 - levels[way[0]] + step].append(upper)
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 else rows[::-1]:
            at = {name: place for each in rows for name, place in _shares(each)}
            row.sort(key=lambda name: (round(_mean([at[other] for other in joined[name]]), 6), name))
    return rows


def _shares(row: list[str]) -> Iterator[tuple[str, float]]:
    """Where the places of a row lie, as parts of its width from its middle."""
    for name, box in _side_by_side(row, 0, 0, {}):
        yield name, float(box.middle)


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _placed(rows: list[list[str]]) -> dict[str, _Box]:
    boxes: dict[str, _Box] = {}
    y = _EDGE
    for row in rows:
        texts = {name: _lines(name) for name in row if " " not in name}
        height = (max(map(len, texts.values()), default=0) + 1) * _LINE + 2 * _PAD
        boxes.update(_side_by_side(row, y, height, texts))
        y += height + _ROW_GAP
    left = min(box.x for box in boxes.values()) - _EDGE
    return {name: box._replace(x=box.x - left) for name, box in boxes.items()}


def _side_by_side(
    row: list[str], y: int, height: int, texts: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, _Box]]:
    """A row's places around 0."""
    widths = [_PASSAGE if " " in name else _WIDTH for name in row]
    x = -(sum(widths) + _GAP * (len(row) - 1)) // 2
    for name, width in zip(row, widths, strict=True):
        yield name, _Box(x, y, width, height, texts.get(name, ()))
        x += width + _GAP


def _lines(room: str) -> tuple[str, ...]:
    """What the room's docstring says first, and the rooms inside it."""
    path = _SOURCE / room
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    inside = " ".join(_inside(path)) if path.is_dir() else ""
    return (*_wrapped(said.replace("`", "")), *_wrapped(inside))


def _inside(path: Path) -> Iterator[str]:
    for each in _packages(path):
        rooms = " ".join(below.name for below in _packages(each))
        yield f"{each.name}/" + (f" ({rooms})" if rooms else "")


def _packages(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if (each / "__init__.py").exists())


def _wrapped(text: str) -> Iterable[str]:
    return textwrap.wrap(" ".join(text.split()), _CHARACTERS, break_on_hyphens=False)


def _line(boxes: list[_Box]) -> str:
    """From the bottom of the first to the top of the last, straight through the passages between them."""
    upper, *passages, lower = boxes
    path = [f"M{upper.middle},{upper.y + upper.height}"]
    y, x = upper.y + upper.height, upper.middle
    for box in (*passages, lower):
        bend = (box.y - y) // 2
        path.append(f"C{x},{y + bend} {box.middle},{box.y - bend} {box.middle},{box.y}")
        if box is not lower:
            path.append(f"V{box.y + box.height}")
        x, y = box.middle, box.y + box.height
    return f'<path d="{" ".join(path)}" fill="none" stroke="#7a8794"/>'


def _shape(room: str, box: _Box) -> Iterator[str]:
    yield (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="5" fill="#f4f7fa" '
        'stroke="#3b4a5a"/>'
    )
    x, y = box.x + _PAD, box.y + _PAD + 11
    name = f"{room}/" if (_SOURCE / room).is_dir() else f"{room}.py"
    yield f'<text x="{x}" y="{y}" font-weight="bold" font-size="13">{escape(name)}</text>'
    for number, line in enumerate(box.lines, 1):
        yield f'<text x="{x}" y="{y + number * _LINE}">{escape(line)}</text>'
