"""Unix sockets whose queues tasks wait in, and who holds the peer."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from crashdrive.kernel.types.model import ArrayType
from crashdrive.linux.locks.objects import Belonging, read_guesses, unix
from crashdrive.linux.machine import Machine
from crashdrive.linux.processes.holders import Holder, holders
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Notice
from tests.kernel.fake_memory import (
    CHAR,
    HLIST_HEAD,
    HLIST_NODE,
    INT,
    LIST_HEAD,
    LONG,
    PAGE,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

QUEUE = record("wait_queue_head", ("lock", UINT), ("head", LIST_HEAD))
WQ = record("socket_wq", ("wait", QUEUE))
COMMON = record(
    "sock_common", ("skc_node", HLIST_NODE), ("skc_family", U8), ("skc_state", U8), ("skc_flags", ULONG),
    ("skc_prot", pointer("void")),
)  # fmt: skip
SOCK = record(
    "sock", ("__sk_common", COMMON), ("sk_socket", pointer("struct socket")), ("sk_type", UINT),
    ("sk_max_ack_backlog", UINT), ("sk_receive_queue", record("sk_buff_head", ("qlen", UINT))),
    ("sk_rcvtimeo", LONG), ("sk_sndtimeo", LONG),
)  # fmt: skip
UNIX = record(
    "unix_sock", ("sk", SOCK), ("addr", pointer("struct unix_address")), ("peer", pointer("struct sock")),
    ("inflight", record("atomic_long_t", ("counter", LONG))), ("peer_wq", WQ),
)  # fmt: skip
SOCKET = record(
    "socket", ("state", INT), ("file", pointer("struct file")), ("sk", pointer("struct sock")),
    ("wq", WQ),
)  # fmt: skip
ALLOCATED = record("socket_alloc", ("socket", SOCKET), ("vfs_inode", record("inode", ("i_ino", ULONG))))
ADDRESS = record(
    "unix_address",
    ("len", INT),
    ("name", record("sockaddr_un", ("f", INT), ("sun_path", ArrayType(CHAR, 20)))),
)
SPACE = record("pid_namespace", ("ns", record("ns_common", ("inum", UINT))))
UPID = record("upid", ("nr", INT), ("ns", pointer(SPACE)))
PID = record("pid", ("level", UINT), ("numbers", ArrayType(UPID, 2)))
FDTABLE = record("fdtable", ("max_fds", UINT), ("fd", pointer(pointer("struct file"))))
FILES = record("files_struct", ("fdt", pointer(FDTABLE)))
SIGNAL = record("signal_struct", ("nr_threads", INT), ("thread_head", LIST_HEAD))
TASK = record(
    "task_struct", ("comm", ArrayType(CHAR, 16)), ("tgid", INT), ("tasks", LIST_HEAD),
    ("thread_node", LIST_HEAD), ("signal", pointer(SIGNAL)), ("files", pointer(FILES)),
    ("group_leader", pointer("struct task_struct")), ("thread_pid", pointer("struct pid")),
)  # fmt: skip
KINDS = (
    QUEUE,
    SOCK,
    UNIX,
    SOCKET,
    ALLOCATED,
    ADDRESS,
    FDTABLE,
    FILES,
    SIGNAL,
    TASK,
    HLIST_HEAD,
    UPID,
    PID,
    SPACE,
)
TYPES = {
    **{f"struct {one.name}": one for one in KINDS},
    "struct sockaddr_un": ADDRESS.members[1].type,
}
INUM = 0xF000_0001  # of the first pid namespace; that below has the next
FOREVER = (1 << 63) - 1
OPERATIONS, LISTEN, ESTABLISHED, DEAD = 0xFFFF_FFFF_8200_0000, 10, 1, 1


class End(NamedTuple):
    """A socket: its ``unix_sock``, ``struct socket`` (0 for none) and the queues to wait in."""

    sock: int
    socket: int
    queue: int
    peer_queue: int


class Scene:
    """Tasks 1 to 3, and sockets that they have open."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.init, first, second = (self.memory.allocate(PAGE, PAGE) for _ in range(3))
        self.tasks = (self.init, first, second)
        self.table = self.memory.allocate(16)
        symbols = {"init_task": self.init, "unix_proto": OPERATIONS, "unix_socket_table": self.table}
        self.kernel: Machine = fake_kernel(self.memory, TYPES, symbols)
        # of one bucket
        setattr(self.kernel, "variable_size", lambda _: 8)  # noqa: B010 - mypy takes no method there
        self.files: dict[int, list[int]] = {task: [] for task in self.tasks}
        self.ends: list[int] = []
        self.spaces = [self.memory.allocate(8) for _ in range(2)]
        for level, space in enumerate(self.spaces):
            self.memory.write(space, struct.pack("<I", INUM + level))
        self.contained: set[int] = set()

    def at(self, kind: str, member: str) -> int:
        return self.kernel.offset(f"struct {kind}", member)

    def end(self, number: int, peer: int = 0, *, state: int = ESTABLISHED, accepted: bool = True) -> End:
        memory, at = self.memory, self.at
        sock, alloc = memory.allocate(UNIX.size), memory.allocate(ALLOCATED.size)
        common = "sk.__sk_common."
        memory.write(sock + at("unix_sock", f"{common}skc_family"), bytes([1, state]))
        memory.word(sock + at("unix_sock", f"{common}skc_prot"), OPERATIONS)
        memory.word(sock + at("unix_sock", "sk.sk_socket"), alloc if accepted else 0)
        memory.int32(sock + at("unix_sock", "sk.sk_type"), 1)
        for name in ("sk_rcvtimeo", "sk_sndtimeo"):
            memory.word(sock + at("unix_sock", f"sk.{name}"), FOREVER)
        memory.word(sock + at("unix_sock", "peer"), peer)
        memory.word(alloc + at("socket", "file"), sock + 0x10_0000)
        memory.word(alloc + at("socket", "sk"), sock)
        memory.word(alloc + at("socket_alloc", "vfs_inode.i_ino"), number)
        self.ends.append(sock)
        return End(sock, alloc, alloc + at("socket", "wq.wait"), sock + at("unix_sock", "peer_wq.wait"))

    def joined(self, one: End, other: End) -> None:
        self.memory.word(one.sock + self.at("unix_sock", "peer"), other.sock)
        self.memory.word(other.sock + self.at("unix_sock", "peer"), one.sock)

    def named(self, end: End, address: int) -> None:
        self.memory.word(end.sock + self.at("unix_sock", "addr"), address)

    def name(self, text: bytes) -> int:
        place = self.memory.allocate(64)
        self.memory.int32(place, len(text) + 4)
        self.memory.write(place + 8, text)
        return place

    def has(self, task: int, end: End) -> None:
        self.files[task].append(end.sock + 0x10_0000)

    def found(self, *queues: int) -> tuple[list[Belonging], Survey]:
        memory, at = self.memory, self.at
        offset, node = at("task_struct", "tasks"), at("task_struct", "thread_node")
        link_list(memory, self.init + offset, [task + offset for task in self.tasks[1:]])
        for pid, task in enumerate(self.tasks, 1):
            signal, files, table, number = (memory.allocate(256) for _ in range(4))
            memory.int32(number, task in self.contained)
            for level in range(2):
                memory.int32(number + at("pid", f"numbers[{level}].nr"), pid if level == 0 else 1)
                memory.word(number + at("pid", f"numbers[{level}].ns"), self.spaces[level])
            memory.word(task + at("task_struct", "thread_pid"), number)
            link_list(memory, signal + at("signal_struct", "thread_head"), [task + node])
            memory.int32(signal, 1)
            memory.write(task, b"task-%d\0" % pid)
            memory.int32(task + at("task_struct", "tgid"), pid)
            memory.word(task + at("task_struct", "signal"), signal)
            memory.word(task + at("task_struct", "group_leader"), task)
            memory.word(task + at("task_struct", "files"), files)
            memory.word(files, table)
            memory.word(table, len(self.files[task]), table + 32)
            memory.word(table + 32, *self.files[task])
        places = [end + at("unix_sock", "sk.__sk_common.skc_node") for end in self.ends]
        for place, following in zip((self.table, *places), (*places, 0), strict=True):
            memory.word(place, following)
        for previous, place in zip((self.table, *places), places, strict=False):
            memory.word(place + 8, previous)
        survey = Survey(self.kernel)
        return list(unix.belonging(survey, queues)), survey


@pytest.fixture
def scene() -> Scene:
    return Scene()


def holder(scene: Scene, pid: int) -> Holder:
    contained = scene.tasks[pid - 1] in scene.contained
    return Holder(pid, scene.tasks[pid - 1], f"task-{pid}", 1, INUM + contained, 1 if contained else pid)


def test_who_holds_the_peer_has_to_act(scene: Scene) -> None:
    near, far = scene.end(11), scene.end(12)
    scene.joined(near, far)
    scene.has(scene.tasks[1], near)
    scene.has(scene.tasks[2], far)
    (row,), survey = scene.found(near.queue)
    assert row == Belonging(
        near.queue, "stream 11", holders=(holder(scene, 3),), place=near.sock, note="peer stream 12"
    )
    assert survey.complete


def test_a_peer_in_another_pid_namespace_is_said_so(scene: Scene) -> None:
    near, far = scene.end(11), scene.end(12)
    scene.joined(near, far)
    scene.has(scene.tasks[1], near)
    scene.has(scene.tasks[2], far)
    scene.contained.add(scene.tasks[2])
    (row,), _ = scene.found(near.queue)
    assert row.holders == (holder(scene, 3),)
    assert row.note == "peer stream 12; 3 is 1 of another pid namespace"


def test_a_peer_in_a_message_or_of_nobody_is_said_so(scene: Scene) -> None:
    near, far = scene.end(11), scene.end(12)
    scene.joined(near, far)
    (row,), _ = scene.found(near.queue)
    assert (row.holders, row.note) == ((), "peer stream 12, held by no process")
    scene.memory.word(far.sock + scene.at("unix_sock", "inflight.counter"), 1)
    (row,), _ = scene.found(near.queue)
    assert (row.holders, row.note) == ((), "peer stream 12, in flight in a message (SCM_RIGHTS)")


def test_a_full_backlog_is_the_listener_s(scene: Scene) -> None:
    listener = scene.end(11, state=LISTEN)
    scene.named(listener, scene.name(b"\0busy"))
    scene.memory.int32(listener.sock + scene.at("unix_sock", "sk.sk_receive_queue.qlen"), 2)
    scene.memory.int32(listener.sock + scene.at("unix_sock", "sk.sk_max_ack_backlog"), 1)
    scene.has(scene.tasks[2], listener)
    (row,), survey = scene.found(listener.peer_queue)
    assert (row.name, row.note) == ("stream 11 @busy", "backlog of stream 11 @busy: 2 of 1")
    assert row.holders == (holder(scene, 3),)
    assert survey.complete
    (row,), _ = scene.found(listener.queue)
    assert (row.holders, row.note) == ((), "listens; whoever connects ends the wait")


def test_who_isn_t_accepted_waits_for_the_listener(scene: Scene) -> None:
    listener, client = scene.end(11, state=LISTEN), scene.end(12)
    embryo = scene.end(0, accepted=False)
    name = scene.name(b"/run/x\0")
    scene.joined(client, embryo)
    scene.named(listener, name)
    scene.named(embryo, name)
    scene.has(scene.tasks[1], listener)
    (row,), _ = scene.found(client.queue)
    assert row.holders == (holder(scene, 2),)
    assert row.note == "not accepted yet: backlog of stream 11 /run/x: 0 of 0"
    # a connection that was closed has no listener
    scene.memory.word(embryo.sock + scene.at("unix_sock", "sk.__sk_common.skc_flags"), DEAD)
    (row,), _ = scene.found(client.queue)
    assert row.holders == ()
    assert row.note == "peer stream without a file /run/x, which no process has yet or any more"


def test_a_wait_that_ends_by_itself_is_in_doubt(scene: Scene) -> None:
    near, far = scene.end(11), scene.end(12)
    scene.joined(near, far)
    scene.has(scene.tasks[2], far)
    scene.memory.word(near.sock + scene.at("unix_sock", "sk.sk_rcvtimeo"), 250)
    (row,), _ = scene.found(near.queue)
    assert row.doubt == "timeout"


def test_a_queue_of_anything_else_is_no_socket_s(scene: Scene) -> None:
    other = scene.memory.allocate(PAGE, PAGE) + 1024
    rows, survey = scene.found(other)
    assert rows == []
    assert survey.complete
    # what leads to a unix socket that isn't this one
    near = scene.end(11)
    scene.memory.word(near.sock + scene.at("unix_sock", "sk.sk_socket"), other)
    assert scene.found(near.queue)[0] == []


def test_a_socket_that_is_not_in_the_dump_is_told(scene: Scene) -> None:
    near, far = scene.end(11), scene.end(12)
    scene.joined(near, far)
    scene.memory.hole(near.socket)
    rows, survey = scene.found(near.queue)
    assert rows == []
    assert not survey.complete


def test_a_socket_whose_peer_is_not_in_the_dump_is_not_without_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = scene.end(11), scene.end(12)
    scene.joined(near, far)

    def without_peer(survey: Survey, fields: Fields, places: Sequence[int]) -> Any:
        rows, lacking = read_guesses(survey, fields, places)
        for place, row in zip(places, rows, strict=True):
            if place == near.sock:
                row["peer"] = None
                lacking[place] = Notice(kind="hole", message="its page is missing")
        return rows, lacking

    monkeypatch.setattr(unix, "read_guesses", without_peer)
    (row,), survey = scene.found(near.queue)
    assert row.note == "peer is unknown"
    assert [notice.message for notice in survey.notices] == ["its page is missing"]


def test_all_processes_that_have_a_file(scene: Scene) -> None:
    near = scene.end(11)
    for task in scene.tasks[1:]:
        scene.has(task, near)
    _, survey = scene.found()
    found = holders(survey, {near.sock + 0x10_0000, 1})
    assert found == {near.sock + 0x10_0000: (holder(scene, 2), holder(scene, 3))}
