"""What somebody may have meant: the names nearest to one that there isn't."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

_MOST = 3000  # candidates of which the distance is measured


def nearest(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Those of the names that a slip or two turn into ``name``, the likeliest first; case means little.

    A slip is a letter too much, too few, another one, or two in each other's place. Of names as near, those
    that begin alike for longest come first. Names that ``name`` is the beginning of are near, too.
    """
    wanted = name.lower()
    most = min(3, (len(wanted) + 2) // 5)
    found = []
    for other in _alike(wanted, names, most):
        lowered = other.lower()
        distance = _distance(wanted, lowered, most)
        if distance <= most or lowered.startswith(wanted):
            shared = _alike_for(wanted, lowered)
            found.append((distance, -shared, abs(len(other) - len(name)), other))
    return [other for *_, other in sorted(found)[:count]]


def hint(name: str, names: Iterable[str], *, every: bool = False) -> str:
    """``; near: modules, mode`` where there are such names; with ``every`` else all that there are."""
    known = list(names)
    near = nearest(name, known)
    if near:
        return f"; near: {', '.join(near)}"
    return f"; there are {', '.join(known)}" if every and known else ""


def _alike(wanted: str, names: Iterable[str], most: int) -> list[str]:
    """Names that share a part with the wanted one: of few slips one part at least stays whole."""
    pieces = max(3, most + 1)
    cuts = [len(wanted) * piece // pieces for piece in range(pieces + 1)]
    parts = [wanted[start:end] for start, end in pairwise(cuts) if start < end]
    alike = [
        other
        for other in dict.fromkeys(names)
        if (abs(len(other) - len(wanted)) <= most or other.lower().startswith(wanted))
        and any(part in other.lower() for part in parts)
    ]
    return sorted(alike, key=lambda other: (abs(len(other) - len(wanted)), other))[:_MOST]


def _alike_for(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def _distance(one: str, other: str, most: int) -> int:
    """The number of slips between two texts (optimal string alignment); ``most + 1`` where it is more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, before, row = before, row, [i]
        for j, its in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
