"""What logs of several kernels tell of memory that ran out."""

from __future__ import annotations

import pytest

from crashdrive.linux.mm import out_of_memory
from crashdrive.linux.mm.out_of_memory import Told, memory_log
from crashdrive.linux.printk.message import Message
from crashdrive.linux.survey import Survey

INVOKED = (
    "mysqld invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=-5"
)
CONSTRAINT = (
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,b,"
    "task_memcg=/a,b/c,task=mysqld,pid=77,uid=0"
)
KILLED = (
    "Memory cgroup out of memory: Killed process 77 (my (sql) d) total-vm:200kB, anon-rss:100kB, "
    "file-rss:20kB, shmem-rss:3kB, UID:0 pgtables:60kB oom_score_adj:0"
)
OLD = "Killed process 9 (java) total-vm:2kB, anon-rss:1kB, file-rss:0kB"
FAILED = "swapper/0: page allocation failure: order:4, mode:0x40820(GFP_ATOMIC|__GFP_COMP), nodemask=(null)"


def read(monkeypatch: pytest.MonkeyPatch, *lines: str, facility: str = "kern") -> Told:
    log = [
        Message(
            sequence=number, timestamp=float(number), level="info", facility=facility, caller=None,
            subsystem=None, device=None, text=line,
        )
        for number, line in enumerate(lines)
    ]  # fmt: skip
    monkeypatch.setattr(out_of_memory, "messages", lambda _survey: iter(log))
    return memory_log(Survey.__new__(Survey))


def test_an_event_of_a_cgroup(monkeypatch: pytest.MonkeyPatch) -> None:
    (event,) = read(monkeypatch, INVOKED, "Mem-Info:", CONSTRAINT, KILLED).events
    assert (event.oom_timestamp, event.invoker, event.order) == (0.0, "mysqld", 0)
    assert event.gfp_flags == "GFP_HIGHUSER_MOVABLE|__GFP_COMP"
    assert (event.constraint, event.cgroup) == ("MEMCG", "/a,b")
    assert (event.victim_pid, event.victim_comm) == (77, "my (sql) d")
    assert (event.victim_vsz, event.victim_anonymous_bytes) == (200 << 10, 100 << 10)
    assert (event.victim_file_bytes, event.victim_shared_bytes) == (20 << 10, 3 << 10)


def test_two_events_and_one_without_a_victim(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = read(monkeypatch, INVOKED, OLD, INVOKED, CONSTRAINT, INVOKED).events
    assert (first.victim_pid, first.victim_shared_bytes, first.constraint) == (9, None, None)
    assert (second.constraint, second.victim_pid) == ("MEMCG", None)
    assert (third.oom_timestamp, third.constraint) == (4.0, None)


def test_a_victim_without_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log had turned over."""
    (event,) = read(monkeypatch, KILLED).events
    assert (event.invoker, event.constraint, event.victim_pid) == (None, "MEMCG", 77)


def test_failed_requests_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    told = read(monkeypatch, FAILED, "noise", FAILED)
    (one,) = told.failures
    assert (one.comm, one.order, one.count, one.first_seen, one.last_seen) == ("swapper/0", 4, 2, 0.0, 2.0)
    assert one.gfp_flags == "GFP_ATOMIC|__GFP_COMP"
    assert told.events == []


def test_what_a_process_says_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = read(monkeypatch, INVOKED, KILLED, FAILED, facility="user")
    assert told == Told([], [])
