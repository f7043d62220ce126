"""Memory of tasks, and their OOM scores (fs/proc/task_mmu.c, mm/oom_kill.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.mm.rss import exact_pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crashdrive.linux.sched.tasks import Task
    from crashdrive.linux.survey import Survey

_NEVER = -1000  # OOM_SCORE_ADJ_MIN
_SKIP = 1 << 21  # MMF_OOM_SKIP (include/linux/sched/coredump.h)
_KINDS = {"rss_anonymous": "anonymous_pages", "rss_file": "file_pages", "rss_shmem": "shmem_pages",
          "swap_bytes": "swapped_pages"}  # fmt: skip


class Memory:
    """The memory columns of rows; counters of all tasks, and the size of memory, are read once."""

    def __init__(self, survey: Survey, spaces: Iterable[int | None]) -> None:
        self._page = survey.kernel.page_size
        self._exact = exact_pages(survey, spaces)
        self._total = next(iter(survey.attempt("the size of memory", lambda: [_all_pages(survey)])), None)

    def of(
        self, task: Task, own: Mapping[str, Any], threads: Sequence[tuple[Task, Mapping[str, Any]]]
    ) -> dict[str, Any]:
        """Columns of a row by name, sizes in bytes; None for a task without memory of its own."""
        pages = self._pages(task.mm, own)
        kinds = {name: self._bytes(pages[member]) for name, member in _KINDS.items()}
        rss = self._rss(pages)
        return {
            **kinds,
            "rss": rss,
            "peak_vsz": self._peak(own["peak_pages"], task.vsz),
            "peak_rss": self._peak(own["peak_rss_pages"], rss),
            "locked_bytes": self._bytes(own["locked_pages"]),
            "page_tables": own["table_bytes"],
            "oom_score": self._score(*_with_memory(task, own, threads)),
        }

    def _pages(self, mm: int | None, own: Mapping[str, Any]) -> Mapping[str, int | None]:
        """Pages by the kind."""
        return self._exact.get(mm or 0, own)

    def _rss(self, pages: Mapping[str, int | None]) -> int | None:
        parts = [pages[_KINDS[name]] for name in _KINDS if name.startswith("rss")]
        return None if None in parts else sum(max(part or 0, 0) for part in parts) * self._page

    def _bytes(self, pages: int | None) -> int | None:
        return None if pages is None else max(pages, 0) * self._page

    def _peak(self, pages: int | None, now: int | None) -> int | None:
        """The peak in bytes: the kernel updates its own only when the value falls."""
        return None if pages is None or now is None else max(pages * self._page, now)

    def _score(self, task: Task, own: Mapping[str, Any]) -> int | None:
        """oom_score of /proc: that of oom_badness(), from its range to 0 to 2000."""
        adjustment, total = own["oom_score_adj"], self._total
        if not total or task.kernel_thread is None or adjustment is None:
            return None
        if self._unkillable(task, own):
            return 0
        # as the kernel does, without the parts that CPUs hold
        parts = [task.rss, own["swapped_pages"], own["table_bytes"]]
        if None in parts:
            return None
        rss, swapped, tables = (part or 0 for part in parts)
        points = rss // self._page + max(swapped, 0) + tables // self._page
        points += adjustment * (total // 1000)
        return max((1000 + _divided(points * 1000, total)) * 2 // 3, 0)

    def _unkillable(self, task: Task, own: Mapping[str, Any]) -> bool:
        vfork = own["vfork_done"] and own["parent_mm"] == task.mm
        never = own["oom_score_adj"] == _NEVER or bool((own["mm_flags"] or 0) & _SKIP) or vfork
        return bool(task.kernel_thread or task.tgid == 1 or not task.mm or never)


def _with_memory(
    task: Task, own: Mapping[str, Any], threads: Sequence[tuple[Task, Mapping[str, Any]]]
) -> tuple[Task, Mapping[str, Any]]:
    """The task; for one without memory, such as an ended leader, a thread that still has it."""
    if task.mm:
        return task, own
    return next(((one, row) for one, row in threads if one.mm), (task, own))


def _divided(number: int, by: int) -> int:
    """As C divides: towards zero."""
    return number // by if number >= 0 else -(-number // by)


def _all_pages(survey: Survey) -> int:
    """Pages of memory and of swap."""
    kernel = survey.kernel
    # an atomic_long_t since 5.0 (ca79b0c211af)
    name = "_totalram_pages" if kernel.symbols.has("_totalram_pages") else "totalram_pages"
    ram, swap = (kernel.read_pointer(kernel.symbols.address(one)) for one in (name, "total_swap_pages"))
    return ram + swap
