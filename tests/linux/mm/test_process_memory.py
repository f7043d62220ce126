"""Memory of processes on made-up kernels: counters of threads and of CPUs, and what is missing of them."""

from __future__ import annotations

import pytest

from crashdrive.kernel.structures.walk import Walk
from crashdrive.kernel.types.model import ArrayType, StructType, Type
from crashdrive.linux.mm import processes
from crashdrive.linux.mm.processes import ProcessMemory, process_memory
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    LONG,
    PAGE,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    pointer,
    record,
)

ATOMIC = record("atomic64", ("counter", LONG))
SPLIT = record("task_rss_stat", ("events", INT), ("count", ArrayType(INT, 4)))
TASK = record(
    "task_struct",
    ("pid", INT),
    ("tgid", INT),
    ("comm", ArrayType(CHAR, 16)),
    ("flags", UINT),
    ("mm", pointer("struct mm_struct")),
    ("signal", pointer("struct signal_struct")),
    ("rss_stat", SPLIT),
)
SIGNAL = record("signal_struct", ("oom_score_adj", INT))
OLD = record("mm_rss_stat", ("count", ArrayType(ATOMIC, 4)))
BEFORE_SHMEM = record("mm_rss_stat", ("count", ArrayType(ATOMIC, 3)))
COUNTER = record("percpu_counter", ("count", LONG), ("counters", pointer(INT)))
KTHREAD = 0x0020_0000


def mm_struct(rss_stat: Type) -> StructType:
    return record(
        "mm_struct",
        ("total_vm", ULONG),
        ("locked_vm", ULONG),
        ("pgtables_bytes", ATOMIC),
        ("rss_stat", rss_stat),
    )


class Guest:
    """A kernel with tasks that a test adds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rss_stat: Type) -> None:
        kinds: list[StructType] = [TASK, SIGNAL, mm_struct(rss_stat), ATOMIC, COUNTER]
        types: dict[str, Type] = {f"struct {kind.name}": kind for kind in kinds}
        self.memory = FakeMemory()
        mask, offsets = self.memory.allocate(8), self.memory.allocate(16)
        self.memory.word(mask, 1)
        self.memory.word(offsets, 0)
        symbols = {"__cpu_possible_mask": mask, "__cpu_present_mask": mask, "__per_cpu_offset": offsets}
        self.kernel = fake_kernel(self.memory, types | {"struct cpumask": CPUMASK}, symbols)
        self.tasks: list[int] = []
        monkeypatch.setattr(
            processes, "for_each_task", lambda _kernel: Walk(addresses=self.tasks, problems=(), complete=True)
        )

    def put(self, kind: str, place: int, **values: int | bytes) -> None:
        for path, value in values.items():
            self.number(kind, place, path, value)

    def number(self, kind: str, place: int, path: str, value: int | bytes) -> None:
        at = self.kernel.place(kind, path)
        size = self.kernel.sizeof(at.type)
        raw = value if isinstance(value, bytes) else value.to_bytes(size, "little", signed=value < 0)
        self.memory.write(place + at.offset, raw)

    def mm(self, *pages: int) -> int:
        """An address space with counts of file, anonymous, swapped and shared pages."""
        place = self.memory.allocate(256)
        self.put("struct mm_struct", place, total_vm=100, locked_vm=3)
        self.number("struct mm_struct", place, "pgtables_bytes.counter", 8192)
        for kind, count in enumerate(pages):
            self.number("struct mm_struct", place, f"rss_stat.count[{kind}].counter", count)
        return place

    def task(self, pid: int, tgid: int, mm: int, *split: int, flags: int = 0) -> int:
        place, signal = self.memory.allocate(TASK.size), self.memory.allocate(8)
        self.put("struct signal_struct", signal, oom_score_adj=-500)
        self.put("struct task_struct", place, pid=pid, tgid=tgid, comm=b"a%d\0" % pid, mm=mm, signal=signal)
        self.put("struct task_struct", place, flags=flags)
        for kind, count in enumerate(split):
            self.number("struct task_struct", place, f"rss_stat.count[{kind}]", count)
        self.tasks.append(place)
        return place

    def rows(self, total: int | None = None) -> tuple[list[ProcessMemory], Survey]:
        survey = Survey(self.kernel)
        return list(process_memory(survey, total)), survey


CPUMASK = record("cpumask", ("bits", ArrayType(ULONG, 1)))


def test_threads_hold_back_pages_of_their_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until 6.2 a thread counts for itself first; the leader names the row, whatever order they are in."""
    guest = Guest(monkeypatch, OLD)
    mm = guest.mm(10, 20, 5, 7)
    guest.task(12, 11, mm, 1, 2, 3, 4)
    guest.task(11, 11, mm, 1, -30, 0, 0)
    ((row,), survey) = guest.rows(total=1 << 20)
    assert survey.complete
    assert (row.pid, row.comm, row.oom_score_adj, row.vsz) == (11, "a11", -500, 100 * PAGE)
    assert (row.file_bytes, row.anonymous_bytes, row.swap_bytes, row.shmem_bytes) == (
        12 * PAGE, 0, 8 * PAGE, 11 * PAGE,
    )  # fmt: skip
    assert row.rss == (12 + 11) * PAGE
    assert row.memory_percent == round(100 * 23 * PAGE / (1 << 20), 2)
    assert (row.page_table_bytes, row.locked_bytes) == (8192, 3 * PAGE)


def test_kernels_without_a_counter_of_shared_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(monkeypatch, BEFORE_SHMEM)
    guest.task(11, 11, guest.mm(10, 20, 5), 0, 0, 0)
    ((row,), survey) = guest.rows()
    assert (row.rss, row.shmem_bytes, row.memory_percent) == (30 * PAGE, None, None)
    assert survey.complete


def test_processes_that_share_memory_and_kernel_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """vfork(): the first one's row; a kernel thread that borrows an mm has none."""
    guest = Guest(monkeypatch, OLD)
    shared, large = guest.mm(1, 1), guest.mm(90, 1)
    guest.task(11, 11, shared)
    guest.task(12, 12, shared)
    guest.task(13, 13, guest.mm(500), flags=KTHREAD)
    guest.task(14, 14, large)
    guest.task(15, 15, 0)
    rows, _ = guest.rows()
    assert [row.pid for row in rows] == [14, 11]


def test_a_task_without_a_pid_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(monkeypatch, OLD)
    guest.task(0, 0, guest.mm(1))
    rows, survey = guest.rows()
    assert not rows
    assert [notice.kind for notice in survey.notices] == ["damaged"]
    assert not survey.complete


def test_counts_that_are_missing_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(monkeypatch, OLD)
    lost = guest.memory.allocate(PAGE, PAGE)
    guest.task(11, 11, lost)
    guest.memory.hole(lost)
    ((row,), survey) = guest.rows()
    assert (row.rss, row.file_bytes, row.vsz) == (None, None, None)
    assert not survey.complete


@pytest.mark.parametrize("part", [5, -12])
def test_percpu_counters_have_the_parts_of_cpus(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    """Since 6.2; what CPUs counted down may make a counter less than 0, which is 0."""
    guest = Guest(monkeypatch, ArrayType(COUNTER, 4))
    mm, parts = guest.memory.allocate(256), guest.memory.allocate(64)
    guest.put("struct mm_struct", mm, total_vm=100, locked_vm=0)
    for kind, count in enumerate((10, 20, 5, 7)):
        guest.number("struct mm_struct", mm, f"rss_stat[{kind}].count", count)
        guest.number("struct mm_struct", mm, f"rss_stat[{kind}].counters", parts + 4 * kind)
    guest.memory.write(parts, part.to_bytes(4, "little", signed=True) + bytes(12))
    guest.task(11, 11, mm)
    ((row,), survey) = guest.rows()
    assert survey.complete
    assert (row.file_bytes, row.anonymous_bytes) == (max(10 + part, 0) * PAGE, 20 * PAGE)
    assert row.rss == (max(10 + part, 0) + 27) * PAGE


def test_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, survey = Guest(monkeypatch, OLD).rows()
    assert not rows
    assert survey.complete
