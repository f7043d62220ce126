"""Pages that are dirty or being written, by ``struct backing_dev_info`` (mm/backing-dev.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.percpu import counters
from crashdrive.linux.survey import enumerators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashdrive.linux.survey import Survey

_INFO, _WRITEBACK = "struct backing_dev_info", "struct bdi_writeback"
_WHAT = "dirty pages"
# the backing_dev_info of filesystems that write nothing back
_NONE = "noop_backing_dev_info"


class Dirty(NamedTuple):
    """Bytes that are dirty, and bytes that are being written."""

    dirty: int
    writeback: int


def dirty(survey: Survey, infos: Sequence[int | None]) -> dict[int, Dirty]:
    """Dirty and written bytes by backing_dev_info, without those whose counters are missing."""
    kernel = survey.kernel
    none = kernel.symbols.address(_NONE)
    counting = list(dict.fromkeys(info for info in infos if info and info != none))
    found = kernel.walk_lists(
        [info + kernel.offset(_INFO, "wb_list") for info in counting], _WRITEBACK, "bdi_node"
    )
    survey.walked(found, _WHAT)
    sums = [_counters(survey, found.addresses, name) for name in ("WB_RECLAIMABLE", "WB_WRITEBACK")]
    totals: dict[int, list[list[int | None]]] = {info: [[], []] for info in counting}
    for at, number in enumerate(found.walk.lists):
        for kind in (0, 1):
            totals[counting[number]][kind].append(sums[kind][at])
    return {
        info: Dirty(*(sum(one or 0 for one in part) * kernel.page_size for part in both))
        for info, both in totals.items()
        if not any(one is None for part in both for one in part)
    }


def _counters(survey: Survey, places: Sequence[int], name: str) -> list[int | None]:
    """A counter of each bdi_writeback."""
    kernel, number = survey.kernel, enumerators(survey, name)[name]
    first = kernel.offset(_WRITEBACK, "stat") + number * kernel.sizeof("struct percpu_counter")
    return counters(survey, [place + first for place in places], _WHAT)
