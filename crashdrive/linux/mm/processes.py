"""Memory of processes: resident, swapped out, locked; page tables (``struct mm_struct``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.mm.nodes import scaled
from crashdrive.linux.mm.rss import KINDS, exact_pages
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_TASK, _MM = "struct task_struct", "struct mm_struct"
_OF_TASK = {
    "pid": ("pid",),
    "tgid": ("tgid",),
    "comm": ("comm",),
    "flags": ("flags",),
    "mm": ("mm",),
    "adjustment": ("signal->oom_score_adj",),
    # what a thread hasn't added to its process yet, until 6.2 (f1a7941243c1)
    "split": ("rss_stat.count",),
}
_OF_MM = {
    "total": ("total_vm",),
    "locked": ("locked_vm",),
    "tables": ("pgtables_bytes.counter",),
}
_PF_KTHREAD = 0x0020_0000


class ProcessMemory(Record, frozen=True):
    """A process's memory in bytes; processes that share it (vfork) are one row, that of the first.

    ``rss``: all resident memory: anonymous, of files, and shared (shmem). ``swap_bytes``: swapped out.
    ``page_table_bytes``: its page tables. ``oom_score_adj``: the adjustment of its OOM score, -1000 to 1000.
    Counts include the parts that threads and CPUs haven't added yet, as smaps_rollup does and
    /proc/PID/status doesn't.
    """

    pid: int | None
    comm: str | None
    rss: int | None
    memory_percent: float | None
    anonymous_bytes: int | None
    file_bytes: int | None
    shmem_bytes: int | None
    swap_bytes: int | None
    page_table_bytes: int | None
    locked_bytes: int | None
    vsz: int | None
    oom_score_adj: int | None
    mm: Address


class _Owner(NamedTuple):
    pid: int | None
    comm: str | None
    adjustment: int | None
    split: tuple[int, ...] | None


def process_memory(survey: Survey, total: int | None = None) -> Iterator[ProcessMemory]:
    """All processes that have memory of their own, the largest first; ``total``: for percents."""
    kernel, owners = survey.kernel, _owners(survey)
    places = list(owners)
    rows = survey.rows(Fields(kernel, _MM, _OF_MM, ("total",)), places, "memory of processes")
    pages = _resident(survey, owners)
    made = [
        _row(kernel, place, owners[place], row, pages[place], total)
        for place, row in zip(places, rows, strict=True)
    ]
    yield from sorted(made, key=lambda one: -(one.rss or 0))


def _owners(survey: Survey) -> dict[int, _Owner]:
    """Each ``struct mm_struct`` with its process."""
    kernel = survey.kernel
    tasks = for_each_task(kernel)
    survey.walked(tasks, "tasks")
    fields = Fields(kernel, _TASK, _OF_TASK, ("pid", "tgid", "comm", "mm"))
    found: dict[int, _Owner] = {}
    for row in survey.rows(fields, tasks.addresses, "tasks"):
        if row["mm"] and row["tgid"] == 0:
            # the idle tasks have none
            survey.miss([Notice(kind="damaged", message="a task without a pid has memory of its own")])
        # a kernel thread may borrow one
        elif row["mm"] and not (row["flags"] or 0) & _PF_KTHREAD:
            before = found.get(row["mm"])
            own = _Owner(row["tgid"], row["comm"], row["adjustment"], _added(before, row["split"]))
            leads = row["pid"] == row["tgid"]
            first = before is None or (leads and row["tgid"] == before.pid)
            found[row["mm"]] = own if first or before is None else before._replace(split=own.split)
    return found


def _added(before: _Owner | None, more: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """What the threads of a process hold back together."""
    if before is None or before.split is None or more is None:
        return more if before is None or more is not None else before.split
    return tuple(one + other for one, other in zip(before.split, more, strict=True))


def _resident(survey: Survey, owners: Mapping[int, _Owner]) -> Mapping[int, Mapping[str, int | None]]:
    """Pages by kind, of each process."""
    kernel, places = survey.kernel, list(owners)
    if not places:
        return {}
    if exact := exact_pages(survey, places):
        return exact
    base = kernel.path(_MM, "rss_stat.count[0].counter")
    paths = {kind: base.replace("[0]", f"[{number}]") for kind, number in KINDS.items()}
    there = {kind: path for kind, path in paths.items() if kernel.has_member(_MM, path)}
    columns = survey.gaps(kernel.read_many(_MM, places, list(there.values())), "resident memory")
    return {
        place: {
            kind: _whole(value, owners[place].split, KINDS[kind])
            for kind, value in zip(there, row, strict=True)
        }
        for place, row in zip(places, columns, strict=True)
    }


def _whole(count: int | None, split: tuple[int, ...] | None, kind: int) -> int | None:
    return None if count is None else max(count + (split[kind] if split else 0), 0)


def _row(
    kernel: Machine,
    place: int,
    owner: _Owner,
    row: Mapping[str, Any],
    pages: Mapping[str, int | None],
    total: int | None,
) -> ProcessMemory:
    unit = kernel.page_size
    # kernels before 4.5 have no counter of shared pages
    parts = [pages["anonymous_pages"], pages["file_pages"], pages.get("shmem_pages", 0)]
    known = [part for part in parts if part is not None]
    rss = sum(known) * unit if len(known) == len(parts) else None
    return ProcessMemory(
        pid=owner.pid,
        comm=owner.comm,
        rss=rss,
        memory_percent=None if rss is None or not total else round(100 * rss / total, 2),
        anonymous_bytes=scaled(pages["anonymous_pages"], unit),
        file_bytes=scaled(pages["file_pages"], unit),
        shmem_bytes=scaled(pages.get("shmem_pages"), unit),
        swap_bytes=scaled(pages["swapped_pages"], unit),
        page_table_bytes=row["tables"],
        locked_bytes=scaled(row["locked"], unit),
        vsz=scaled(row["total"], unit),
        oom_score_adj=owner.adjustment,
        mm=place,
    )
