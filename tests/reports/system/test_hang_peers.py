"""Who waits for whom over unix sockets and futexes, as the guests' processes told it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sessionkit import replayed, report_folders, unpack

from crashdrive.records import Report

FOLDERS = [folder for folder in report_folders("hang") if "peers" in folder.name]
EDEADLK = 35
# who waits for whom: the owner is sure
SURE = {
    "lab-left": "lab-right",
    "lab-right": "lab-left",
    "lab-sender": "lab-deaf",
    "lab-outer": "lab-inner",
    "lab-early-1": "lab-busy",
    "lab-early-2": "lab-busy",
    "lab-ear": "lab-hand",
    "lab-hand": "lab-ear",
    "lab-moon": "lab-sun",
}
# the waiter's own socket, which may have a timeout, isn't known
IN_DOUBT = {"lab-late-1": "lab-busy", "lab-late-2": "lab-busy", "lab-flooder": "lab-mute"}
NOBODY = {
    "lab-self": "the waiter alone holds it",
    "lab-many": "peer stream",
    "lab-flight": "in flight in a message (SCM_RIGHTS)",
    "lab-acceptor": "listens; whoever connects ends the wait",
    "lab-nobody": "has no peer: whoever sends ends the wait",
    "lab-word": "",
    "lab-harvest": "",
}
# whom user memory alone knows: the robust list, and glibc's mutex
WORDS = {
    "lab-weak": ("lab-strong", None),
    "lab-red": ("lab-blue", "glibc"),
    "lab-blue": ("lab-red", "glibc"),
    "lab-pile-1": ("lab-threads", "glibc"),
    "lab-pile-2": ("lab-threads", "glibc"),
    "lab-pile-3": ("lab-threads", "glibc"),
}


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def reported(folder: Path) -> Report:
    with replayed(folder) as crash:
        return crash.run_report("hang", sleepers=True, futexes=True)


@pytest.fixture(scope="module")
def told(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int, str]]:
    """What the guest's processes said: pid, tid, address, by name."""
    place = tmp_path_factory.mktemp("truth")
    unpack(folder, place)
    lines = (line.split() for line in (place / "truth/cmd/peers").read_text().splitlines())
    return {name: (int(pid), int(tid), address) for name, pid, tid, address in lines}


@pytest.fixture(scope="module")
def rows(reported: Report) -> dict[str, Any]:
    return {row.comm: row for row in reported.table("sleepers").rows}


def has_user_memory(folder: Path) -> bool:
    return "-elf-" in folder.name


def test_there_is_a_guest_of_each_kernel() -> None:
    assert [folder.name.split("-")[0] for folder in FOLDERS] == ["6.1", "6.12"]


def test_every_sleeper_is_there(rows: dict[str, Any], told: dict[str, tuple[int, int, str]]) -> None:
    assert rows.keys() == {*SURE, *IN_DOUBT, *NOBODY, *WORDS}
    assert {name: row.pid for name, row in rows.items()} == {name: told[name][1] for name in rows}
    # a new task of 6.12 has no time yet (se.exec_start)
    assert all(row.seconds is None or row.seconds > 1 for row in rows.values())


def test_owners(rows: dict[str, Any], told: dict[str, tuple[int, int, str]], folder: Path) -> None:
    wanted: dict[str, tuple[str | None, str | None]] = {name: (who, None) for name, who in SURE.items()}
    wanted |= {name: (who, "timeout") for name, who in IN_DOUBT.items()}
    wanted |= dict.fromkeys(NOBODY, (None, None))
    wanted |= WORDS if has_user_memory(folder) else dict.fromkeys(WORDS, (None, None))
    found = {name: (row.owner_comm, row.owner_doubt) for name, row in rows.items()}
    assert found == wanted
    for name, (owner, _) in wanted.items():
        assert rows[name].owner_pid == (told[owner][1] if owner else None)


def test_who_waits_alone_is_said_so(rows: dict[str, Any], told: dict[str, tuple[int, int, str]]) -> None:
    for name, words in NOBODY.items():
        assert words in rows[name].note
    holders = {name: rows[name].holder_pids for name in ("lab-self", "lab-many", "lab-flight")}
    assert holders == {
        "lab-self": (told["lab-self"][0],),
        "lab-many": (told["lab-many-1"][0], told["lab-many-2"][0]),
        "lab-flight": (),
    }
    assert f"{told['lab-inner'][0]} is 1 of another pid namespace" in rows["lab-outer"].note


def test_a_backlog_that_is_full(rows: dict[str, Any]) -> None:
    for name in ("lab-early-1", "lab-early-2", "lab-late-1", "lab-late-2"):
        assert rows[name].note.endswith("@lab-busy: 2 of 1")
    assert rows["lab-late-1"].address == rows["lab-late-2"].address
    assert rows["lab-early-1"].note.startswith("not accepted yet: ")


def test_circles(reported: Report, told: dict[str, tuple[int, int, str]], folder: Path) -> None:
    """The kernel refuses a circle of futexes with priority inheritance, but sees none over a socket."""
    assert int(told["refused"][2]) == EDEADLK
    found = {frozenset(row.comms): row for row in reported.table("cycles").rows}
    sure = {frozenset({"lab-left", "lab-right"}), frozenset({"lab-ear", "lab-hand"})}
    perhaps = {frozenset({"lab-red", "lab-blue"})} if has_user_memory(folder) else set()
    assert found.keys() == sure | perhaps
    assert {names for names, row in found.items() if row.sure} == sure
    assert all(found[names].doubts == ("glibc",) for names in perhaps)
    messages = [finding.message for finding in reported.findings if finding.kind == "deadlock"]
    assert sum("are deadlocked" in one for one in messages) == len(sure)
    assert sum("may be deadlocked" in one for one in messages) == len(perhaps)


def test_futexes_by_their_words(
    reported: Report, told: dict[str, tuple[int, int, str]], folder: Path
) -> None:
    futexes = {row.waiter_pids[0]: row for row in reported.table("futexes").rows}
    pile = {told[f"lab-pile-{number}"][1] for number in (1, 2, 3)}
    (own,) = (row for row in futexes.values() if row.waiters > 1)
    assert set(own.waiter_pids) == pile
    assert own.user_address == int(told["lab-pile-1"][2], 16)
    moon, hand = (futexes[told[name][1]] for name in ("lab-moon", "lab-hand"))
    assert (moon.owner_pid, moon.owner_by) == (told["lab-sun"][1], "kernel")
    assert (hand.owner_pid, hand.owner_by) == (told["lab-ear"][1], "kernel")
    if has_user_memory(folder):
        assert own.word == 2
        # FUTEX_WAITERS and the holder's number
        assert moon.word == 0x8000_0000 | told["lab-sun"][1]
        weak = futexes[told["lab-weak"][1]]
        assert (weak.owner_pid, weak.owner_by) == (told["lab-strong"][1], "robust")
        assert weak.word == 0x8000_0000 | told["lab-strong"][1]
    else:
        assert {row.word for row in futexes.values()} == {None}


def test_groups_by_what_is_waited_for(reported: Report, told: dict[str, tuple[int, int, str]]) -> None:
    groups = {frozenset(row.comms): row for row in reported.table("sleeping_groups").rows}
    late = groups[frozenset({"lab-late-1", "lab-late-2"})]
    assert (late.type, late.root_pid) == ("unix", told["lab-busy"][0])
    assert groups[frozenset({"lab-pile-1", "lab-pile-2", "lab-pile-3"})].type == "futex"
    assert groups[frozenset({"lab-left"})].deadlocked
    assert reported.table("groups").rows == []
