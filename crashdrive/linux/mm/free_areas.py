"""Free blocks by size, as in /proc/buddyinfo and /proc/pagetypeinfo (mm/page_alloc.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.errors import UnknownMemberError
from crashdrive.linux.mm.nodes import ZONE, scaled, words
from crashdrive.linux.mm.page_blocks import blocks_by_type
from crashdrive.linux.texts import texts
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.mm.nodes import Zone
    from crashdrive.linux.survey import Survey

_AREA, _PAGE = "struct free_area", "struct page"
# buddy_list since 5.19 (bf75f200569d) where lru was
_LINK = ("buddy_list", "lru")


class FreeBlocks(Record, frozen=True):
    """Free blocks of one size in a zone: ``free_blocks`` of ``block_bytes``, a page << ``order``, each.

    ``unusable``: the share of the zone's free memory in smaller blocks, 0 to 1. ``fragmentation``: the cause
    of a failing request of this order: near 0 lack of memory, near 1 fragmentation; -1 where it would
    succeed. Both as in /sys/kernel/debug/extfrag.
    """

    node: int
    zone_name: str | None
    order: int
    block_bytes: int
    free_blocks: int | None
    free_bytes: int | None
    unusable: float | None
    fragmentation: float | None


class MigrateType(Record, frozen=True):
    """Memory of one migrate type in a zone.

    ``page_blocks``: how many pageblocks (mostly of a huge page's size) have that type.
    ``type_blocks``: free blocks on its lists, by order; None where they weren't counted.
    """

    node: int
    zone_name: str | None
    migrate_type: str | None
    page_blocks: int | None
    type_blocks: tuple[int, ...] | None


class _Areas(NamedTuple):
    """The array of ``struct free_area``: its offset, its number of orders, and the lists of each order."""

    start: int
    step: int
    orders: int
    types: int


def _areas(kernel: Machine) -> _Areas:
    step = kernel.sizeof(_AREA)
    orders = kernel.sizeof(kernel.place(ZONE, "free_area").type) // step
    types = kernel.sizeof(kernel.place(_AREA, "free_list").type) // kernel.sizeof("struct list_head")
    return _Areas(kernel.offset(ZONE, "free_area"), step, orders, types)


def free_blocks(survey: Survey, zones: Sequence[Zone]) -> Iterator[FreeBlocks]:
    """All orders of all zones."""
    kernel, areas = survey.kernel, _areas(survey.kernel)
    places = [
        zone.address + areas.start + areas.step * order for zone in zones for order in range(areas.orders)
    ]
    counts = survey.gaps(kernel.read_many(_AREA, places, ["nr_free"]), "free areas")["nr_free"]
    for at, zone in enumerate(zones):
        own = counts[at * areas.orders : (at + 1) * areas.orders]
        for order, count in enumerate(own):
            size = kernel.page_size << order
            yield FreeBlocks(
                node=zone.node,
                zone_name=zone.name,
                order=order,
                block_bytes=size,
                free_blocks=count,
                free_bytes=scaled(count, size),
                unusable=unusable(own, order),
                fragmentation=fragmentation(own, order),
            )


def unusable(counts: Sequence[int | None], order: int) -> float | None:
    """The share of free pages in blocks too small for an order: unusable_free_index()."""
    if (known := _known(counts)) is None:
        return None
    pages = sum(count << at for at, count in enumerate(known))
    usable = sum(count << at for at, count in enumerate(known) if at >= order)
    return round((pages - usable) / pages, 3) if pages else 1.0


def fragmentation(counts: Sequence[int | None], order: int) -> float | None:
    """The fragmentation index of an order: fragmentation_index()."""
    if (known := _known(counts)) is None:
        return None
    blocks = sum(known)
    if not blocks:
        return 0.0
    if any(known[order:]):
        return -1.0
    pages = sum(count << at for at, count in enumerate(known))
    return round(1 - (1 + pages / (1 << order)) / blocks, 3)


def _known(counts: Sequence[int | None]) -> list[int] | None:
    return None if None in counts else [count for count in counts if count is not None]


def migrate_types(survey: Survey, zones: Sequence[Zone], *, count: bool) -> Iterator[MigrateType]:
    """The migrate types of all zones; ``count``: walk the lists of free blocks, a step for each block."""
    kernel, areas = survey.kernel, _areas(survey.kernel)
    pointers = words(kernel, kernel.symbols.address("migratetype_names"), areas.types)
    names = texts(survey, pointers, "names of migrate types")
    blocks = blocks_by_type(survey, zones, areas.types)
    counted = _on_lists(survey, zones, areas) if count else {}
    for at, zone in enumerate(zones):
        for number, pointer in enumerate(pointers):
            yield MigrateType(
                node=zone.node,
                zone_name=zone.name,
                migrate_type=names[pointer],
                page_blocks=blocks[at][number] if blocks else None,
                type_blocks=counted.get((at, number)),
            )


def _on_lists(survey: Survey, zones: Sequence[Zone], areas: _Areas) -> dict[tuple[int, int], tuple[int, ...]]:
    """Free blocks by zone and type, for each order."""
    kernel, size = survey.kernel, survey.kernel.sizeof("struct list_head")
    link = kernel.first_path(_PAGE, _LINK)
    if link is None:
        raise UnknownMemberError(f"{_PAGE} has none of {_LINK}")
    heads = [
        zone.address + areas.start + areas.step * order + size * number
        for zone in zones
        for number in range(areas.types)
        for order in range(areas.orders)
    ]
    found = kernel.walk_lists(heads, _PAGE, link)
    survey.walked(found, "lists of free pages")
    counts = [0] * len(heads)
    for which in found.walk.lists:
        counts[which] += 1
    return {
        divmod(at // areas.orders, areas.types): tuple(counts[at : at + areas.orders])
        for at in range(0, len(heads), areas.orders)
    }
