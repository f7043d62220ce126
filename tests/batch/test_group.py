"""Groups: what belongs together, what doesn't, and that groups stay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.batch.group import Crash, Group, grouped
from crashdrive.batch.known import Known, KnownFile, entry_for, read_known, state_of
from crashdrive.batch.ledger import Ledger, open_folder
from crashdrive.batch.likeness import bare, likeness, normalised
from crashdrive.batch.regroup import regroup
from crashdrive.batch.run import keep
from crashdrive.batch.summary import waits_for
from crashdrive.errors import UsageError
from tests.batch.fakes import found, result, verdict

STACK = ("nfs_put", "nfs_release", "__fput", "task_work_run", "do_exit", "do_syscall_64")


def crash(number: int, function: str | None = "nfs_put", kind: str = "null", **more: Any) -> Crash:
    """A crash, with a bucket as signatures make it."""
    title = f"{kind} in {function}"
    given = {
        "dump": f"d{number}", "kind": kind, "function": function, "title": title, "frames": STACK,
        "bucket": f"{kind}/{function}/{more.get('module')}", "crashed": f"2026-11-{number + 1:02}", **more,
    }  # fmt: skip
    return Crash(**given)


def sets(groups: Sequence[Group]) -> list[list[str]]:
    return sorted(sorted(one.dump for one in group.members) for group in groups)


def test_equal_buckets_are_one_group() -> None:
    groups = grouped([crash(0), crash(1), crash(2, "ext4_read")])
    assert sets(groups) == [["d0", "d1"], ["d2"]]
    assert [group.first.dump for group in groups] == ["d0", "d2"]


def test_alternatives_join() -> None:
    """A bad access is a NULL pointer here, a page fault there."""
    one = crash(0, kind="null", alternatives=("bad-access in nfs_put",))
    other = crash(1, kind="paging", alternatives=("bad-access in nfs_put",))
    assert sets(grouped([one, other, crash(2, kind="warning")])) == [["d0", "d1"], ["d2"]]


def test_an_alternative_that_hands_on_to_others_joins_nothing() -> None:
    """Two qdiscs that stall are two, whoever made them; what is called so itself is one."""
    led_by = ("rcu in tc_modify_qdisc", "stall in tc_modify_qdisc")
    two = [crash(n, name, kind="rcu", alternatives=led_by) for n, name in enumerate(("hhf_x", "taprio_x"))]
    assert sets(grouped(two)) == [["d0"], ["d1"]]
    assert {group.algorithm for group in grouped(two)} == {"2.0"}  # in version 1 they were one
    itself = [crash(n, "tc_modify_qdisc", kind=kind) for n, kind in enumerate(("rcu", "rcu"))]
    assert sets(grouped(itself)) == [["d0", "d1"]]


def test_functions_of_two_modules_are_two() -> None:
    alternatives = ("bad-access in nfs_put",)
    one = crash(0, module="a", alternatives=alternatives)
    assert len(grouped([one, crash(1, module="b", alternatives=alternatives)])) == 2


def test_what_a_compiler_inlined_is_one() -> None:
    """One kernel blames the callee, another one its caller, or names it with a suffix."""
    more = ("get_signal", "arch_do_signal", *(f"further_{at}" for at in range(12)))
    inlined = crash(0, "nfs_release", frames=(*STACK[1:], *more))
    other = crash(1, "nfs_put", frames=(*STACK, *more))
    assert sets(grouped([inlined, other])) == [["d0", "d1"]]
    assert len(grouped([inlined, crash(1, "nfs_put", kind="paging", frames=(*STACK, *more))])) == 2
    renamed = crash(2, "__nfs_put.isra.0", frames=("__nfs_put.isra.0", *STACK[1:]))
    assert sets(grouped([crash(1), renamed])) == [["d1", "d2"]]


def test_equal_callers_are_not_enough() -> None:
    """Ways of dying that are all led to by the same write into /proc."""
    below = ("lab_write", "proc_reg_write", "vfs_write", "ksys_write", "do_syscall_64")
    names = ("lab_null", "lab_paging", "lab_divide", "lab_bug")
    crashes = [crash(at, name, frames=(name, *below)) for at, name in enumerate(names)]
    assert len(grouped(crashes)) == len(names)


def test_a_culprit_that_everybody_calls_is_told_apart_by_its_caller() -> None:
    kinds = [
        crash(at, "kfree", frames=("kfree", who, "do_exit")) for at, who in enumerate(("a_free", "b_free"))
    ]
    assert len(grouped(kinds)) == 2
    assert len(grouped([*kinds, crash(2, "kfree", frames=("kfree", "a_free", "other"))])) == 2


def test_who_asked_for_the_last_page_is_chance() -> None:
    """Kernels that ran out of memory died of the same, whose fault ever it was that met it."""
    entry = ("out_of_memory", "__alloc_pages_slowpath", "__alloc_pages")
    one = crash(1, "out_of_memory", "oom", frames=(*entry, "__handle_mm_fault", "handle_mm_fault"))
    other = crash(2, "out_of_memory", "oom", frames=(*entry, "do_anonymous_page", "__handle_mm_fault"))
    assert sets(grouped([one, other])) == [["d1", "d2"]]


def test_hangs_are_grouped_by_what_everybody_waits_for() -> None:
    hung = [crash(at, name, kind="hung", waits_for="mutex rtnl_mutex") for at, name in enumerate(("a", "b"))]
    other = crash(2, "a", kind="hung", waits_for="rwsem mmap_lock")
    assert sets(grouped([*hung, other])) == [["d0", "d1"], ["d2"]]


def test_stalls_where_chance_put_them_are_not_joined_by_that() -> None:
    def stalled(number: int, entry: str) -> Crash:
        alternatives = (f"stall in {entry}", "stall in console_unlock")
        return crash(number, "console_unlock", kind="rcu", alternatives=alternatives)

    assert len(grouped([stalled(0, "drm_ioctl"), stalled(1, "llcp_sendmsg")])) == 2
    assert len(grouped([stalled(0, "drm_ioctl"), stalled(1, "drm_ioctl")])) == 1


def test_corrupted_ones_are_apart() -> None:
    clear, corrupted = crash(0), crash(1, corrupted=True)
    unclear = [crash(at, None, corrupted=True, frames=(name,)) for at, name in ((2, "a"), (3, "b"), (4, "a"))]
    assert sets(grouped([clear, corrupted, *unclear])) == [["d0"], ["d1"], ["d2", "d4"], ["d3"]]


CRASHES = st.lists(
    st.builds(
        crash,
        st.integers(0, 27),
        st.sampled_from(("nfs_put", "__nfs_put", "nfs_release", "kfree", "ext4_read")),
        st.sampled_from(("null", "paging", "hung", "rcu", "warning")),
        module=st.sampled_from((None, "nfs")),
        frames=st.lists(st.sampled_from(STACK), max_size=4).map(tuple),
        alternatives=st.sampled_from(((), ("bad-access in nfs_put",), ("stall in read",))),
        waits_for=st.sampled_from((None, None, "mutex a")),
        corrupted=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda one: one.dump,
)


@given(CRASHES, st.randoms())
def test_order_changes_nothing(crashes: list[Crash], random: Random) -> None:
    first = grouped(crashes)
    random.shuffle(crashes)
    again = grouped(crashes)
    assert sets(first) == sets(again)
    assert {group.id for group in first} == {group.id for group in again}
    assert len({group.id for group in first}) == len(first)


@given(CRASHES, st.integers(0, 12))
def test_groups_and_their_ids_stay_when_dumps_are_added(crashes: list[Crash], at: int) -> None:
    """Members stay together; each group that was there goes on under its own id or that of an older one."""
    before = grouped(crashes[:at])
    ids = {one.dump: group.id for group in before for one in group.members}
    import msgspec

    kept = [msgspec.structs.replace(one, group_id=ids.get(one.dump)) for one in crashes]
    after = {one.dump: group.id for group in grouped(kept) for one in group.members}
    for group in before:
        assert len({after[one.dump] for one in group.members}) == 1
    assert {after[name] for name in ids} <= set(ids.values())


def test_frames() -> None:
    assert bare("__nfs_put.isra.0.cold") == "nfs_put"
    assert bare("__x64_sys_read") == "read"
    frames = ("dump_stack", "panic", "nfs_put.part.0", "process_one_work", "worker_thread", "kthread")
    assert normalised(frames) == ("nfs_put",)
    assert likeness(STACK, STACK) == 1
    assert likeness(("a", "b"), ("c",)) == 0
    top, bottom = ("x", *STACK[1:]), (*STACK[:-1], "x")
    assert likeness(STACK, top) < likeness(STACK, bottom)


def ledger_of(place: Path, functions: Sequence[str], release: str = "6.1.0-50") -> Ledger:
    ledger = Ledger(open_folder(place))
    for number, function in enumerate(functions):
        one = found(number, host=f"web{number}", release=release)
        system = {"date": f"2026-11-{number + 1:02}T00:00:00+00:00"}
        keep(ledger, one, result(one, verdict(function), system=system))
    return ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = ledger_of(tmp_path / "out", ["f", "g", "f"])
    yield one
    one.close()


def test_the_table_groups(ledger: Ledger) -> None:
    changed = regroup(ledger)
    rows = {row["function"]: dict(row) for row in ledger.rows("SELECT * FROM groups")}
    assert changed == {row["group_id"] for row in rows.values()}
    assert (rows["f"]["count"], rows["f"]["hosts"], rows["f"]["state"]) == (2, 2, "new")
    assert (rows["f"]["first_seen"][:10], rows["f"]["last_seen"][:10]) == ("2026-11-01", "2026-11-03")
    assert json.loads(rows["f"]["releases"]) == ["6.1.0-50"]
    members = ledger.rows("SELECT dump FROM dumps WHERE group_id = ?", (rows["f"]["group_id"],))
    assert len(members) == 2
    assert regroup(ledger) == set()
    more = found(9)
    keep(ledger, more, result(more, verdict("g")))
    assert regroup(ledger) == {rows["g"]["group_id"]}


def test_what_is_known_is_told(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(
        '[[known]]\nsignature = ["null: in f", "x"]\ntitle = "NFS again"\nowner = "storage"\n'
        'link = "https://bugs.example.org/1"\nfixed_in = "6.1.0-49"\n[[known]]\nsignature = "null: in g*"\n'
    )
    regroup(ledger, read_known(path))
    rows = {row["function"]: row for row in ledger.rows("SELECT * FROM groups")}
    assert (rows["f"]["title"], rows["f"]["owner"], rows["f"]["state"]) == ("NFS again", "storage", "back")
    assert (rows["g"]["title"], rows["g"]["state"]) == ("null: in g", "known")
    assert state_of(entry_for(read_known(path), ["x"]), ["6.1.0-48", None]) == "known"


@pytest.mark.parametrize(
    ("release", "fixed", "state"),
    [
        ("6.1.0-57-cloud-amd64", "6.1.0-57", "back"),
        ("6.1.0-56-amd64", "6.1.0-57", "known"),
        ("6.12.94+deb12-cloud-amd64", "6.1.0-57", "back"),
        ("5.14.0-362.el9.x86_64", "5.14.0-362.8.1", "back"),
        ("5.14.0-362.8.1.el9.x86_64", "5.14.0-362.13", "known"),
        ("6.2.0-rc3", "6.2", "known"),
        ("6.2.0-rc3", "6.2-rc2", "back"),
        ("6.2.0-rc1", "6.2-rc2", "known"),
        ("6.2-rc1", "6.2.0-rc1", "back"),
        ("6.2.0-0.rc3.24.fc38.x86_64", "6.2", "known"),
        ("6.2.0-0.rc3.24.fc38.x86_64", "6.2-rc3", "back"),
        ("6.1.9-rc1", "6.2-rc2", "known"),
        ("6.2.0", "6.2-rc7", "back"),
        ("6.2", "6.2.0", "back"),
    ],
)
def test_a_kernel_that_has_the_fix(release: str, fixed: str, state: str) -> None:
    assert state_of(Known(signature="x", fixed_in=fixed), [release]) == state


def test_a_file_of_what_is_known_that_changes(tmp_path: Path) -> None:
    """Also one that comes, is wrong, and goes."""
    known, path = KnownFile(None, tmp_path), tmp_path / "known.toml"
    assert (known.entries, known.renewed()) == ([], False)
    path.write_text("[[known]]\nsignature = 'x'")
    assert (known.renewed(), known.renewed(), len(known.entries)) == (True, False, 1)
    path.write_text("[[known")
    with pytest.raises(UsageError):
        known.renewed()
    assert (known.renewed(), len(known.entries)) == (False, 1)
    path.unlink()
    assert (known.renewed(), known.entries) == (True, [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[known]]\ntitle = 'x'", "signature"),
        ("[[known]]\nsignature = 'x'\nowners = 'y'", "owners"),
        ("[[know]]\nsignature = 'x'", "unknown table 'know'"),
        ("[[known]]\nsignature = 'x'\nlink = 'javascript:alert(1)'", "neither http"),
        ("[[known]]\nsignature = 'x'\nfixed_in = 'soon'", "no kernel's release"),
        ("[[known", "known.toml"),
    ],
)
def test_known_files_that_are_wrong(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "known.toml").write_text(text)
    with pytest.raises(UsageError, match=told):
        read_known(tmp_path / "known.toml")
    with pytest.raises(UsageError, match="No such file"):
        read_known(tmp_path / "none.toml")


def test_what_everybody_waits_for() -> None:
    """From the task that the watchdog named along the owners to who waits for nobody of these."""
    groups: list[dict[str, Any]] = [
        {"type": "completion", "lock": None, "function": "wait_for_it", "pids": [1, 2, 3], "tasks": 3},
        {"type": "mutex", "lock": "rtnl_mutex", "pids": [7, 8], "tasks": 2, "root_pid": 9},
        {"type": "rwsem", "lock": "0xffff888000000000", "function": "down_read", "pids": [9], "tasks": 1},
    ]
    reports = {"hang": {"tables": {"groups": groups}}}

    def of(pid: int, kind: str = "hung") -> str | None:
        return waits_for(result(found(1), reports=reports), {"kind": kind, "pid": pid})

    assert of(7) == of(8) == of(9) == "rwsem down_read"
    assert of(2) == "completion wait_for_it"
    assert of(99) is None
    assert of(7, "null") is None
    for group in groups[1:]:
        group["deadlocked"] = True
    assert of(7) == "deadlock: mutex rtnl_mutex, rwsem down_read"
