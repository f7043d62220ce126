"""Reports of a live kernel: marked, of one moment each, and without a crash to judge."""

from __future__ import annotations

import pytest
from sessionkit import folders, replayed

from crashdrive.crash import Crash
from crashdrive.linux.oops import events, judge
from crashdrive.reports.system import panic


def as_live(crash: Crash) -> Crash:
    """The same, as if the recording were one of a kernel that ran."""
    session = crash.session
    session.identity = {**session.identity, "format": "live"}  # the recording's own is everybody's
    return crash


def test_reports_are_marked_and_read_anew() -> None:
    """As the dump's own, with what says that it is a moving picture; a report begins with no page at hand."""
    (folder,) = folders()[:1]
    with replayed(folder) as crash:
        dump = crash.run_report("netstat")
        kernel = crash.kernel
        assert not dump.live
        assert "live" not in dump.document()
    with replayed(folder) as opened:
        crash = as_live(opened)
        found = crash.run_report("netstat")
        assert found.live
        assert found.document()["live"] is True
        assert found.complete == dump.complete
        assert list(found.warnings[:-1]) == list(dump.warnings)
        assert found.warnings[-1].kind == "live"
        assert "as it was recorded" in found.warnings[-1].message
        assert list(found.table("sockets").rows) == list(dump.table("sockets").rows)
        kernel = crash.kernel
        assert not kernel.memory.cached
        assert kernel.kept("a", list) is not kernel.kept("a", list)
        with kernel.memory.moment():
            first = kernel.kept("a", list[int])
            assert kernel.kept("a", list) is first
            with kernel.memory.moment():
                assert kernel.kept("a", list) is first
        with kernel.memory.moment():
            assert kernel.kept("a", list) is not first, "of an earlier moment"
        crash.run_report("netstat")
        assert crash.kernel is not kernel


def test_there_is_no_crash_to_judge() -> None:
    """What its log reports is judged all the same, and both are said."""
    quiet = judge(events("[    1.000000] Linux version 6.1\n"))
    assert (
        panic._verdict_title(quiet) == "No verdict: a live kernel didn't crash, and its log reports nothing"
    )
    warned = judge(events("[    1.000000] WARNING: CPU: 0 PID: 1 at kernel/fork.c:1 copy_process+0x1/0x2\n"))
    assert warned.cause is not None
    assert panic._verdict_title(warned).startswith("No crash: a live kernel; the worst that its log reports")


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRASHDRIVE_CACHE", "off")
