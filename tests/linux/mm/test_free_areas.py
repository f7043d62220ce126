"""Indices of fragmentation, as mm/vmstat.c defines them."""

from __future__ import annotations

from crashdrive.linux.mm.free_areas import fragmentation, unusable


def test_all_in_the_smallest_blocks() -> None:
    counts = [1000, 0, 0, 0]
    assert unusable(counts, 0) == 0.0
    assert unusable(counts, 1) == 1.0
    # 1 - (1 + 1000 / 8) / 1000
    assert fragmentation(counts, 3) == 0.874
    assert fragmentation(counts, 0) == -1.0


def test_too_little_memory_is_no_fragmentation() -> None:
    # a request of 8 pages, and one is free: 1 - (1 + 1 / 8) / 1
    assert fragmentation([1, 0, 0, 0], 3) == -0.125
    assert fragmentation([0, 0, 0, 0], 3) == 0.0
    assert unusable([0, 0], 1) == 1.0


def test_larger_blocks_will_do() -> None:
    assert unusable([2, 0, 0, 1], 1) == 0.2
    assert fragmentation([2, 0, 0, 1], 1) == -1.0


def test_what_is_missing_is_not_made_up() -> None:
    assert unusable([1, None], 0) is None
    assert fragmentation([1, None], 0) is None
