"""A kernel that runs: crash in a guest of the lab, on itself, driven from here, against the guest's /proc.

The guest is emulated and stays up for minutes, so that this is run by hand: CRASHDRIVE_LIVE_KERNEL=1.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from labkit import places, staying

from crashdrive.crash import Crash, open_dump
from crashdrive.records import Report

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("CRASHDRIVE_LIVE_KERNEL") != "1", reason="by hand: CRASHDRIVE_LIVE_KERNEL=1"
    ),
]
_SERIES, _CRASH = "6.12", "/opt/crash/crash"
_LOOK = (
    "cat /proc/uptime; echo --; ls /proc; echo --; cat /proc/net/tcp; echo --; cut -d' ' -f1 /proc/modules"
)


class Look(NamedTuple):
    """What the guest said of itself at one moment."""

    uptime: float
    pids: set[int]
    sockets: set[tuple[int, int]]
    modules: set[str]


class Seen(NamedTuple):
    """A report, and what the guest said right before and right after it."""

    before: Look
    report: Report
    after: Look


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[staying.Staying]:
    with places.locked():
        image = staying.disk(_SERIES)
    with staying.up(_SERIES, image, tmp_path_factory.mktemp("guest")) as found:
        yield found


@pytest.fixture(scope="module")
def crash(guest: staying.Staying) -> Iterator[Crash]:
    with open_dump(
        None, "/proc/kcore", crash=[_CRASH], host="root@127.0.0.1", ssh_options=guest.options,
        identity=str(guest.keys / "key"), purpose="report ps", btf=True, timeout=600, start_timeout=600,
    ) as found:  # fmt: skip
        yield found


def look(guest: staying.Staying) -> Look:
    uptime, pids, tcp, modules = guest.run(_LOOK).split("--\n")
    rows = [line.split() for line in tcp.splitlines()[1:]]
    return Look(
        uptime=float(uptime.split()[0]),
        pids={int(name) for name in pids.split() if name.isdigit()},
        sockets={(int(row[1].split(":")[1], 16), int(row[3], 16)) for row in rows},
        modules=set(modules.split()),
    )


def seen(crash: Crash, guest: staying.Staying, name: str, **options: Any) -> Seen:
    """A report that is marked as a live kernel's, between two looks."""
    before = look(guest)
    report = crash.run_report(name, **options)
    assert report.live
    assert [one.kind for one in report.warnings if one.kind == "live"] == ["live"]
    assert report.source == "crash"
    return Seen(before, report, look(guest))


def test_processes(crash: Crash, guest: staying.Staying) -> None:
    """Those that lived all the while are there, and none that the guest never had."""
    assert crash.live
    assert crash.session.minimal
    before, report, after = seen(crash, guest, "ps")
    pids = {row.pid for row in report.table("tasks").rows}
    assert before.pids & after.pids <= pids
    assert max(pids) <= max(after.pids)
    assert len(pids) > 50
    comms = {row.pid: row.comm for row in report.table("tasks").rows}
    assert (comms[1], comms[2]) == ("up.sh", "kthreadd")


def test_sockets(crash: Crash, guest: staying.Staying) -> None:
    before, report, after = seen(crash, guest, "netstat", all=True, tcp=True, four=True)
    states = {"ESTABLISHED": 1, "LISTEN": 10}
    found = {
        (row.local_port, states[row.state]) for row in report.table("sockets").rows if row.state in states
    }
    assert before.sockets & after.sockets <= found
    assert {(22, 1), (22, 10)} <= found


def test_modules_and_uptime(crash: Crash, guest: staying.Staying) -> None:
    before, report, after = seen(crash, guest, "modules")
    assert before.modules == after.modules == {row.name for row in report.table("modules").rows}
    before, report, after = seen(crash, guest, "sysinfo")
    (system,) = report.table("system").rows
    assert before.uptime - 1 <= system.uptime_seconds <= after.uptime + 1


def test_there_is_no_crash_to_judge(crash: Crash, guest: staying.Staying) -> None:
    report = seen(crash, guest, "panic").report
    assert (report.table("verdict").title or "").startswith(("No verdict: a live", "No crash: a live"))


def test_who_is_not_root(guest: staying.Staying) -> None:
    """One line, exit status 3."""
    options = [word for option in guest.options for word in ("--ssh-option", option)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "crashdrive", "report", "ps", "--host", "plain@127.0.0.1", *options),
            *("--identity", str(Path(guest.keys) / "key"), "--crash", _CRASH, "/proc/kcore"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "/proc/kcore: may not be read by the user that ssh logs in there" in done.stderr
