"""Pages of the swap cache, until 5.12 (b6038942480e) counted in its address spaces (mm/swap_state.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_SPACE, _WHAT = "struct address_space", "the swap cache"
# MAX_SWAPFILES is less than 1 << MAX_SWAPFILES_SHIFT; a space has 64 MB of a swap file (1 << 14 pages)
_MOST_FILES, _MOST_SPACES = 1 << 5, 1 << 24
_NEEDED = ("swapper_spaces", "nr_swapper_spaces", "nr_swapfiles")
_INT = "unsigned int"


def has_swap_spaces(survey: Survey) -> bool:
    """Whether this kernel counts them there."""
    return all(survey.kernel.symbols.has(name) for name in _NEEDED)


def swap_cache_pages(survey: Survey) -> int | None:
    """Pages of swap files in memory; None where they aren't all known, which is noted."""
    total = 0
    for pages in _of_files(survey):
        if pages is None:
            return None
        total += pages
    return total


def _of_files(survey: Survey) -> Iterator[int | None]:
    kernel = survey.kernel
    spaces, counts, files = (kernel.symbols.address(name) for name in _NEEDED)
    number = survey.gaps(kernel.read_many(_INT, [files], [""]), _WHAT)[""][0]
    if number is None or number > _MOST_FILES:
        if number is not None:
            message = f"{_WHAT}: {number} swap files are impossible; not read"
            survey.miss([Notice(kind="node", message=message)])
        yield None
        return
    size, width = kernel.sizeof(_INT), kernel.pointer_size
    places = range(counts, counts + number * size, size)
    of_each = survey.gaps(kernel.read_many(_INT, places, [""]), _WHAT)[""]
    starts = kernel.window().words(range(spaces, spaces + number * width, width))
    for at, (count, start) in enumerate(zip(of_each, starts, strict=True)):
        if count and count > _MOST_SPACES:
            message = f"{_WHAT}: {count} parts of swap file {at} are impossible; not read"
            survey.miss([Notice(kind="node", message=message)])
            yield None
        elif count is None or start is None:
            survey.miss([Notice(kind="hole", message=f"{_WHAT}: that of swap file {at} is missing")])
            yield None
        elif start and count:
            yield from _pages(survey, start, count)


def _pages(survey: Survey, start: int, count: int) -> Iterator[int | None]:
    kernel = survey.kernel
    fields = Fields(kernel, _SPACE, {"pages": ("nrpages",)}, ("pages",))
    size = kernel.sizeof(_SPACE)
    yield from survey.read(fields, range(start, start + count * size, size), _WHAT)["pages"]
