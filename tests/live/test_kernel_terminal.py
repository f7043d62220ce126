"""A session that has its terminal alone (``--no-side-channel``) finds the same as one with a FIFO."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crashdrive.linux.kernel import Kernel
from crashdrive.session import Session
from tests.live.conftest import Lab

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def terminal(lab: Lab) -> Iterator[Kernel]:
    """The same dump in the same crash, over the terminal."""
    with Session.open(lab.vmlinux, lab.vmcore, crash=[str(lab.crash)], side_channel=False) as session:
        assert session.fifo is None
        yield Kernel(session)


def found(kernel: Kernel) -> dict[str, Any]:
    """Symbols, types, values and walks."""
    task, space = kernel.symbol("init_task"), kernel.symbol("init_pid_ns")
    tasks = kernel.for_each_task(threads=False)
    modules = kernel.for_each_module()
    some = list(tasks.addresses)[:5]
    return {
        "tasks": tasks.walk,
        "modules": modules.walk,
        "pids": kernel.walk_idr(kernel.symbol("init_pid_ns").idr),
        "devices": kernel.for_each_net_device().walk,
        "columns": kernel.read_many("struct task_struct", some, ["pid", "comm", "real_parent->pid"]),
        "values": space.value_(),
        "text": repr(space),
        "symbol": kernel.symbols.lookup(kernel.symbols.address("schedule") + 3),
        "type": kernel.type("struct super_block"),
        "holes": kernel.gather([(0, 8), (0xFFFF_FFFF_FF00_0000, 64), (task.address_ or 0, 64)]),
        "physical": kernel.memory.gather([(1 << 20, 5000), (1 << 45, 8)], space="physical"),
    }


def test_all_is_the_same_over_the_terminal(lab: Lab, terminal: Kernel) -> None:
    ours, theirs = found(Kernel(lab.session)), found(terminal)
    for name in ours:
        assert theirs[name] == ours[name], name


def test_user_memory_is_the_same_over_the_terminal(lab: Lab, terminal: Kernel) -> None:
    kernel = Kernel(lab.session)
    for address in list(kernel.for_each_task(threads=False).addresses)[:4]:
        mm = kernel.object("struct task_struct", address).mm
        if not mm:
            continue
        wanted = [(mm.arg_start.value_(), 200), (mm.start_stack.value_() - 3000, 6000), (0x1000, 64)]
        ours = kernel.memory.gather(wanted, space="user", task=address)
        theirs = terminal.memory.gather(wanted, space="user", task=address)
        assert theirs.chunks == ours.chunks
        assert [(h.address, h.size) for h in theirs.holes] == [(h.address, h.size) for h in ours.holes]
