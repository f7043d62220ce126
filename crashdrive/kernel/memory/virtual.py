"""Virtual memory read as physical memory, by page tables that we walk: `kernel.arch.paging`."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence

from crashdrive.kernel.arch.paging import Extent, Paging
from crashdrive.kernel.memory.transfer import Fetched, Missing, Transfer
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT
from crashdrive.session.dump_session import DumpSession


class Walked:
    """Reads virtual pages as `Transfer` does, by a walk over page tables and reads of physical memory."""

    def __init__(self, session: DumpSession, paging: Paging) -> None:
        self._physical = Transfer(session, "-p")
        self._paging = paging

    @property
    def rounds(self) -> int:
        """The round trips for what was wanted; those for tables aren't counted."""
        return self._physical.rounds

    @property
    def excluded(self) -> bool:
        """Whether a request failed for pages that were left out of the dump."""
        return self._physical.excluded

    def fetch(self, pages: Sequence[int], gap: int) -> Fetched:
        """The pages of sorted virtual page numbers; see `Transfer.fetch`."""
        extents, lost = self._paging.translate(pages)
        frames = sorted({frame for extent in extents for frame in _frames(extent)})
        found = self._physical.fetch(frames, gap) if frames else Fetched()
        blocks = sorted(found.blocks)
        starts = [address for address, _ in blocks]
        missing = [Missing(page << PAGE_SHIFT, PAGE, reason) for page, reason in lost]
        holes: dict[int, list[Missing]] = {}
        for hole in found.missing:
            holes.setdefault(hole.address >> PAGE_SHIFT, []).append(hole)
        return Fetched(
            [part for extent in extents for part in _cut(extent, blocks, starts)],
            [*missing, *(hole for extent in extents for hole in _holes(extent, holes))],
        )


def read_tables(session: DumpSession, pages: Sequence[int]) -> Mapping[int, bytes | str]:
    """Physical pages by number, for `Paging`: their bytes, or why they are missing."""
    found = Transfer(session, "-p").fetch(pages, 0)
    read: dict[int, bytes | str] = {hole.address >> PAGE_SHIFT: hole.reason for hole in found.missing}
    for address, data in found.blocks:
        for at in range(0, len(data), PAGE):
            # a page with a hole in it has its other bytes here too
            read.setdefault(address + at >> PAGE_SHIFT, data[at : at + PAGE])
    return read


def _frames(extent: Extent) -> range:
    return range(extent.frame, extent.frame + extent.size)


def _cut(
    extent: Extent, blocks: Sequence[tuple[int, bytes]], starts: Sequence[int]
) -> Iterator[tuple[int, bytes]]:
    """The parts of physical blocks that an extent covers, at their virtual addresses."""
    low, high = extent.frame << PAGE_SHIFT, extent.frame + extent.size << PAGE_SHIFT
    shift = (extent.page - extent.frame) << PAGE_SHIFT
    for index in range(max(bisect.bisect_right(starts, low) - 1, 0), len(blocks)):
        address, data = blocks[index]
        if address >= high:
            return
        start, stop = max(address, low), min(address + len(data), high)
        if start < stop:
            whole = start == address and stop == address + len(data)
            yield start + shift, data if whole else data[start - address : stop - address]


def _holes(extent: Extent, holes: Mapping[int, Sequence[Missing]]) -> Iterator[Missing]:
    shift = (extent.page - extent.frame) << PAGE_SHIFT
    for frame in _frames(extent) if holes else ():
        for hole in holes.get(frame, ()):
            yield Missing(hole.address + shift, hole.size, hole.reason)
