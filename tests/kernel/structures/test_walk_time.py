"""A walk ends in time, whatever it was led to."""

from __future__ import annotations

from itertools import count, pairwise

import pytest

from crashdrive.errors import CorruptError
from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.structures.idr import LayerShape, idr_layers
from crashdrive.kernel.structures.lists import list_head
from crashdrive.kernel.structures.rbtree import RbOffsets, rbtree
from crashdrive.kernel.structures.xarray import NodeShape, entries
from tests.kernel.fake_memory import INT, PAGE, FakeMemory, fake_kernel, link_list, record
from tests.kernel.session_double import SessionDouble

TASK = {"struct task_struct": record("task_struct", ("static_prio", INT))}
FAR = 16 * PAGE  # beyond what is read ahead


def window(memory: FakeMemory, seconds: float) -> Window:
    """A second passes between any two looks at the clock."""
    ticks = count()
    return Window(memory, walk_seconds=seconds, clock=lambda: float(next(ticks)))  # type: ignore[arg-type] # all that it uses


def nodes(memory: FakeMemory, number: int) -> list[int]:
    return [memory.allocate(FAR, PAGE) for _ in range(number)]


def test_a_list() -> None:
    memory = FakeMemory()
    head, *found = nodes(memory, 10)
    link_list(memory, head, found)
    assert list_head(window(memory, 60), head, 0).complete
    cut = list_head(window(memory, 4), head, 0)
    assert (list(cut.addresses), cut.complete) == (found[:3], False)
    (problem,) = cut.problems
    assert (problem.kind, problem.address) == ("time", found[3])
    assert problem.message == "given up after 4 s, 1 nodes were still to be followed"
    with pytest.raises(CorruptError, match=r"given up after 4 s.*after 3 found"):
        cut.check()


def test_a_red_black_tree() -> None:
    memory = FakeMemory()
    found = nodes(memory, 8)
    for parent, node in pairwise(found):
        memory.word(node, parent)
        memory.word(parent + 16, node)
    links = RbOffsets(0, 8, 16)
    assert list(rbtree(window(memory, 60), found[0], 0, links).addresses) == found
    cut = rbtree(window(memory, 3), found[0], 0, links)
    assert (list(cut.addresses), cut.complete, cut.problems[0].kind) == (found[:2], False, "time")


def test_arrays_of_several_levels() -> None:
    memory = FakeMemory()
    top, below = nodes(memory, 2)
    xarray = NodeShape(64, 0, 16, 4, True)
    memory.write(top, b"\x02")
    memory.word(top + 16, below + 2)
    memory.word(below + 16, 0xFFFF_8880_0000_1000)
    assert len(entries(window(memory, 60), top + 2, xarray)) == 1
    assert [problem.kind for problem in entries(window(memory, 2), top + 2, xarray).problems] == ["time"]
    layers = LayerShape(64, 0, 16, 4)
    memory.write(top, b"\x01")
    memory.word(top + 16, below)
    memory.write(below, b"\x00")
    assert len(idr_layers(window(memory, 60), top, layers)) == 1
    assert [problem.kind for problem in idr_layers(window(memory, 2), top, layers).problems] == ["time"]


def test_a_kernels_windows_have_the_time_of_its_commands() -> None:
    kernel = fake_kernel(FakeMemory())
    assert kernel.window().walk_seconds == 120
    kernel.walk_seconds = 5
    assert kernel.window().walk_seconds == 5


@pytest.mark.parametrize(
    ("machine", "raw", "order"),
    [
        ("62", b"\x87\xff\xff\xff", "little"),
        ("22", bytes(4), "big"),
        ("183", b"\x78\0\0\0", "little"),
        ("21", b"\0\0\0\x78", "big"),
        (None, b"\x78\0\0\0", "little"),
    ],
)
def test_the_byte_order_of_a_damaged_dump(machine: str | None, raw: bytes, order: str) -> None:
    memory = FakeMemory()
    task = memory.allocate(PAGE, PAGE)
    memory.write(task, raw)
    kernel = fake_kernel(memory, TASK, {"init_task": task})
    del kernel.__dict__["byte_order"]
    if machine is not None:
        assert isinstance(kernel.session, SessionDouble)
        kernel.session.identity = {"machine": machine}
    assert kernel.byte_order == order


def test_a_byte_order_that_nothing_tells() -> None:
    memory = FakeMemory()
    kernel = fake_kernel(memory, TASK, {"init_task": memory.allocate(4)})
    del kernel.__dict__["byte_order"]
    with pytest.raises(CorruptError, match="init_task is damaged"):
        _ = kernel.byte_order
