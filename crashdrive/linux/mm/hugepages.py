"""Pools of huge pages (hugetlbfs), as /sys/kernel/mm/hugepages has them (mm/hugetlb.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.mm.nodes import scaled
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_KIND = "struct hstate"
_FIELDS = {
    "order": ("order",),
    "total": ("nr_huge_pages",),
    "free": ("free_huge_pages",),
    "reserved": ("resv_huge_pages",),
    "surplus": ("surplus_huge_pages",),
    "overcommit": ("nr_overcommit_huge_pages",),
}
# HUGE_MAX_HSTATE is 5 at most (arm64 has 4)
_MOST = 8


class HugePages(Record, frozen=True):
    """Huge pages of one size.

    ``huge_pages``: all of the pool; ``free_pages`` of them are free, ``reserved_pages`` of these reserved.
    ``surplus_pages``: those beyond nr_hugepages, at most ``overcommit_pages``.
    """

    huge_page_bytes: int | None
    huge_pages: int | None
    free_pages: int | None
    reserved_pages: int | None
    surplus_pages: int | None
    overcommit_pages: int | None
    total_bytes: int | None
    hstate: Address


def huge_pages(survey: Survey) -> Iterator[HugePages]:
    """A row for each size with a pool; none where the kernel has no hugetlbfs."""
    kernel = survey.kernel
    if not kernel.symbols.has("hstates"):
        return
    columns = kernel.read_many("int", [kernel.symbols.address("hugetlb_max_hstate")], [""])
    count = survey.gaps(columns, "hugetlb_max_hstate")[""][0] or 0
    if not 0 <= count <= _MOST:
        survey.miss([Notice(kind="damaged", message=f"{count} sizes of huge pages are impossible; not read")])
        return
    start, step = kernel.symbols.address("hstates"), kernel.sizeof(_KIND)
    places = [start + step * number for number in range(count)]
    rows = survey.addressed(Fields(kernel, _KIND, _FIELDS, ("order", "total", "free")), places, "huge pages")
    for address, row in rows:
        # a damaged order would make a number of astronomical size
        order = (
            row["order"] if row["order"] is not None and 0 <= row["order"] < kernel.pointer_size * 8 else None
        )
        size = None if order is None else kernel.page_size << order
        yield HugePages(
            huge_page_bytes=size,
            huge_pages=row["total"],
            free_pages=row["free"],
            reserved_pages=row["reserved"],
            surplus_pages=row["surplus"],
            overcommit_pages=row["overcommit"],
            total_bytes=None if size is None else scaled(row["total"], size),
            hstate=address,
        )
