"""Stacks of real dumps: frame by frame what drgn finds, and where the guest said that tasks waited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crashdrive.kernel.debuginfo.places import CodePlace
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.sched.registers import _told, cpu_registers
from crashdrive.linux.sched.source_places import SourcePlaces
from crashdrive.linux.sched.stacks import TaskStack, stacks
from crashdrive.linux.survey import Reading, Survey

pytestmark = pytest.mark.live
drgn = pytest.importorskip("drgn")


@pytest.fixture(scope="module")
def found(lab: Any) -> Reading[TaskStack]:
    """All stacks of the dump."""
    return stacks(Kernel(lab.session))


def test_every_stack_is_there_to_its_end(found: Reading[TaskStack]) -> None:
    assert found.check().notices == ()
    assert len(found) > 140
    assert [stack for stack in found if not stack.complete] == []
    # a zombie's stack is released, and no other's
    assert {stack.state for stack in found if stack.ending == "none"} == {"ZO"}
    running = [stack for stack in found if stack.running]
    assert sorted(stack.comm or "" for stack in running) == ["finish", "spinner"]


def test_the_same_frames_as_drgn(found: Reading[TaskStack], peer: Any) -> None:
    for stack in found:
        if stack.ending == "none":
            continue  # drgn reads what isn't theirs any more
        trace = peer.stack_trace(drgn.Object(peer, "struct task_struct *", stack.task))
        theirs = [(frame.pc, frame.sp) for frame in trace if not frame.is_inline]
        ours = [(frame.address, frame.sp) for frame in stack.frames]
        # it goes on into user space, without unwind data
        assert ours == (theirs[: len(ours)] if stack.ending == "user" else theirs), stack.comm


def lines(place: CodePlace | None, function: str | None) -> list[tuple[str | None, int]]:
    """Function and line of what was inlined, the innermost first, and of the function itself."""
    if place is None or place.line is None:
        return []
    calls = list(reversed(place.calls))
    at = [place.line, *(call.line for call in calls)]
    names = [*(call.function for call in calls), function]
    return [(name, line.line if line else 0) for name, line in zip(names, at, strict=True)]


def test_the_same_lines_and_inlined_calls_as_drgn(lab: Any, found: Reading[TaskStack], peer: Any) -> None:
    if lab.vmcore.name != "vmcore" or "kdump" in lab.name:
        pytest.skip("lines depend on vmlinux and addresses: seen on the other dumps")
    sources, compared, seen = SourcePlaces(Kernel(lab.session)), 0, set[int]()
    for stack in found:
        # drgn takes its time for each line
        new = {int(frame.address) for frame in stack.frames if frame.segment != "user"} - seen
        seen |= new
        if stack.ending == "none" or not new:
            continue
        theirs: dict[int, list[tuple[str | None, int]]] = {}
        for frame in peer.stack_trace(drgn.Object(peer, "struct task_struct *", stack.task)):
            try:
                line = frame.source()[1]
            except LookupError:
                continue
            theirs.setdefault(frame.pc, []).append((frame.name, line))
        kernel = [frame for frame in stack.frames if frame.segment != "user"]
        for frame, place in zip(kernel, sources.of_frames(kernel), strict=True):
            ours = lines(place, frame.function)
            if frame.module is None and ours:
                # a part of a function (.cold, .isra) is that function's
                assert [(plain(name), line) for name, line in ours] == theirs[frame.address], stack.comm
                compared += len(ours)
    assert compared > 200


def plain(name: str | None) -> str:
    return (name or "").partition(".")[0]


def test_the_registers_in_the_dump_are_those_that_crash_tells(lab: Any) -> None:
    kernel = Kernel(lab.session)
    found, told = cpu_registers(Survey(kernel)), _told(kernel)
    assert found.keys() == told.keys() == {0, 1}
    for cpu, registers in told.items():
        assert registers.items() <= found[cpu].items()
        assert len(registers) >= 18


def waiting(folder: Path, stack: TaskStack) -> Iterator[str]:
    for path in (f"{stack.tgid}/task/{stack.pid}/wchan", f"{stack.pid}/wchan"):
        if (folder / path).exists():
            yield (folder / path).read_text().strip()
            return


def test_tasks_wait_where_the_guest_said(lab: Any, found: Reading[TaskStack]) -> None:
    compared = 0
    for stack in found:
        # what sleeps for a moment alone may have moved on
        if stack.wait_channel is None or (stack.off_cpu or 0) < 2 or stack.state == "ID":
            continue
        for said in waiting(lab.folder / "truth" / "proc", stack):
            # crash has no names of copies of functions
            assert stack.wait_channel == said.partition(".")[0], stack.comm
            compared += 1
    assert compared > 50
