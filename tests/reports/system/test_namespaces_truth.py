"""Namespaces against /proc/PID/ns of the guest, and whose each is as the kernel itself told it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.linux.namespaces.rows import NamespaceRow
from crashdrive.records import Report
from tests.reports.conftest import Guest
from tests.reports.guest_truth import settings

REPORT = "namespaces"
KINDS = ("mnt", "uts", "ipc", "net", "pid", "user", "cgroup", "time")


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT, members=True, nesting=True)


@pytest.fixture(scope="module")
def rows(reported: Report) -> dict[tuple[str, int], NamespaceRow]:
    return {(row.kind, row.inum): row for row in reported.table("namespaces").rows}


def lines(guest: Guest, name: str) -> Iterator[tuple[int, list[str]]]:
    for path in (guest.folder / "truth/proc").glob(f"[0-9]*/{name}"):
        for line in path.read_text().splitlines():
            yield int(path.parent.name), line.split()


def living(guest: Guest) -> dict[tuple[str, int], set[int]]:
    """Processes by their namespaces; of one that has ended /proc tells some, too."""
    found: dict[tuple[str, int], set[int]] = {}
    for pid, (kind, target) in lines(guest, "ns"):
        status = (guest.folder / f"truth/proc/{pid}/status").read_text(errors="replace")
        if kind in KINDS and "\nState:\tZ" not in status:
            found.setdefault((kind, int(target.split("[")[1].rstrip("]"))), set()).add(pid)
    return found


def test_who_lives_where(guest: Guest, reported: Report, rows: dict[tuple[str, int], NamespaceRow]) -> None:
    found: dict[tuple[str, int], set[int]] = {}
    for member in reported.table("members").rows:
        found.setdefault((member.kind, member.inum), set()).add(member.tgid)
    said = living(guest)
    assert len(said) > 20
    assert found.keys() == said.keys() | {key for key in found if key not in said}
    for key, pids in said.items():
        assert pids <= found[key]
        # the kernel's own workers, and who ended the guest, came later
        assert len(found[key] - pids) < 6
        assert (rows[key].processes, rows[key].first_pid) == (len(found[key]), min(found[key]))
        assert rows[key].initial is (1 in pids)


def test_owners_and_parents(guest: Guest, rows: dict[tuple[str, int], NamespaceRow]) -> None:
    """0: none, or one that the asking process may not see."""
    compared = 0
    for _, (kind, inum, owner, parent, uid) in lines(guest, "nsowners"):
        row = rows[kind, int(inum)]
        if int(owner):
            assert row.owner_inum == int(owner)
            compared += not row.initial
        if int(parent):
            assert row.parent_inum == int(parent)
        if kind == "user":
            assert row.owner_uid == int(uid)
    assert compared > 10


def test_what_each_kind_tells(guest: Guest, rows: dict[tuple[str, int], NamespaceRow]) -> None:
    by_pid = {(pid, kind): int(target.split("[")[1][:-1]) for pid, (kind, target) in lines(guest, "ns")}
    maps: dict[int, list[str]] = {}
    for pid, words in lines(guest, "uid_map"):
        maps.setdefault(pid, []).append(" ".join(words))
    for pid, extents in maps.items():
        row = rows["user", by_pid[pid, "user"]]
        assert row.details == f"uid map {', '.join(extents)}"
    hosts = {row.details for (kind, _), row in rows.items() if kind == "uts"}
    assert {f"host {settings(guest)['kernel.hostname']}", "host inner-host"} <= hosts
    assert any(row.details == "monotonic +1000 s, boottime +2000 s" for row in rows.values())


def test_names_keep_networks_without_processes(
    guest: Guest, rows: dict[tuple[str, int], NamespaceRow]
) -> None:
    names = (guest.folder / "truth/cmd/ip-netns").read_text()
    told = {line.split()[0] for line in names.splitlines()}
    kept = {name for row in rows.values() for name in row.keepers if name.startswith("/run/netns/")}
    assert {name.removeprefix("/run/netns/") for name in kept} == told
    empty: list[Any] = [row for row in rows.values() if row.kind == "net" and not row.processes]
    assert empty
    assert all(row.keepers for row in empty)


def test_nesting(reported: Report) -> None:
    found = {(row.kind, row.inum): row for row in reported.table("nesting").rows}
    assert max(row.depth for (kind, _), row in found.items() if kind == "pid") == 2
    for (kind, _), row in found.items():
        above = found.get((kind, row.parent_inum))
        assert row.depth == (above.depth + 1 if above else 0)
