"""Ranges of memory, cut into pages and joined into runs: arithmetic alone, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

PAGE_SHIFT = 12
# the unit of bookkeeping on all machines: larger pages are several of these
PAGE = 1 << PAGE_SHIFT

Range = tuple[int, int]


def union(ranges: Iterable[Range]) -> list[Range]:
    """(address, size) pairs, sorted, overlapping and touching ones joined, empty ones left out."""
    merged: list[Range] = []
    end: int | None = None
    for address, size in sorted(ranges):
        if size <= 0:
            continue
        if end is None or address > end:
            merged.append((address, size))
            end = address + size
        elif address + size > end:
            end = address + size
            merged[-1] = (merged[-1][0], end - merged[-1][0])
    return merged


def pages_of(ranges: Iterable[Range]) -> list[int]:
    """The numbers of all pages that sorted, disjoint ranges touch, in order."""
    pages: list[int] = []
    last = -1
    for address, size in ranges:
        first = max(address >> PAGE_SHIFT, last + 1)
        last = max(last, (address + size - 1) >> PAGE_SHIFT)
        pages.extend(range(first, last + 1))
    return pages


def runs_of(pages: Sequence[int], gap: int, most: int) -> list[Range]:
    """Sorted page numbers as (first, count) runs of at most ``most`` pages.

    Neighbours are joined over up to ``gap`` pages that weren't asked for; both ends of a run were.
    """
    runs: list[Range] = []
    if not pages:
        return runs
    first = previous = pages[0]
    for page in pages:
        if page - previous > gap + 1 or page - first >= most:
            runs.append((first, previous + 1 - first))
            first = page
        previous = page
    runs.append((first, previous + 1 - first))
    return runs


def clip(address: int, size: int, low: int, high: int) -> tuple[Range | None, list[Range]]:
    """The part of a range within [low, high), and the parts outside of it."""
    end = address + size
    inside = (max(address, low), min(end, high))
    outside = [(address, min(end, low)), (max(address, high), end)]
    kept = (inside[0], inside[1] - inside[0]) if inside[0] < inside[1] else None
    return kept, [(start, stop - start) for start, stop in outside if start < stop]
