"""Tasks that wait, as hanginfo prints them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from crashdrive.pykdump import asked
from crashdrive.pykdump.likeness import hanging
from crashdrive.records import Finding, Notice, Report, Table


def wait(pid: int | None, **values: Any) -> Any:
    known = {"comm": f"c{pid}", "task": 0x1000 + (pid or 0), "seconds": 1.5, "function": "__mutex_lock"}
    lock = {"type": "mutex", "lock": "red", "address": 0xFF10, "owner_reads": False}
    owner = {"owner_task": None, "owner_pid": None, "owner_comm": None}
    return SimpleNamespace(pid=pid, **{**known, **lock, **owner, **values})


def owned(pid: int) -> dict[str, Any]:
    return {"owner_task": 0x1000 + pid, "owner_pid": pid, "owner_comm": f"c{pid}"}


def shown(
    *tasks: Any, complete: bool = True, findings: tuple[Finding, ...] = (), **options: Any
) -> list[str]:
    tables = {"tasks": tasks, "cycles": options.pop("cycles", ()), "frozen": options.pop("frozen", ())}
    found = tuple(Table(name=name, rows=cast("Any", list(rows))) for name, rows in tables.items())
    notices = () if complete else (Notice(kind="hole", message="gone"),)
    report = Report(report="hang", tables=found, complete=complete, warnings=notices, findings=findings)
    return list(hanging.lines(report, lambda command: f"({command})\n", **options))


def test_a_lock_with_its_owner_and_those_who_wait() -> None:
    assert shown(wait(7, **owned(9)), wait(8, seconds=0.25, **owned(9))) == [
        " *** UNINTERRUPTIBLE threads, classified ***",
        "",
        " ==================== Waiting on mutexes ====================",
        "  -- <mutex 0xff10> red",
        "   Owner: pid=9 cmd=c9",
        "    ... 2 pids. Youngest,oldest: 8, 7  Ran ms ago: 250, 1500",
        "        sorted by ran_ago, youngest first",
        "        8 7",
        "",
        "*** Threads that own resources the other threads are waiting on ***",
        "(bt 0x1009)",
        "  7, 8 wait for it",
        "",
    ]


def test_what_is_unread_is_marked() -> None:
    said = shown(
        wait(None, comm=None, seconds=None, function=None, type=None, lock=None, address=None),
        wait(4, lock=None, address=None, owner_task=0x2000, owner_comm=None),
        verbose=True,
    )
    assert "  -- <mutex ?>" in said
    assert "   Owner: pid=? cmd=?" in said
    assert " ======================= Waiting in ? =======================" in said
    assert "    ... 1 pids. Youngest,oldest: ?, ?  Ran ms ago: ?, ?" in said
    assert "           ?   ?                      ?   ?" in said
    assert "(bt 0x2000)" in said


def test_no_tasks_are_none_where_nothing_is_missing() -> None:
    assert shown() == ["There are no UNINTERRUPTIBLE tasks"]
    assert shown(complete=False) == ["There are ? UNINTERRUPTIBLE tasks"]


def test_many_tasks_are_shown_from_each_end() -> None:
    tasks = [wait(pid, seconds=float(pid)) for pid in range(1, 26)]
    assert "        1 2 3 4 5 <15 skipped> 21 22 23 24 25" in shown(*tasks)
    assert "        1 <22 skipped> 24 25" in shown(*tasks, most=3)
    assert not any("sorted by" in line for line in shown(*tasks, most=0))
    rows = shown(*tasks, most=2, verbose=True, by_pid=True)
    assert rows[rows.index("        printing 2 out of 25") + 3 :][:3] == [
        "           1   c1                  1000   __mutex_lock",
        "             <23 skipped>",
        "          25   c25                25000   __mutex_lock",
    ]
    backwards = [wait(pid, seconds=9.0 - pid) for pid in range(1, 4)]
    assert "        3 2 1" in shown(*backwards)
    assert "        1 2 3" in shown(*backwards, by_pid=True)


def test_the_tree_ends_in_a_circle() -> None:
    waits = [wait(1, **owned(2)), wait(2, **owned(1)), wait(3, **owned(2)), wait(5, **owned(4))]
    said = shown(*waits, tree=True)
    assert said[said.index("-" * 78) :] == [
        "-" * 78,
        "4(c4)",
        "`- 5(c5)",
        "-" * 78,
        "2(c2)",
        "`- 1(c1)",
        "   `- 2(c2) (see above)",
        "`- 3(c3)",
    ]


def test_deadlocks_frozen_filesystems_and_findings_are_told() -> None:
    cycle = SimpleNamespace(pids=(1, 2), comms=("a", None), sure=False)
    block = SimpleNamespace(super_block=0xFF00, type="ext4", mount_point=None)
    finding = Finding(severity="critical", kind="deadlock", message="two tasks wait for each other")
    assert shown(wait(1), cycles=[cycle], frozen=[block], findings=(finding,))[-9:] == [
        "",
        "*** Deadlocks ***",
        "  1(a) -> 2(?) -> 1  (not for sure)",
        "",
        "*** Frozen filesystems ***",
        "  <struct super_block 0xff00> ext4 ?",
        "",
        "*** Findings ***",
        "  critical: two tasks wait for each other",
    ]


def test_options_of_hanginfo() -> None:
    (one,) = asked.hanginfo({"maxpids": 3, "sortbypid": True, "verbose": 1, "tree": True})
    assert (one.report, one.options, one.asks) == ("hang", {"tasks": True}, True)
    assert cast("Any", one.lines).keywords == {"most": 3, "by_pid": True, "verbose": True, "tree": True}
