"""Cgroups file by file, against those of the guest from right before its panic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.linux.cgroups.groups import CgroupRow
from crashdrive.records import Report
from tests.reports.conftest import Guest

REPORT = "cgroups"
MOUNTS = {"unified": "sys/fs/cgroup", "freezer": "run/cgroup/freezer", "name=lab": "run/cgroup/named"}


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    crash = Crash(guest.session, keep=False)
    return crash.run_report(REPORT, tasks=True, pressure=True, io=True, show=("memory", "cpu"))


def groups(guest: Guest, reported: Report) -> Iterator[tuple[CgroupRow, Path]]:
    """Rows with the folder of each."""
    for row in reported.table("cgroups").rows:
        folder = guest.folder / "truth" / MOUNTS[row.hierarchy] / (row.path or "").lstrip("/")
        yield row, folder


def said(folder: Path, name: str) -> dict[str, int]:
    """A file of words and numbers; nothing of one that isn't there."""
    path = folder / name
    return dict(_pair(line) for line in path.read_text().splitlines()) if path.exists() else {}


def _pair(line: str) -> tuple[str, int]:
    name, _, value = line.partition(" ")
    return name, int(value)


def limit(folder: Path, name: str) -> int | None:
    text = (folder / name).read_text().strip()
    return None if text == "max" else int(text)


def test_all_are_there(guest: Guest, reported: Report) -> None:
    found = {(row.hierarchy, row.path) for row in reported.table("cgroups").rows}
    there = {
        (name, f"/{path.parent.relative_to(guest.folder / 'truth' / place)}".replace("/.", "/"))
        for name, place in MOUNTS.items()
        for path in (guest.folder / "truth" / place).rglob("cgroup.procs")
    }
    assert found == there
    assert len(found) == 10


def test_members(guest: Guest, reported: Report) -> None:
    members: dict[tuple[str, str | None], set[int]] = {}
    for row in reported.table("tasks").rows:
        members.setdefault((row.hierarchy, row.path), set()).add(row.tgid)
    for row, folder in groups(guest, reported):
        pids = {int(word) for word in (folder / "cgroup.procs").read_text().split()}
        mine = members.get((row.hierarchy, row.path), set())
        assert row.processes == len(mine)
        if row.path == "/":  # kernel's workers come and go; who is in another pid namespace is there as well
            assert len(pids ^ mine) < 12
        else:
            assert pids == mine


def test_controllers_and_shape(guest: Guest, reported: Report) -> None:
    for row, folder in groups(guest, reported):
        if row.hierarchy != "unified":
            continue
        assert set(row.controllers) == set((folder / "cgroup.controllers").read_text().split())
        shape = said(folder, "cgroup.stat")
        assert row.cgroups_below == shape["nr_descendants"]
        assert row.dying_below == shape["nr_dying_descendants"]
        events = said(folder, "cgroup.events")
        assert (row.frozen == "frozen") is bool(events.get("frozen", 0))


def test_frozen(reported: Report) -> None:
    found = {(row.hierarchy, row.path): row.frozen for row in reported.table("cgroups").rows}
    assert found["unified", "/lab/frozen"] == "frozen"
    assert found["freezer", "/half"] == "thawed"


def test_cpu(guest: Guest, reported: Report) -> None:
    for row, folder in groups(guest, reported):
        if row.hierarchy != "unified" or row.path == "/":
            continue
        times = said(folder, "cpu.stat")
        names = {"usage_usec": "usage_seconds", "user_usec": "user_seconds", "system_usec": "system_seconds",
                 "throttled_usec": "throttled_seconds"}  # fmt: skip
        for name, field in names.items():
            value = getattr(row, field)
            # /proc cuts what is below a microsecond
            assert value is None or 0 <= value * 1e6 - times[name] < 1.01, (row.path, field)
        assert row.periods == times["nr_periods"]
        assert row.throttled_periods == times["nr_throttled"]
        assert row.cpu_weight == int((folder / "cpu.weight").read_text())
        quota, period = (folder / "cpu.max").read_text().split()
        assert row.quota_seconds == (None if quota == "max" else int(quota) / 1e6)
        assert row.period_seconds == int(period) / 1e6


def test_memory(guest: Guest, reported: Report) -> None:
    charged = 0
    for row, folder in groups(guest, reported):
        if not (folder / "memory.max").exists():
            continue
        assert row.memory_bytes == int((folder / "memory.current").read_text())
        assert row.memory_peak_bytes == int((folder / "memory.peak").read_text())
        assert [row.memory_min, row.memory_low] == [limit(folder, f"memory.{one}") for one in ("min", "low")]
        assert [row.memory_high, row.memory_max] == [
            limit(folder, f"memory.{one}") for one in ("high", "max")
        ]
        assert row.swap_bytes == int((folder / "memory.swap.current").read_text())
        assert row.swap_max == limit(folder, "memory.swap.max")
        events = said(folder, "memory.events")
        assert row.memory_oom_kills == events["oom_kill"]
        assert (row.memory_high_events, row.memory_max_events) == (events["high"], events["max"])
        kinds = said(folder, "memory.stat")
        names = ("anon", "file", "shmem", "kernel", "slab", "sock")
        found = [
            row.anonymous_bytes,
            row.file_bytes,
            row.shmem_bytes,
            row.kernel_bytes,
            row.slab_bytes,
            row.sock_bytes,
        ]
        assert found == [kinds[name] for name in names], row.path
        charged += row.anonymous_bytes or 0
    assert charged > 6 << 20


def test_pids(guest: Guest, reported: Report) -> None:
    for row, folder in groups(guest, reported):
        if (folder / "pids.max").exists():
            assert row.pids_current == int((folder / "pids.current").read_text())
            assert row.pids_max == limit(folder, "pids.max")
            assert row.pids_failures == said(folder, "pids.events")["max"]
    assert {finding.kind for finding in reported.findings} == {"cgroup-pids-full", "cgroup-frozen"}


def test_pressure(guest: Guest, reported: Report) -> None:
    """Totals grow: /proc brings them up to date, and so they were when the guest was looked at."""
    rows: Sequence[Any] = reported.table("pressure").rows
    compared = 0
    for row in rows:
        if row.path is None:
            continue
        path = guest.folder / "truth/sys/fs/cgroup" / row.path.lstrip("/") / f"{row.pressure_of}.pressure"
        lines = {line.split()[0]: line for line in path.read_text().splitlines()} if path.exists() else {}
        if row.share in lines:
            total = int(lines[row.share].rpartition("total=")[2])
            assert 0 <= row.stalled_seconds * 1e6 - total < 200_000, (row.path, row.pressure_of)
            compared += 1
    assert compared >= 20
    assert any(row.stalled_seconds for row in rows if row.path)
