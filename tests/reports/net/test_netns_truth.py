"""Network namespaces of real dumps against /proc/PID/ns of every process, and ip netns."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import bound

# workers that the kernel may start or end between the guest's last look and its panic; of a slow guest
KERNEL_THREADS, MORE_THREADS = 5, 20


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("netns")


def test_processes(lab: Any, reported: Report) -> None:
    """Who lived where when the guest looked last; kernel threads come and go in the initial one."""
    told: dict[int, set[int]] = {}
    for path in (lab.folder / "truth/proc").glob("[0-9]*/ns"):
        if found := re.search(r"^net net:\[(\d+)\]$", path.read_text(), re.MULTILINE):
            told.setdefault(int(found[1]), set()).add(int(path.parent.name))
    rows = {row.inum: row for row in reported.table("namespaces").rows}
    assert told.keys() <= rows.keys()
    for inum, row in rows.items():
        pids = told.get(inum, set())
        assert row.pid == min(pids, default=None)
        most = bound(lab, KERNEL_THREADS, MORE_THREADS)
        assert row.processes == len(pids) or (row.initial and abs(row.processes - len(pids)) < most)
    (first,) = [row for row in rows.values() if row.initial]
    # newer kernels have a number for each of their first namespaces (include/uapi/linux/nsfs.h)
    inum = 4026531833 if 4026531833 in told else 4026531840
    assert (first.netns, first.inum, first.pid, first.program) == ("init", inum, 1, "init")
    assert 1 in told[inum]


def test_names(lab: Any, reported: Report) -> None:
    lines = (lab.folder / "truth/cmd/ip-netns").read_text().splitlines()
    told = {line.split()[0] for line in lines if line}
    assert {row.name for row in reported.table("namespaces").rows if row.name} == told


def test_interfaces(lab: Any, reported: Report) -> None:
    for row in reported.table("namespaces").rows:
        if not row.initial and row.name is None:
            continue  # of this one nobody looked
        folder = lab.folder / "truth" / ("." if row.initial else f"netns/{row.name}")
        lines = (folder / "proc/net/dev").read_text().splitlines()[2:]
        assert row.interfaces == len(lines)


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings
