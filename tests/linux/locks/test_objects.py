"""What wait queues and bits belong to: journals and the tasks that have to act, buffers, remote calls."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from crashdrive.kernel.types.model import ArrayType
from crashdrive.linux.locks.objects import Belonging, buffer, journal, kinds_of_objects, rpc
from crashdrive.linux.machine import Machine
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    LIST_HEAD,
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
TASK = record(
    "task_struct",
    ("comm", ArrayType(CHAR, 16)),
    ("tasks", LIST_HEAD),
    ("thread_node", LIST_HEAD),
    ("signal", pointer("struct signal_struct")),
    ("journal_info", pointer("void")),
)
SIGNAL = record("signal_struct", ("thread_head", LIST_HEAD))
HANDLE = record("jbd2_journal_handle", ("h_transaction", pointer("void")))
JOURNAL = record(
    "journal_s",
    ("j_barrier_count", INT),
    ("j_running_transaction", pointer("void")),
    ("j_committing_transaction", pointer("void")),
    ("j_wait_transaction_locked", QUEUE),
    ("j_wait_done_commit", QUEUE),
    ("j_wait_updates", QUEUE),
    ("j_wait_reserved", QUEUE),
    ("j_task", pointer(TASK)),
    ("j_devname", ArrayType(CHAR, 56)),
)
TYPES = {f"struct {one.name}": one for one in (QUEUE, TASK, SIGNAL, HANDLE, JOURNAL)}
TRANSACTION = 0xFFFF_8880_5555_0000


class Scene(NamedTuple):
    """A journal and its thread, and who has a handle of the running transaction."""

    memory: FakeMemory
    kernel: Machine
    journal: int
    thread: int
    updater: int

    def queue(self, member: str) -> int:
        return self.journal + self.kernel.offset("struct journal_s", member)


@pytest.fixture
def scene() -> Scene:
    memory = FakeMemory()
    place, thread, updater, other, signal, handle = (memory.allocate(PAGE, PAGE) for _ in range(6))
    kernel = fake_kernel(memory, TYPES, {"init_task": other})
    tasks = (other, thread, updater)
    offset = kernel.offset("struct task_struct", "tasks")
    link_list(memory, other + offset, [task + offset for task in (thread, updater)])
    node = kernel.offset("struct task_struct", "thread_node")
    for number, task in enumerate(tasks):
        head = signal + 64 * number
        link_list(memory, head, [task + node])
        memory.word(task + kernel.offset("struct task_struct", "signal"), head)
    memory.write(thread, b"jbd2/sda1-8\0")
    memory.word(place + kernel.offset("struct journal_s", "j_task"), thread)
    memory.write(place + kernel.offset("struct journal_s", "j_devname"), b"sda1-8\0")
    memory.word(place + kernel.offset("struct journal_s", "j_running_transaction"), TRANSACTION)
    memory.word(handle, TRANSACTION)
    memory.word(updater + kernel.offset("struct task_struct", "journal_info"), handle)
    # another filesystem's
    memory.word(other + kernel.offset("struct task_struct", "journal_info"), 1)
    return Scene(memory, kernel, place, thread, updater)


def found(scene: Scene, *addresses: int) -> tuple[list[Belonging], Survey]:
    survey = Survey(scene.kernel)
    return list(journal.belonging(survey, addresses)), survey


def test_the_journal_s_thread_commits(scene: Scene) -> None:
    queue = scene.queue("j_wait_done_commit")
    rows, survey = found(scene, queue)
    assert rows == [Belonging(queue, "commit of sda1-8", scene.thread)]
    assert survey.complete


def test_a_transaction_is_locked_by_its_commit_or_by_a_barrier(scene: Scene) -> None:
    queue = scene.queue("j_wait_transaction_locked")
    assert found(scene, queue)[0] == [Belonging(queue, "locked transaction of sda1-8", scene.thread)]
    scene.memory.int32(scene.journal, 1)
    assert found(scene, queue)[0] == [Belonging(queue, "locked transaction of sda1-8")]


def test_a_commit_waits_for_who_has_a_handle(scene: Scene) -> None:
    queue = scene.queue("j_wait_updates")
    rows, survey = found(scene, queue)
    assert rows == [Belonging(queue, "updates of sda1-8", scene.updater)]
    assert survey.complete
    scene.memory.word(scene.journal + scene.kernel.offset("struct journal_s", "j_running_transaction"), 0)
    assert found(scene, queue)[0] == [Belonging(queue, "updates of sda1-8")]


def test_nobody_in_particular_gives_reserved_credits_back(scene: Scene) -> None:
    queue = scene.queue("j_wait_reserved")
    assert found(scene, queue)[0] == [Belonging(queue, "reserved credits of sda1-8")]


def test_a_queue_of_no_journal_has_no_name(scene: Scene) -> None:
    queue = scene.memory.allocate(PAGE, PAGE) + 512
    rows, survey = found(scene, queue)
    assert rows == []
    assert survey.complete


def test_a_thread_that_is_not_in_the_dump_is_told(scene: Scene) -> None:
    scene.memory.hole(scene.thread)
    rows, survey = found(scene, scene.queue("j_wait_done_commit"))
    assert rows == []
    assert not survey.complete


def test_a_buffer_by_its_block_and_device() -> None:
    disk = record("gendisk", ("disk_name", ArrayType(CHAR, 32)))
    device = record("block_device", ("bd_disk", pointer(disk)), ("bd_partno", U8))
    head = record("buffer_head", ("b_state", ULONG), ("b_blocknr", ULONG), ("b_bdev", pointer(device)))
    memory = FakeMemory()
    kernel = fake_kernel(memory, {f"struct {one.name}": one for one in (disk, device, head)})
    place, bdev, gendisk = (memory.allocate(64) for _ in range(3))
    memory.word(place, 1, 17, bdev)
    memory.word(bdev, gendisk, 2)
    memory.write(gendisk, b"nvme0n1\0")
    assert list(buffer.belonging(Survey(kernel), [place])) == [Belonging(place, "block 17 of nvme0n1p2")]
    # a bit of something else; and one whose memory the dump lacks
    other, survey = memory.allocate(64), Survey(kernel)
    memory.word(other, 1, 17, place)
    assert list(buffer.belonging(survey, [other])) == []
    assert survey.complete
    memory.hole(place)
    assert list(buffer.belonging(survey, [place])) == []
    assert not survey.complete


def test_a_buffer_of_a_partition_that_is_not_in_the_dump_is_not_the_disk_s() -> None:
    disk = record("gendisk", ("disk_name", ArrayType(CHAR, 32)))
    device = record("block_device", ("bd_disk", pointer(disk)), ("bd_partno", U8))
    head = record("buffer_head", ("b_state", ULONG), ("b_blocknr", ULONG), ("b_bdev", pointer(device)))
    memory = FakeMemory()
    kernel = fake_kernel(memory, {f"struct {one.name}": one for one in (disk, device, head)})
    place, gendisk, pages = memory.allocate(64), memory.allocate(64), memory.allocate(2 * PAGE, PAGE)
    bdev = pages + PAGE - 8
    memory.word(place, 1, 17, bdev)
    memory.word(bdev, gendisk, 2)
    memory.write(gendisk, b"vda\0")
    memory.hole(pages + PAGE)
    survey = Survey(kernel)
    assert list(buffer.belonging(survey, [place])) == [Belonging(place, "block 17 of vda?")]
    assert not survey.complete


def test_a_remote_call_by_what_it_asks_of_whom() -> None:
    text = pointer(CHAR)
    xprt = record("rpc_xprt", ("servername", text))
    program = record("rpc_program", ("name", text))
    client = record(
        "rpc_clnt", ("cl_vers", UINT), ("cl_program", pointer(program)), ("cl_xprt", pointer(xprt))
    )
    procedure = record("rpc_procinfo", ("p_name", text))
    message = record("rpc_message", ("rpc_proc", pointer(procedure)))
    task = record(
        "rpc_task", ("tk_count", ULONG), ("tk_runstate", ULONG), ("tk_client", pointer(client)),
        ("tk_msg", message),
    )  # fmt: skip
    types = {f"struct {one.name}": one for one in (xprt, program, client, procedure, message, task)}
    memory = FakeMemory()
    kernel = fake_kernel(memory, types)
    call, clnt, prog, transport, proc, words = (memory.allocate(64) for _ in range(6))
    memory.write(words, b"nfs\0server\0READ\0")
    memory.word(call, 1, 2, clnt, proc)
    memory.word(clnt, 4, prog, transport)
    memory.word(prog, words)
    memory.word(transport, words + 4)
    memory.word(proc, words + 11)
    survey = Survey(kernel)
    assert list(rpc.belonging(survey, [call + 8])) == [Belonging(call + 8, "READ of nfs version 4 at server")]
    # a call that only asks whether the server is there has no name
    memory.word(proc, 0)
    assert list(rpc.belonging(survey, [call + 8])) == [Belonging(call + 8, "call of nfs version 4 at server")]
    assert survey.complete
    # a client of whose first member the dump lacks the page
    pages = memory.allocate(2 * PAGE, PAGE)
    memory.word(pages + PAGE, prog, transport)
    memory.word(call, 1, 2, pages + PAGE - 8)
    memory.hole(pages)
    assert list(rpc.belonging(survey, [call + 8])) == [Belonging(call + 8, "call of nfs version ? at server")]
    assert not survey.complete


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        (journal, "jbd2_log_wait_commit"),
        (journal, "wait_transaction_locked"),
        (journal, "jbd2_journal_commit_transaction"),
        (journal, "add_transaction_credits"),
        (buffer, "bit_wait_io"),
        (rpc, "rpc_wait_bit_killable"),
    ],
)
def test_functions_of_those_who_wait(kind: object, function: str) -> None:
    assert kind.FUNCTIONS.fullmatch(function)  # type: ignore[attr-defined] # a module of `objects`
    assert not kind.FUNCTIONS.fullmatch(f"my_{function}")  # type: ignore[attr-defined] # as above


def test_all_kinds_are_found_by_their_names() -> None:
    assert [one.TYPE for one in kinds_of_objects()] == ["buffer", "futex", "journal", "rpc", "unix"]
