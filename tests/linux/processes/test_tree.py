"""Trees of processes, also of damaged ones."""

from __future__ import annotations

from typing import Any

from crashdrive.linux.processes.rows import TaskRow
from crashdrive.linux.processes.tree import tree


def task(pid: int, ppid: int, tgid: int | None = None) -> TaskRow:
    usual: dict[str, Any] = dict.fromkeys(TaskRow.__struct_fields__)
    usual |= {"running": False, "inner_pids": (), "old_cgroups": (), "namespaces": ()}
    return TaskRow(
        **usual | {"pid": pid, "tgid": tgid or pid, "ppid": ppid, "comm": f"c{pid}", "task": 1000 + pid}
    )


def lines(rows: list[TaskRow], wanted: set[int] | None = None) -> list[str]:
    return [row.tree_line for row in tree(rows, wanted)]


FAMILY = [task(1, 0), task(2, 0), task(5, 1), task(6, 1), task(7, 5), task(8, 5, tgid=5), task(9, 2)]


def test_children_and_threads_stand_below() -> None:
    assert lines(FAMILY) == [
        "c1(1)", "|-c5(5)", "| |-{c8}(8)", "| `-c7(7)", "`-c6(6)", "c2(2)", "`-c9(9)",
    ]  # fmt: skip


def test_of_a_chosen_one_those_above_and_below_it() -> None:
    assert lines(FAMILY, {1005}) == ["c1(1)", "`-c5(5)", "  |-{c8}(8)", "  `-c7(7)"]


def test_a_circle_of_parents_has_an_end() -> None:
    assert lines([task(1, 0), task(5, 6), task(6, 5)]) == ["c1(1)", "c5(5)", "c6(6)"]


def test_a_chain_of_any_length() -> None:
    assert len(lines([task(pid, pid - 1) for pid in range(1, 5000)])) == 4999
