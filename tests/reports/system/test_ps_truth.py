"""Tasks field by field, against /proc of the guest from right before its panic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.linux.processes.rows import TaskRow, TaskTable
from crashdrive.linux.survey import Survey
from crashdrive.records import Report
from tests.reports.conftest import Guest

REPORT = "ps"
USER_HZ = 100
PAGE = 4096
STATES = {"R": "RU", "S": "IN", "D": "UN", "T": "ST", "t": "TR", "Z": "ZO", "I": "ID"}
# who ran after the guest had been looked at: it, those that it woke, and who never sleeps
MOVING = re.compile(
    r"finish|spinner|init|mq sender|red (accepter|client|server)|"
    r"(kworker|ksoftirqd|rcu|migration|kcompactd|jbd2|cpuhp|kswapd).*"
)


@pytest.fixture(scope="module")
def table(guest: Guest) -> TaskTable:
    survey = Survey(Crash(guest.session, keep=False).kernel)
    found = TaskTable(survey)
    assert survey.complete
    return found


@pytest.fixture(scope="module")
def processes(table: TaskTable) -> dict[int, TaskRow]:
    return {row.pid: row for row in table.processes() if row.pid}


@pytest.fixture(scope="module")
def threads(table: TaskTable) -> dict[int, TaskRow]:
    return {row.pid: row for row in table.threads() if row.pid}


@pytest.fixture(scope="module")
def detailed(guest: Guest) -> Report:
    crash = Crash(guest.session, keep=False)
    return crash.run_report(
        REPORT, arguments=True, environment=True, limits=True, signals=True, user=True, sort="rss"
    )


def folders(guest: Guest) -> Iterator[tuple[int, Path]]:
    """Folders of the processes that were there when the guest was looked at."""
    for path in sorted((guest.folder / "truth/proc").glob("[0-9]*")):
        if (path / "stat").exists():
            yield int(path.name), path


def text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "backslashreplace")


def still(row: TaskRow) -> bool:
    """Whether nothing happened to it after the guest was looked at."""
    return MOVING.fullmatch(row.comm or "") is None


def stat(path: Path) -> list[str]:
    before, _, behind = path.read_text(errors="backslashreplace").rpartition(") ")
    return [*before.split(" (", 1), *behind.split()]


def status(path: Path) -> dict[str, str]:
    pairs = (line.partition(":\t") for line in text(path).splitlines())
    return {name: value for name, _, value in pairs}


def test_all_are_there(guest: Guest, processes: dict[int, TaskRow], threads: dict[int, TaskRow]) -> None:
    said = {pid for pid, _ in folders(guest)}
    assert said <= processes.keys()
    # the kernel's own workers come and go
    assert all(still(processes[pid]) is False for pid in processes.keys() - said)
    tasks = {int(path.name) for _, folder in folders(guest) for path in folder.glob("task/[0-9]*")}
    assert tasks - said
    assert tasks <= threads.keys()


def test_stat(guest: Guest, processes: dict[int, TaskRow], threads: dict[int, TaskRow]) -> None:
    compared = 0
    for pid, folder in folders(guest):
        _same_stat(stat(folder / "stat"), processes[pid])
        for thread in folder.glob("task/[0-9]*/stat"):
            _same_stat(stat(thread), threads[int(thread.parent.name)])
            compared += 1
    assert compared > 140


def _same_stat(said: list[str], row: TaskRow) -> None:
    """By the numbers of proc(5), which begin with 1."""
    field: Any = [None, *said].__getitem__
    assert row.tgid is not None
    names = {4: "ppid", 5: "pgid", 6: "sid", 20: "threads", 41: None}
    for number, name in names.items():
        if name:
            assert int(field(number)) == getattr(row, name), (row.pid, name)
    if row.realtime_priority:
        assert (int(field(40)), int(field(18))) == (row.realtime_priority, (row.priority or 0) - 100)
    assert (row.priority or 0) - 100 == int(field(18))
    assert row.nice == int(field(19))
    assert (row.start_time or 0) * USER_HZ == pytest.approx(int(field(22)), abs=1.01)
    assert (row.vsz or 0) == int(field(23)) or not still(row)
    if not still(row):
        return
    assert row.state_letter == field(3)
    assert row.state == STATES[field(3)]
    assert row.task_flags == int(field(9))
    assert (row.minor_faults, row.children_minor_faults) == (int(field(10)), int(field(11))), row.pid
    assert (row.major_faults, row.children_major_faults) == (int(field(12)), int(field(13)))
    for number, name in {14: "user", 15: "system", 16: "children_user", 17: "children_system"}.items():
        seconds = getattr(row, f"{name}_seconds")
        # /proc cuts what is below a hundredth
        assert 0 <= seconds * USER_HZ - int(field(number)) < 1.01, (row.pid, name)
    # in stat the kernel leaves out what CPUs hold of percpu_counters: up to 32 pages of each kind
    assert abs((row.rss or 0) // PAGE - int(field(24))) < 2 * 3 * 32
    assert row.exit_signal == int(field(38)) or row.state_letter == "Z"
    if row.state_letter == "Z":
        assert row.exit_status == int(field(52))


def test_status(guest: Guest, processes: dict[int, TaskRow]) -> None:
    for pid, folder in folders(guest):
        row, said = processes[pid], status(folder / "status")
        found = [row.uid, row.euid, row.suid, row.fsuid]
        assert " ".join(map(str, found)) == " ".join(said["Uid"].split())
        assert " ".join(map(str, [row.gid, row.egid, row.sgid, row.fsgid])) == " ".join(said["Gid"].split())
        assert (row.tracer_pid or 0) == int(said["TracerPid"])
        assert " ".join(map(str, (pid, *row.inner_pids))) == " ".join(said["NSpid"].split())
        assert row.capabilities == int(said["CapEff"], 16)
        assert row.no_new_privs is bool(int(said["NoNewPrivs"]))
        assert row.seccomp == ["disabled", "strict", "filter"][int(said["Seccomp"])]
        assert row.seccomp_filters == int(said["Seccomp_filters"])
        assert row.allowed_cpus == said["Cpus_allowed_list"].strip()
        if not still(row):
            continue
        assert row.voluntary_switches == int(said["voluntary_ctxt_switches"]), row.comm
        assert row.involuntary_switches == int(said["nonvoluntary_ctxt_switches"])
        if "VmRSS" in said:
            _same_memory(row, said)


def _same_memory(row: TaskRow, said: dict[str, str]) -> None:
    names = {
        "VmPeak": "peak_vsz", "VmSize": "vsz", "VmLck": "locked_bytes", "VmHWM": "peak_rss", "VmRSS": "rss",
        "RssAnon": "rss_anonymous", "RssFile": "rss_file", "RssShmem": "rss_shmem", "VmPTE": "page_tables",
        "VmSwap": "swap_bytes",
    }  # fmt: skip
    for name, field in names.items():
        assert getattr(row, field) == int(said[name].split()[0]) * 1024, (row.pid, name)


def test_io_and_schedstat(guest: Guest, processes: dict[int, TaskRow], threads: dict[int, TaskRow]) -> None:
    names = ("rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes")
    for pid, folder in folders(guest):
        row = processes[pid]
        if not still(row):
            continue
        said = dict(line.split(": ") for line in text(folder / "io").splitlines())
        assert {name: getattr(row, name) for name in names} == {name: int(said[name]) for name in names}
        ran, waited, runs = map(int, text(folder / "schedstat").split())
        own = threads[pid]
        assert own.runtime_seconds == pytest.approx(ran / 1e9)
        assert own.waited_seconds == pytest.approx(waited / 1e9)
        assert own.runs == runs


def test_oom_scores(guest: Guest, processes: dict[int, TaskRow]) -> None:
    scores = set()
    for pid, folder in folders(guest):
        row = processes[pid]
        assert row.oom_score_adj == int(text(folder / "oom_score_adj"))
        if still(row):
            assert row.oom_score == int(text(folder / "oom_score")), row.comm
            scores.add(row.oom_score)
    assert len(scores) > 2


def test_cgroups_and_namespaces(guest: Guest, processes: dict[int, TaskRow]) -> None:
    home = dict(line.split() for line in text(guest.folder / "truth/proc/1/ns").splitlines())
    kinds = {"net", "uts", "ipc", "pid", "user", "mnt", "cgroup", "time"}
    others = 0
    for pid, folder in folders(guest):
        row = processes[pid]
        lines = [line.split(":", 2)[1:] for line in text(folder / "cgroup").splitlines()]
        found = {("", row.cgroup), *(tuple(one.split(":")) for one in row.old_cgroups)}
        assert found == {(kind, path) for kind, path in lines}, row.comm
        said = dict(line.split() for line in text(folder / "ns").splitlines())
        different = {said[kind] for kind in kinds if kind in said and said[kind] != home[kind]}
        assert set(row.namespaces) == different, row.comm
        others += len(different)
    assert others > 10


def test_wait_channels(guest: Guest) -> None:
    rows = Crash(guest.session, keep=False).run_report(
        REPORT, threads=True, wait=True, show=("scheduling", "times")
    )
    compared = 0
    for row in rows.table("tasks").rows:
        path = guest.folder / f"truth/proc/{row.tgid}/task/{row.pid}/wchan"
        if still(row) and path.exists():
            # crash leaves out what compilers add
            said = re.sub(r"\.(part|isra|constprop)\..*", "", text(path))
            assert (row.wait_channel or "0") == said, row.comm
            compared += 1
    assert compared > 80


def test_command_lines_and_environments(guest: Guest, detailed: Report) -> None:
    """A dump without user pages says so, of each process and of the whole."""
    rows = detailed.table("arguments").rows
    whole = guest.name.startswith("6.1-elf")
    assert detailed.complete is whole
    for row in rows:
        if not whole:
            assert row.missing
            continue
        folder = guest.folder / f"truth/proc/{row.pid}"
        for name, words in {"cmdline": row.argv, "environ": row.environment}.items():
            if (folder / name).exists():
                said = text(folder / name).removesuffix("\0").split("\0")
                assert list(words or ()) == said, (row.comm, name)
    assert len(rows) > 60


def test_limits(guest: Guest, detailed: Report) -> None:
    compared = 0
    found = {(row.pid, row.limit_name): row for row in detailed.table("limits").rows}
    for pid, folder in folders(guest):
        if (pid, "open files") not in found:
            continue
        for line in text(folder / "limits").splitlines()[1:]:
            row = found[pid, line[4:26].strip()]
            said = [None if word == "unlimited" else int(word) for word in line[26:68].split()]
            assert [row.soft_limit, row.hard_limit] == said
            assert (row.unit or "") == line[68:].strip()
            compared += 1
    assert compared > 1000


def test_signals(guest: Guest, detailed: Report) -> None:
    names = {
        "SigPnd": "pending_signals", "ShdPnd": "process_signals", "SigBlk": "blocked_signals",
        "SigIgn": "ignored_signals", "SigCgt": "caught_signals",
    }  # fmt: skip
    caught = 0
    for row in detailed.table("signals").rows:
        path = guest.folder / f"truth/proc/{row.pid}/status"
        if path.exists() and still(row):
            said = status(path)
            assert {name: getattr(row, field) or 0 for name, field in names.items()} == {
                name: int(said[name], 16) for name in names
            }, row.comm
            caught += row.caught_signals is not None and row.caught_signals != 0
    assert caught


def test_tree(guest: Guest, processes: dict[int, TaskRow]) -> None:
    report = Crash(guest.session, keep=False).run_report(REPORT, tree=True, user=True)
    lines = {row.pid: row for row in report.table("tree").rows}
    assert len(lines) == sum(not row.kernel_thread for row in processes.values())
    for pid, line in lines.items():
        parent = lines.get(processes[pid].ppid)
        assert line.depth == (0 if parent is None else parent.depth + 1)
        assert line.tree_line.endswith(f"{processes[pid].comm}({pid})")


def test_open_files(guest: Guest, processes: dict[int, TaskRow]) -> None:
    for pid, folder in folders(guest):
        row = processes[pid]
        if still(row) and row.state_letter != "Z":
            assert (row.open_files or 0) == len(re.findall(r"^\d+ ", text(folder / "fd"), re.MULTILINE)), (
                row.comm
            )
