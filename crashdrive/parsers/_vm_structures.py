"""``vm -m -v``: the mm_struct of tasks, all of their vm_area_structs.

Source in crash: ``vm_area_dump()`` (memory.c).
"""

from __future__ import annotations

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.asked import check_asked
from crashdrive.parsers.grammar.structures import Structure, structure
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Address, Record


class TaskStructures(Record, frozen=True):
    """A task with its mm_struct (``vm -m``) or all of its vm_area_structs (``vm -v``)."""

    pid: int | None
    task: Address
    cpu: int | None
    comm: str | None
    structures: tuple[Structure, ...]


def structures() -> g.ParserElement:
    """One mm_struct (``-m``), or a ``struct vm_area_struct`` for each area (``-v``)::

    PID: 386    TASK: c11cc000  CPU: 0   COMMAND: "atd"
    struct mm_struct {
      mmap = 0xc0fbe6a0,
    }
    """
    return g.Blocks(g.task_header(), structure(), make=_task)


_SHOWN = {"m": "struct mm_struct", "v": "struct vm_area_struct"}


def _task(text: g.Text, place: int, task: TaskHeader, below: list[Structure]) -> tuple[int, TaskStructures]:
    shown = {type_ for option, type_ in _SHOWN.items() if text.source.command.has(option)}
    if others := {one.type for one in below} - shown:
        text.misfit(place, f"{min(others)} wasn't asked for")
        below = [one for one in below if one.type in shown]
    return place, TaskStructures(
        pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, structures=tuple(below)
    )


def check_structures(source: Source, found: list[tuple[int, TaskStructures]]) -> list[TaskStructures]:
    """The tasks, which must have been asked for."""
    return demand_records(source, check_asked(source, found), "no task's header line")
