"""Charts as SVG: bars of each case's ways, lines of what grows, on logarithmic scales; no script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from benchmarks.results import OnDump
from benchmarks.ways import WAYS

_COLORS = {
    "naive": "#9a9a9a", "crash": "#5b7083", "drgn": "#d08c2e", "first": "#b3462f", "known": "#2f7f4f",
    "prepared": "#57a773", "warm": "#2f6f9f", "kept": "#6c4f9f",
}  # fmt: skip
_WIDTH, _LABEL, _BAR, _GAP = 1000, 220, 12, 14
_HEIGHT, _MARGIN = 360, 60


def bars(one: OnDump) -> str:
    """Seconds of processor of each way, case by case."""
    shown = [(asked, [way for way in WAYS if way in asked.figures]) for asked in one.cases]
    values = [asked.figures[way].processor for asked, ways in shown for way in ways]
    if not values:
        return ""
    low, high = _decades(values)
    parts, y = [], 60
    for asked, ways in shown:
        parts.append(_text(8, y + _BAR, asked.title, weight="bold"))
        for way in ways:
            seconds = asked.figures[way].processor
            width = _scaled(seconds, low, high) * (_WIDTH - _LABEL - 90)
            parts.append(
                f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" fill="{_COLORS[way]}"/>'
            )
            parts.append(_text(_LABEL + width + 6, y + _BAR - 3, f"{seconds:.2f} s"))
            y += _BAR
        y += _GAP
    head = _text(8, 20, f"{one.dump}: seconds of processor (logarithmic)", weight="bold") + _legend(
        _used(one), 40
    )
    return _svg(_WIDTH, y, head + "".join(parts))


def lines(title: str, what: str, points: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Seconds of processor of each way over a number of things, both logarithmic."""
    every = [point for found in points.values() for point in found]
    if len({x for x, _ in every}) < 2:
        return ""
    low_x, high_x = _decades([x for x, _ in every])
    low_y, high_y = _decades([y for _, y in every])
    inner, height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
    parts = [_text(8, 20, title, weight="bold"), _legend(list(points), 40)]
    for decade in range(round(math.log10(low_y)), round(math.log10(high_y)) + 1):
        y = _HEIGHT - _MARGIN + 20 - _scaled(10.0**decade, low_y, high_y) * height
        parts.append(
            f'<line x1="{_MARGIN}" y1="{y:.1f}" x2="{_WIDTH - _MARGIN}" y2="{y:.1f}" stroke="#ddd"/>'
        )
        parts.append(_text(8, y + 4, f"{10.0**decade:g} s"))
    for way, found in points.items():
        places = [
            (
                _MARGIN + _scaled(x, low_x, high_x) * inner,
                _HEIGHT - _MARGIN + 20 - _scaled(y, low_y, high_y) * height,
            )
            for x, y in sorted(found)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{_COLORS[way]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_COLORS[way]}"/>' for x, y in places]
    for x in sorted({x for x, _ in every}):
        parts.append(_text(_MARGIN + _scaled(x, low_x, high_x) * inner - 10, _HEIGHT - 8, f"{x:,} {what}"))
    return _svg(_WIDTH + 60, _HEIGHT, "".join(parts))


def _used(one: OnDump) -> list[str]:
    return [way for way in WAYS if any(way in asked.figures for asked in one.cases)]


def _decades(values: Sequence[float]) -> tuple[float, float]:
    low = 10 ** math.floor(math.log10(max(min(values), 0.001)))
    high = 10 ** math.ceil(math.log10(max(*values, low * 1.01)))
    return low, max(high, low * 10)


def _scaled(value: float, low: float, high: float) -> float:
    """0 at the low end, 1 at the high one."""
    return math.log(max(value, low) / low) / math.log(high / low)


def _legend(ways: Sequence[str], y: int) -> str:
    parts, x = [], 8.0
    for way in ways:
        parts.append(f'<rect x="{x:.0f}" y="{y - 9}" width="10" height="10" fill="{_COLORS[way]}"/>')
        parts.append(_text(x + 14, y, WAYS[way]))
        x += 24 + 6.2 * len(WAYS[way])
    return "".join(parts)


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}">{escape(text)}</text>'


def _svg(width: int, height: int, inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="#fff"/>{inside}</svg>\n'
    )
