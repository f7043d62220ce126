"""Futexes of a made-up kernel with large pages: of a process, of a file, of other shared memory."""

from __future__ import annotations

from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.futexes.waiters import Futex, futexes
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    LIST_HEAD,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

NODE = record("plist_node", ("prio", INT), ("prio_list", LIST_HEAD), ("node_list", LIST_HEAD))
BUCKET = record(
    "futex_hash_bucket", ("waiters", INT), ("chain", record("plist_head", ("node_list", LIST_HEAD)))
)
TASK = record(
    "task_struct", ("pid", INT), ("tgid", INT), ("comm", ArrayType(CHAR, 16)), ("cpu", UINT),
    ("se", record("sched_entity", ("exec_start", ULONG))),
)  # fmt: skip
STATE = record("futex_pi_state", ("owner", pointer(TASK)))
KEY = record("futex_key", ("both", record(None, ("ptr", ULONG), ("word", ULONG), ("offset", UINT))))
WAITER = record(
    "futex_q", ("list", NODE), ("task", pointer(TASK)), ("key", KEY), ("pi_state", pointer(STATE))
)
RQ = record("rq", ("curr", pointer(TASK)), ("clock", ULONG), ("clock_task", ULONG))
MASK = record("cpumask", ("bits", ArrayType(ULONG, 1)))
KINDS = (NODE, BUCKET, TASK, STATE, KEY, WAITER, RQ, MASK)
TYPES: dict[str, Type] = {f"struct {kind.name}": kind for kind in KINDS}
SECOND, PAGE = 1_000_000_000, 65536


def read(*waiters: tuple[int, tuple[int, int, int], int]) -> list[Futex]:
    """Futexes with these waiters: pid, the key's words, seconds of waiting; the clock is at 100 s."""
    memory = FakeMemory()
    mask, rq, data = memory.allocate(8), memory.allocate(RQ.size), memory.allocate(16)
    buckets, offset = memory.allocate(2 * BUCKET.size), 8
    memory.word(mask, 1)
    memory.word(rq, 0, 100 * SECOND, 100 * SECOND)
    memory.word(data, buckets, 2)
    places = [memory.allocate(WAITER.size) for _ in waiters]
    for place, (pid, (of, word, low), seconds) in zip(places, waiters, strict=True):
        task = memory.allocate(TASK.size)
        memory.int32(task, pid)
        memory.int32(task + 4, pid)
        memory.write(task + 8, b"waits")
        memory.word(task + TASK.size - 8, (100 - seconds) * SECOND)
        memory.word(place + NODE.size, task, of, word, low)
    link_list(memory, buckets + offset, [])
    link_list(
        memory, buckets + BUCKET.size + offset, [place + NODE.size - LIST_HEAD.size for place in places]
    )
    symbols = {"__futex_data": data, "__cpu_present_mask": mask, "runqueues": rq}
    mach = {"mach": f"  PAGE SIZE: {PAGE}\n         HZ: 250\n"}
    survey = Survey(fake_kernel(memory, TYPES, symbols, mach))
    found = survey.attempt("futexes", lambda: futexes(survey))
    assert survey.complete, survey.notices
    return found


def test_a_file_counts_in_pages_of_the_machine() -> None:
    (one,) = read((7, (0x1234, 3, 0x10 | 1), 5))
    assert (one.futex_kind, one.user_address) == ("file", 3 * PAGE + 0x10)


def test_waiters_of_one_word_are_together_the_longest_first() -> None:
    word = (0xFFFF_8880_1234_0000, 0x7F00_0000, 0x20)
    both, other = read((7, word, 5), (9, (word[0], word[1], 0x40 | 2), 80), (8, word, 60))
    assert (both.futex_kind, both.user_address, both.waiter_pids) == ("private", 0x7F00_0020, (8, 7))
    assert (both.waiters, both.longest, both.tgid, both.owner_pid) == (2, 60.0, 8, None)
    assert (other.futex_kind, other.user_address, other.longest) == ("shared", 0x7F00_0040, 80.0)
