"""Stacks of recorded dumps: what options ask for, and what a dead guest's tasks were at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sessionkit import replayed, report_folders, unpack

from crashdrive.errors import UsageError
from crashdrive.kernel.debuginfo.line_table import Line
from crashdrive.kernel.debuginfo.places import Call, CodePlace
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.locks.waits import Wait
from crashdrive.linux.sched.frames import StackFrame
from crashdrive.linux.sched.stacks import TaskStack
from crashdrive.reports.system.stacks import _lines, _object_groups, report
from tests.reports.conftest import Guest

REPORT = "stacks"
NOTHING: dict[str, Any] = {
    "each": False, "frames": False, "folded": False, "pid": (), "comm": None, "state": (), "cpu": (),
    "function": None, "running": False, "source": False, "by_object": False,
}  # fmt: skip


class Crash:
    """What a report takes of a Crash."""

    def __init__(self, guest: Guest) -> None:
        self.kernel = Kernel(guest.session)


def rows(guest: Guest, table: str, **asked: Any) -> list[Any]:
    return list(report(Crash(guest), **(NOTHING | asked)).table(table).rows)


def test_groups_hold_every_task_once(guest: Guest) -> None:
    groups = rows(guest, "groups")
    pids = [pid for group in groups for pid in group.pids]
    assert len(pids) == sum(group.count for group in groups) > 140
    # the swappers share their number
    assert len(set(pids)) == len(pids) - 1
    assert [group.count for group in groups] == sorted((group.count for group in groups), reverse=True)
    (waiter,) = [group for group in groups if group.state == "UN"]
    assert waiter.comms == ("d-state",)
    assert waiter.wait_channel == "kernel_clone"
    # it called vfork() when the guest began
    assert waiter.off_cpu > 5


def sleeper(task: int) -> TaskStack:
    """A task that is blocked in a function of mutexes."""
    frames = tuple(
        StackFrame(
            level=level, segment="process", function=function, offset=16, address=0xFFFF_FFFF_8100_0000,
            module=None, sp=task + 64, sure=True, doubt=None, pt_regs=None,
        )
        for level, function in enumerate(("__schedule", "schedule", "__mutex_lock", "filp_open"))
    )  # fmt: skip
    return TaskStack(
        pid=task, tgid=task, cpu=0, task=task, state="UN", state_letter="D", comm=f"task-{task}",
        running=False, wait_channel="filp_open", off_cpu=9.0, ending="user", reason=None, complete=True,
        frames=frames,
    )  # fmt: skip


def waiting(task: int, lock: str | None, address: int) -> Wait:
    return Wait(
        pid=task, comm=f"task-{task}", task=task, seconds=9.0, function="__mutex_lock", caller="filp_open",
        type="mutex", lock=lock, module=None, address=address, owner_pid=77, owner_comm="owner",
        owner_task=0x77, owner_reads=False, owner_doubt=None, holder_pids=(), note=None,
    )  # fmt: skip


def test_equal_stacks_that_wait_for_different_locks_are_different_groups() -> None:
    found = [sleeper(task) for task in range(1, 7)]
    waits = {task: waiting(task, "red", 0x100) for task in (1, 2, 3)}
    waits |= {task: waiting(task, None, 0x200) for task in (4, 5)}
    groups = list(_object_groups(found, waits))
    assert [(one.count, one.pids) for one in groups] == [(3, (1, 2, 3)), (2, (4, 5)), (1, (6,))]
    assert [(one.type, one.object, one.address, one.owner_pid) for one in groups] == [
        ("mutex", "red", 0x100, 77),
        ("mutex", "200", 0x200, 77),
        (None, None, None, None),
    ]


def test_an_owner_that_is_not_sure_is_marked_and_is_that_of_all() -> None:
    """Of a socket that two processes have open, each waits for the other."""
    found = [sleeper(task) for task in range(1, 5)]
    waits = {task: waiting(task, None, 0x100) for task in range(1, 5)}
    for task, owner in ((2, 1), (3, 1), (4, 2)):
        waits[task] = msgspec.structs.replace(
            waits[task], owner_pid=owner, owner_task=owner, owner_doubt="threads"
        )
    groups = list(_object_groups(found, waits))
    assert [(one.pids, one.owner_pid, one.owner_doubt) for one in groups] == [
        ((2, 3), 1, "threads"),
        ((1,), 77, None),
        ((4,), 2, "threads"),
    ]


# who waits in equal functions, by what for; names as the guest's processes have them
PILES = (
    ("futex", {"lab-pile-1", "lab-pile-2", "lab-pile-3"}),
    ("unix", {"lab-late-1", "lab-late-2"}),
    ("unix", {"lab-left"}),
    ("unix", {"lab-right"}),
    ("unix", {"lab-many"}),
)
PEERS = [folder for folder in report_folders("stacks") if "peers" in folder.name]


@pytest.mark.parametrize("folder", PEERS, ids=lambda folder: folder.name)
def test_sleepers_by_what_they_wait_for(folder: Path, tmp_path: Path) -> None:
    unpack(folder.parents[1] / "hang" / folder.name, tmp_path)
    lines = (line.split() for line in (tmp_path / "truth/cmd/peers").read_text().splitlines())
    tids = {name: int(tid) for name, _, tid, _ in lines}
    with replayed(folder) as crash:
        groups = crash.run_report("stacks", by_object=True).table("objects").rows
    found = [(group.type, {*group.comms}) for group in groups]
    assert all(pile in found for pile in PILES)
    for group in groups:
        if {*group.comms} <= {*tids}:
            assert {*group.pids} == {tids[name] for name in group.comms}
    places = [group.address for group in groups if group.type == "unix"]
    assert len(places) == len({*places}) > 10


def test_the_task_that_died_and_the_one_beside_it(guest: Guest) -> None:
    finish, spinner = sorted(rows(guest, "stacks", each=True, running=True), key=lambda row: row.comm)
    assert (finish.comm, spinner.comm) == ("finish", "spinner")
    functions = [line.partition("] ")[2].lstrip("? ").partition("+")[0] for line in finish.stack]
    start = functions.index("panic")
    assert functions[start + 1] == "sysrq_handle_crash"
    assert functions[-2] == "entry_SYSCALL_64_after_hwframe"
    assert spinner.stack[-1].endswith(" 000000000040381e (user)")


def test_without_debug_data_lines_of_source_are_said_to_be_missing(guest: Guest) -> None:
    found = report(Crash(guest), **(NOTHING | {"source": True, "pid": (1,)}))
    plain = report(Crash(guest), **(NOTHING | {"each": True, "pid": (1,)}))
    assert found.tables == plain.tables
    assert found.complete
    assert "no debug data is there" in found.warnings[-1].message
    both = report(Crash(guest), **(NOTHING | {"source": True, "frames": True, "pid": (1,)}))
    assert [table.name for table in both.tables] == ["frames"]
    assert {(row.source, row.inlined_calls) for row in both.tables[0].rows} == {(None, ())}


def test_frames_that_were_inlined_have_lines_of_their_own() -> None:
    frame = StackFrame(
        level=5, segment="process", function="proc_reg_write", offset=0x56, address=0xFFFF_FFFF_8100_0056,
        sp=0xFFFF_C900_0000_0B48, module=None, sure=True, doubt=None, pt_regs=None,
    )  # fmt: skip
    place = CodePlace(
        function="proc_reg_write",
        line=Line("fs/proc/inode.c", 340),
        calls=(Call("pde_write", Line("fs/proc/inode.c", 352)),),
        variables=(),
    )
    assert list(_lines(frame, place)) == [
        "#5 [ffffc90000000b48] pde_write (inlined) at fs/proc/inode.c:340",
        "#5 [ffffc90000000b48] proc_reg_write+0x56 at fs/proc/inode.c:352",
    ]
    assert list(_lines(frame, None)) == ["#5 [ffffc90000000b48] proc_reg_write+0x56"]


def test_what_is_asked_for(guest: Guest) -> None:
    frames = rows(guest, "frames", frames=True, pid=(1,))
    assert [frame.level for frame in frames] == list(range(len(frames)))
    assert {frame.comm for frame in frames} == {"init"}
    assert frames[-1].segment == "user"
    assert all(frame.sure for frame in frames)
    folded = rows(guest, "folded", folded=True, function="kernel_clone")
    assert [(row.trace.split(";")[0], row.count) for row in folded] == [("d-state", 1)]
    assert folded[0].trace.split(";")[1:3] == ["entry_SYSCALL_64_after_hwframe", "do_syscall_64"]
    assert rows(guest, "groups", comm="no such name") == []
    # names that end a word or a line in that format
    for row in rows(guest, "folded", folded=True, comm="*[; \t\n]*"):
        assert not any(char.isspace() for char in row.trace)


def test_a_task_that_is_not_there_is_an_error(guest: Guest) -> None:
    with pytest.raises(UsageError, match="no pid 4000000"):
        report(Crash(guest), **(NOTHING | {"pid": (4_000_000,)}))
    with pytest.raises(UsageError, match="no CPU 77"):
        report(Crash(guest), **(NOTHING | {"cpu": (77,)}))
