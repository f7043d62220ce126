"""Slab caches that can't be reclaimed and take much of the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.mm.slabs import SlabCache


PERCENT = 10.0


@rule(
    id="slab-leak",
    severity="warning",
    looks_at=("memory.slabs",),
    message="{count:slab cache that can't be reclaimed is|slab caches that can't be reclaimed are} large",
    threshold=f"such a cache has {PERCENT:.0f} % of memory or more",
    explanation="Only their owner frees objects of such a cache: so many are a leak, mostly.",
    advice="The cache's name tells the owner. For kmalloc-N boot with slab_debug=U, and look at the callers.",
    reference="mm/slub.c",
)
def slab_leak(caches: Iterable[SlabCache]) -> Iterator[Match]:
    large = (one for one in caches if one.reclaimable is False and (one.memory_percent or 0) >= PERCENT)
    return matches(large, _told)


def _told(one: SlabCache) -> str:
    size = (one.slab_bytes or 0) >> 20
    held = f"{counted(one.active_objects or 0, 'object', 'objects')} of {one.object_bytes} bytes"
    return f"{one.name}: {size} MB, {one.memory_percent} %, {held}"
