"""User memory of many tasks at once, by their page tables; `Memory.gather` reads that of one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.errors import KernelError
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from crashdrive.kernel.arch.paging import Paging
    from crashdrive.linux.survey import Survey

_TASK = "struct task_struct"


class Wanted(NamedTuple):
    """A range of a task's memory: its task_struct, the address, the number of bytes."""

    task: int
    address: int
    size: int


class Bytes(NamedTuple):
    """The bytes up to the first missing one; ``reason``: why the rest is missing, None where nothing is."""

    data: bytes
    reason: str | None


def user_memory(survey: Survey, wanted: Sequence[Wanted]) -> list[Bytes]:
    """The bytes of each, in a few round trips where we can walk the machine's page tables (x86-64)."""
    paging = survey.kernel.paging
    if paging is None:
        return [_alone(survey, one) for one in wanted]
    return _together(survey, paging, wanted)


def _alone(survey: Survey, one: Wanted) -> Bytes:
    try:
        found = survey.kernel.memory.gather([(one.address, one.size)], space="user", task=one.task)
    except KernelError as error:
        return Bytes(b"", str(error))
    if not found.holes:
        return Bytes(b"".join(chunk.data for chunk in found.chunks), None)
    first = found.holes[0]
    data = b"".join(chunk.data for chunk in found.chunks if chunk.address < first.address)
    return Bytes(data, first.reason)


def _together(survey: Survey, paging: Paging, wanted: Sequence[Wanted]) -> list[Bytes]:
    kernel = survey.kernel
    tasks = list(dict.fromkeys(one.task for one in wanted))
    columns = survey.gaps(kernel.read_many(_TASK, tasks, ["mm->pgd"]), "page tables of tasks")
    tops = dict(zip(tasks, columns["mm->pgd"], strict=True))
    roots = _roots(paging, [top for top in tops.values() if top])
    pages = {(roots[top], page) for one in wanted if (top := tops[one.task]) in roots for page in _pages(one)}
    frames = paging.frames(sorted(pages))
    numbers = sorted({frame for frame in frames.values() if isinstance(frame, int)})
    memory = kernel.memory.gather([(frame << PAGE_SHIFT, PAGE) for frame in numbers], space="physical")
    found: list[Bytes] = []
    for one in wanted:
        parts: list[bytes] = []
        reason: str | None = None
        root = roots.get(tops[one.task] or 0)
        if root is None:
            found.append(Bytes(b"", "its page tables are missing"))
            continue
        for page in _pages(one):
            frame = frames[root, page]
            data = memory.get(frame << PAGE_SHIFT, PAGE) if isinstance(frame, int) else None
            if data is None:
                hole = memory.hole(frame << PAGE_SHIFT, PAGE) if isinstance(frame, int) else None
                reason = hole.reason if hole else str(frame)
                break
            low = max(one.address - (page << PAGE_SHIFT), 0)
            parts.append(data[low : one.address + one.size - (page << PAGE_SHIFT)])
        found.append(Bytes(b"".join(parts), reason))
    return found


def _pages(one: Wanted) -> range:
    return range(one.address >> PAGE_SHIFT, (one.address + one.size - 1 >> PAGE_SHIFT) + 1)


def _roots(paging: Paging, tops: Iterable[int]) -> dict[int, int]:
    """The physical address of each ``mm->pgd``."""
    pages = sorted({top >> PAGE_SHIFT for top in tops})
    extents, _ = paging.translate(pages)
    frames = dict(_each(extents))
    return {top: frames[top >> PAGE_SHIFT] << PAGE_SHIFT for top in tops if top >> PAGE_SHIFT in frames}


def _each(extents: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    for page, frame, size in extents:
        yield from zip(range(page, page + size), range(frame, frame + size), strict=True)


def physical_addresses(survey: Survey, wanted: Sequence[Wanted]) -> list[int | None]:
    """Where the first byte of each is in physical memory; None where that isn't known."""
    paging = survey.kernel.paging
    if paging is None:
        return [None for _ in wanted]
    tasks = list(dict.fromkeys(one.task for one in wanted))
    columns = survey.gaps(survey.kernel.read_many(_TASK, tasks, ["mm->pgd"]), "page tables of tasks")
    tops = dict(zip(tasks, columns["mm->pgd"], strict=True))
    roots = _roots(paging, [top for top in tops.values() if top])
    keys = [(roots.get(tops[one.task] or 0), one.address >> PAGE_SHIFT) for one in wanted]
    frames = paging.frames({(root, page) for root, page in keys if root is not None})
    found: list[int | None] = []
    for one, (root, page) in zip(wanted, keys, strict=True):
        frame = frames.get((root, page)) if root is not None else None
        found.append((frame << PAGE_SHIFT) + one.address % PAGE if isinstance(frame, int) else None)
    return found
