"""Who holds an object of eBPF: processes, and threads with a table of open files of their own."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.kernel.types.model import Type
from crashdrive.linux.bpf import holders as module
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import INT, UINT, ULONG, FakeMemory, fake_kernel, pointer, record

TABLE = record("fdtable", ("max_fds", UINT), ("fd", ULONG))
FILES = record("files_struct", ("count", INT), ("fdt", pointer(TABLE)))
TASK = record("task_struct", ("tgid", INT), ("files", pointer(FILES)))
FILE = record("file", ("f_op", ULONG), ("private_data", ULONG))
TYPES: dict[str, Type] = {f"struct {kind.name}": kind for kind in (TABLE, FILES, TASK, FILE)}
PROGRAMS, OTHERS = 0xFFFF_FFFF_8200_0000, 0xFFFF_FFFF_8200_1000
PROGRAM, ANOTHER = 0xFFFF_C900_0000_1000, 0xFFFF_C900_0000_2000


def opened(memory: FakeMemory, *files: tuple[int, int]) -> int:
    """A table of open files: operations and object of each."""
    table, there, array = memory.allocate(FILES.size), memory.allocate(TABLE.size), memory.allocate(64)
    memory.word(table + 8, there)
    memory.int32(there, 8)
    memory.word(there + 8, array)
    for slot, words in enumerate(files):
        place = memory.allocate(FILE.size)
        memory.word(place, *words)
        memory.word(array + 8 * slot, place)
    return table


def test_threads_count_for_their_process(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = FakeMemory()
    shared = opened(memory, (PROGRAMS, PROGRAM), (OTHERS, ANOTHER))
    # the first thread of 7 has ended, one of 5 has a table of its own
    tables = [(5, shared), (5, shared), (5, opened(memory, (PROGRAMS, ANOTHER))), (7, 0), (7, shared)]
    tasks = []
    for pid, table in tables:
        tasks.append(memory.allocate(TASK.size))
        memory.int32(tasks[-1], pid)
        memory.word(tasks[-1] + 8, table)
    kernel = fake_kernel(memory, TYPES, {"bpf_prog_fops": PROGRAMS})

    def every_task(_kernel: Any, *, threads: bool) -> Any:
        return kernel.objects("struct task_struct", tasks if threads else [tasks[0], tasks[3]])

    monkeypatch.setattr(module, "for_each_task", every_task)
    survey = Survey(kernel)
    assert module.holders(survey) == {PROGRAM: (5, 7), ANOTHER: (5,)}
    assert survey.complete
