"""Words of futexes in user memory, and whom they tell as the holder."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from crashdrive.kernel.types.model import ArrayType
from crashdrive.linux.futexes import words as module
from crashdrive.linux.futexes.words import Word, words
from crashdrive.linux.machine import Machine
from crashdrive.linux.mm.user_memory import Bytes, Wanted
from crashdrive.linux.survey import Survey
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

SIGNAL = record("signal_struct", ("thread_head", LIST_HEAD))
PID = record("pid", ("level", UINT))
TASK = record(
    "task_struct", ("pid", INT), ("tgid", INT), ("comm", ArrayType(CHAR, 16)), ("tasks", LIST_HEAD),
    ("thread_node", LIST_HEAD), ("signal", pointer(SIGNAL)), ("robust_list", pointer("void")),
    ("group_leader", pointer("struct task_struct")), ("thread_pid", pointer(PID)), ("stack", pointer("void")),
)  # fmt: skip
TYPES = {f"struct {one.name}": one for one in (SIGNAL, PID, TASK)}
ADDRESS, MM = 0x7F00_0020, 0xFFFF_8880_1234_0000
KEY = {"of": MM, "page": 0x7F00_0000, "offset": 0x20, "pi": 0}
WAITERS = 0x8000_0000
WAITER, HOLDER = 7, 9


class Scene:
    """A waiter and a holder, in one process or in two, and their user memory."""

    def __init__(self, *, holder_tgid: int = WAITER, order: str = "<") -> None:
        self.memory = FakeMemory(order)
        self.user: dict[int, bytes] = {}
        init, waiter, holder = (self.memory.allocate(TASK.size) for _ in range(3))
        self.waiter, self.holder = waiter, holder
        self.kernel: Machine = fake_kernel(self.memory, TYPES, {"init_task": init})
        at = self.at
        link_list(self.memory, init + at("tasks"), [task + at("tasks") for task in (waiter, holder)])
        for task, pid, tgid in ((init, 0, 0), (waiter, WAITER, WAITER), (holder, HOLDER, holder_tgid)):
            signal, number = self.memory.allocate(16), self.memory.allocate(8)
            link_list(self.memory, signal, [task + at("thread_node")])
            self.memory.int32(task, pid)
            self.memory.int32(task + 4, tgid)
            self.memory.word(task + at("signal"), signal)
            self.memory.word(task + at("thread_pid"), number)
            self.memory.word(task + at("group_leader"), task)

    def at(self, member: str) -> int:
        return self.kernel.offset("struct task_struct", member)

    def robust(self, task: int, head: int, *entries: int, offset: int = -32) -> None:
        self.memory.word(task + self.at("robust_list"), head)
        chain = [*entries, head]
        self.user[head] = struct.pack(f"{self.memory.order}QqQ", chain[0], offset, 0)
        for entry, following in zip(entries, chain[1:], strict=True):
            self.user[entry] = struct.pack(f"{self.memory.order}Q", following)

    def word(self, monkeypatch: pytest.MonkeyPatch, **key: Any) -> Word:
        def memory(_: Survey, wanted: list[Wanted]) -> list[Bytes]:
            found = (self.user.get(one.address) for one in wanted)
            return [Bytes(b"", "excluded") if raw is None else Bytes(raw, None) for raw in found]

        monkeypatch.setattr(module, "user_memory", memory)
        monkeypatch.setattr(module, "physical_addresses", lambda _, wanted: [one.address for one in wanted])
        survey = Survey(self.kernel)
        found = words(survey, [(1, {**KEY, "task": self.waiter, **key})])
        assert survey.complete
        return found[1]


def mutex(word: int, owner: int, *, users: int = 1, kind: int = 0, order: str = "<") -> bytes:
    return struct.pack(f"{order}IIIIi", word, 0, owner, users, kind)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_robust_list_is_sure(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    scene = Scene(order=order)
    scene.user[ADDRESS] = mutex(WAITERS | HOLDER, HOLDER, kind=16, order=order)
    scene.robust(scene.holder, 0x7100, 0x7200, ADDRESS + 32)
    found = scene.word(monkeypatch)
    assert (found.value, found.owner, found.by) == (WAITERS | HOLDER, scene.holder, "robust")


def test_a_number_that_is_on_no_list_is_nobody_s(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.user[ADDRESS] = mutex(WAITERS | HOLDER, HOLDER, kind=16)
    scene.robust(scene.holder, 0x7100, 0x7200)
    found = scene.word(monkeypatch)
    assert (found.value, found.owner, found.by) == (WAITERS | HOLDER, None, None)


def test_a_list_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.user[ADDRESS] = mutex(WAITERS | HOLDER, HOLDER)
    scene.robust(scene.holder, 0x7100, 0x7200)
    scene.user[0x7200] = struct.pack("<Q", 0x7200)
    assert scene.word(monkeypatch).owner is None


@pytest.mark.parametrize(
    ("raw", "by"),
    [
        (mutex(2, HOLDER), "glibc"),
        (mutex(2, HOLDER, kind=2), "glibc"),
        (mutex(1, HOLDER), None),  # a lock with waiters is 2
        (mutex(2, HOLDER, users=0), None),
        (mutex(2, HOLDER + 1), None),  # no such thread
        (mutex(2, HOLDER, kind=0x10_0000), None),
        (mutex(2, HOLDER)[:16], None),  # at the end of what the dump has
        (mutex(0, HOLDER), None),
    ],
)
def test_what_looks_like_glibc_s_mutex(monkeypatch: pytest.MonkeyPatch, raw: bytes, by: str | None) -> None:
    scene = Scene()
    scene.user[ADDRESS] = raw
    found = scene.word(monkeypatch)
    assert (found.owner, found.by) == (scene.holder if by else None, by)


def test_glibc_s_mutex_on_a_big_endian_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(order=">")
    scene.user[ADDRESS] = mutex(2, HOLDER, order=">")
    found = scene.word(monkeypatch)
    assert (found.value, found.owner, found.by) == (2, scene.holder, "glibc")


def test_a_private_futex_has_no_holder_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(holder_tgid=HOLDER)
    scene.user[ADDRESS] = mutex(2, HOLDER)
    assert scene.word(monkeypatch).owner is None
    assert scene.word(monkeypatch, offset=0x22).by == "glibc"


def test_a_word_that_is_not_in_the_dump_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Scene().word(monkeypatch)
    assert (found.address, found.value, found.reason) == (ADDRESS, None, "excluded")


def test_a_file_s_futex_has_no_address_without_the_system_call(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Scene().word(monkeypatch, offset=0x21)
    assert (found.address, found.reason, found.has_timeout) == (None, "its address isn't known", None)
