"""What the network reports share: owners of files, namespaces by their names, addresses."""

from __future__ import annotations

import pytest

from crashdrive.errors import UsageError
from crashdrive.kernel.types.model import ArrayType
from crashdrive.linux.fs.owners import Owner, owners
from crashdrive.linux.net.addresses import ipv4, ipv6, mac, port
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    LIST_HEAD,
    UINT,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

TASK = record(
    "task_struct",
    ("tasks", LIST_HEAD),
    ("thread_node", LIST_HEAD),
    ("tgid", INT),
    ("group_leader", pointer("struct task_struct")),
    ("comm", ArrayType(CHAR, 16)),
    ("files", pointer("struct files_struct")),
    ("signal", pointer("struct signal_struct")),
)
TYPES = {
    "struct task_struct": TASK,
    "struct signal_struct": record("signal_struct", ("thread_head", LIST_HEAD)),
    "struct files_struct": record("files_struct", ("fdt", pointer("struct fdtable"))),
    "struct fdtable": record("fdtable", ("max_fds", UINT), ("fd", pointer(pointer("struct file")))),
}
FIRST, SHARED, LAST = 0xFFFF888000F00000, 0xFFFF888000F00100, 0xFFFF888000F00200


class Tasks:
    """init_task and processes with their files."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.tasks: list[int] = []
        self.add(0, "swapper", None)

    def at(self, path: str, kind: str = "struct task_struct") -> int:
        place = fake_kernel(self.memory, TYPES).place(kind, path)
        return place.offset

    def add(self, pid: int, name: str, files: list[int] | None, slots: int | None = None) -> int:
        """A process; ``files`` None: it has no table; ``slots``: what the table claims to have."""
        memory = self.memory
        task, signal = memory.allocate(TASK.size), memory.allocate(16)
        link_list(memory, signal, [task + self.at("thread_node")])
        memory.int32(task + self.at("tgid"), pid)
        memory.word(task + self.at("group_leader"), task)
        memory.word(task + self.at("signal"), signal)
        memory.write(task + self.at("comm"), name.encode())
        if files is not None:
            table, fds = memory.allocate(64), memory.allocate(8 * len(files), 4096)
            memory.word(fds, *files)
            memory.int32(table + 16, len(files) if slots is None else slots)
            memory.word(table + 24, fds)
            memory.word(table, table + 16)
            memory.word(task + self.at("files"), table)
        self.tasks.append(task)
        return task

    def owners(self) -> tuple[dict[int, Owner], bool]:
        offset = self.at("tasks")
        link_list(self.memory, self.tasks[0] + offset, [task + offset for task in self.tasks[1:]])
        found = owners(fake_kernel(self.memory, TYPES, {"init_task": self.tasks[0]}))
        return found.by_file, found.complete


def test_the_lowest_pid_owns_what_several_have_open() -> None:
    tasks = Tasks()
    tasks.add(30, "child", [0, SHARED, LAST])
    tasks.add(20, "parent", [FIRST, SHARED])
    child, parent = Owner(30, "child"), Owner(20, "parent")
    assert tasks.owners() == ({FIRST: parent, SHARED: parent, LAST: child}, True)


def test_tasks_without_files_own_nothing() -> None:
    tasks = Tasks()
    tasks.add(1, "zombie", None)
    assert tasks.owners() == ({}, True)


@pytest.mark.parametrize("slots", [1 << 30, 0x80000000])
def test_a_table_that_claims_too_much_is_told(slots: int) -> None:
    tasks = Tasks()
    tasks.add(1, "sound", [FIRST])
    tasks.add(2, "damaged", [LAST], slots - (1 << 32) if slots >> 31 else slots)
    assert tasks.owners() == ({FIRST: Owner(1, "sound")}, False)


def test_a_hole_is_told() -> None:
    tasks = Tasks()
    tasks.add(1, "sound", [FIRST])
    task = tasks.add(2, "lost", [LAST])
    kernel = fake_kernel(tasks.memory, TYPES)
    (fds,) = kernel.read_many("struct task_struct", [task], ["files->fdt->fd"]).columns[0]
    tasks.memory.hole(fds)
    assert tasks.owners() == ({FIRST: Owner(1, "sound")}, False)


INITIAL = NetNamespace(address=0xFFFF888000001000, inum=4026531840, name=None, pid=1, initial=True)
RED = NetNamespace(address=0xFFFF888000002000, inum=4026532186, name="red", pid=30, initial=False)
BOTH = Namespaces(nets=(INITIAL, RED), netns_of={1: INITIAL.address, 30: RED.address, 31: RED.address})


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("red", RED),
        ("4026532186", RED),
        ("0xffff888000002000", RED),
        ("ffff888000002000", RED),
        ("pid:31", RED),
        ("pid:1", INITIAL),
        ("init", INITIAL),
    ],
)
def test_a_namespace_by_any_of_its_names(wanted: str, found: NetNamespace) -> None:
    assert BOTH.choose(wanted).nets == (found,)


@pytest.mark.parametrize("wanted", ["blue", "pid:99", "pid:", "pid:x", "", "0"])
def test_an_unknown_namespace(wanted: str) -> None:
    with pytest.raises(UsageError, match="there are: init, red"):
        BOTH.choose(wanted)


def test_labels() -> None:
    assert (INITIAL.label, RED.label) == ("init", "red")
    assert BOTH.choose(None) is BOTH


def test_addresses() -> None:
    assert ipv4(bytes([192, 0, 2, 1])) == "192.0.2.1"
    assert ipv6(bytes(15) + b"\1") == "::1"
    assert ipv6(bytes(10) + b"\xff\xff\xc0\0\2\1") == "::ffff:192.0.2.1"
    assert mac(bytes.fromhex("525400123456")) == "52:54:00:12:34:56"
    assert port(b"\x1f\x90") == 8080
