"""Peers of unix sockets and futexes: by drgn's stacks, descriptors and structures on the same dump."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crashdrive.crash import open_dump
from crashdrive.records import Report
from tests.live.conftest import LAB, crash_binary

pytestmark = pytest.mark.live
drgn = pytest.importorskip("drgn")
DUMPS = [("6.1-elf-peers", "8.0.6"), ("6.12-elf-peers", "9.0.2"), ("6.12-elf-peers", "8.0.6")]
_THREAD_SIZE = 16384  # of x86-64
# system calls whose first argument is a descriptor: read, write, connect, accept, sendto, recvfrom
_OF_DESCRIPTORS = (0, 1, 42, 43, 44, 45)


@pytest.fixture(scope="module", params=DUMPS, ids="-".join)
def both(request: pytest.FixtureRequest) -> Iterator[tuple[Report, Any]]:
    name, version = request.param
    vmcore = LAB / "dumps" / name / "vmcore"
    if not vmcore.exists():
        pytest.skip(f"{name} is missing: scripts/lab dump --death peers makes it")
    program = drgn.Program()
    program.set_core_dump(vmcore)
    program.load_debug_info([vmcore.parent / "vmlinux"])
    with open_dump(None, vmcore, crash=[str(crash_binary(version))]) as crash:
        yield crash.run_report("hang", sleepers=True, futexes=True), program


def asleep(program: Any) -> Iterator[tuple[Any, Any]]:
    """Tasks in interruptible sleep in a system call, each with its registers."""
    from drgn.helpers.linux.pid import for_each_task
    from drgn.helpers.linux.sched import task_state_to_char

    for task in for_each_task(program):
        if task.mm and task_state_to_char(task) == "S":
            yield task, registers(program, task)


def registers(program: Any, task: Any) -> Any:
    top = task.stack.value_() + _THREAD_SIZE
    size = program.type("struct pt_regs").size
    return drgn.Object(program, "struct pt_regs", address=top - size)


def unix_socket(task: Any, regs: Any) -> Any:
    """The ``struct unix_sock`` that a task's system call is about; None for anything else."""
    from drgn.helpers.linux.fs import fget

    program = task.prog_
    if regs.orig_ax not in _OF_DESCRIPTORS:
        return None
    file = fget(task, regs.di.value_())
    if not file or file.f_op != program["socket_file_ops"].address_of_():
        return None
    sock = drgn.cast("struct socket *", file.private_data).sk
    return drgn.cast("struct unix_sock *", sock) if sock.__sk_common.skc_family == 1 else None


def test_sockets_and_who_holds_the_peer(both: tuple[Report, Any]) -> None:
    from drgn.helpers.linux.fs import for_each_file
    from drgn.helpers.linux.pid import for_each_task

    report, program = both
    rows = {row.pid: row for row in report.table("sleepers").rows if row.type == "unix"}
    holders: dict[int, set[int]] = {}
    for task in for_each_task(program):
        for _, file in for_each_file(task):
            holders.setdefault(file.value_(), set()).add(task.tgid.value_())
    theirs = {task.pid.value_(): unix_socket(task, regs) for task, regs in asleep(program)}
    theirs = {pid: sock for pid, sock in theirs.items() if sock is not None}
    assert rows.keys() == theirs.keys()
    for pid, sock in theirs.items():
        row = rows[pid]
        if row.function == "unix_wait_for_peer":
            # in the queue of who takes no more
            taker = drgn.Object(program, "struct unix_sock *", value=int(row.address))
            assert taker.peer_wq.wait.head.next != taker.peer_wq.wait.head.address_of_()
            assert set(row.holder_pids) == holders[taker.sk.sk_socket.file.value_()]
            continue
        assert row.address == sock.value_()
        peer = drgn.cast("struct unix_sock *", sock.peer)
        if peer and peer.sk.sk_socket:
            assert set(row.holder_pids) == holders.get(peer.sk.sk_socket.file.value_(), set())


def test_futexes_of_local_variables(both: tuple[Report, Any]) -> None:
    from drgn.helpers.linux.mm import access_process_vm

    report, program = both
    rows = {row.pid: row for row in report.table("sleepers").rows if row.type == "futex"}
    theirs = {}
    for task, regs in asleep(program):
        if regs.orig_ax == 202:
            theirs[task.pid.value_()] = (task, regs)
    assert rows.keys() == theirs.keys()
    for pid, (task, regs) in theirs.items():
        row, state = rows[pid], None
        asked = regs.di.value_()
        for frame in program.stack_trace(task):
            if "q" in frame.locals() and not frame["q"].absent_ and "futex" in frame.name:
                queued = frame["q"]
                state = queued if queued.type_.kind == drgn.TypeKind.STRUCT else queued[0]
        assert row.address is not None
        assert int(row.address) % 4096 == asked % 4096
        if not row.lock.startswith("at "):
            assert row.address == asked
        if state is not None and state.pi_state:
            assert row.owner_pid == state.pi_state.owner.pid
            assert row.owner_doubt is None
        word = int.from_bytes(access_process_vm(task, asked, 4), "little")
        assert row.note.split(",")[0] == f"word {word:x}"
