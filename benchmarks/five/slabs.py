"""The ten slab caches that hold most memory, ``crashdrive run VMCORE slabs.py``."""

from __future__ import annotations

from crashdrive import Crash
from crashdrive.linux.mm.slabs import slab_caches
from crashdrive.linux.survey import Survey


def report(crash: Crash) -> None:
    """Print them."""
    survey = Survey(crash.kernel)
    caches = sorted(slab_caches(survey), key=lambda cache: (-(cache.slab_bytes or 0), cache.name or ""))
    for cache in caches[:10]:
        size = (cache.slab_bytes or 0) >> 10
        print(f"{size:>8} KiB {cache.slab_count:>6} slabs of {cache.object_bytes} B  {cache.name}")
    for notice in survey.notices:
        print(notice.message)
