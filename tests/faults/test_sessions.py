"""crash that dies, stalls or is slow in a report: the same rows, a mark, or an error of ours."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self, cast

import pytest
from faultkit import SEED
from faultkit.facts import Facts, of_report
from faultkit.outages import Outages, cases_of, recorded
from faultkit.transport import WAYS, Way
from faultkit.trust import Failed, page, with_failed
from sessionkit import SESSION, folders, recorded_reports

from crashdrive.crash import Crash, open_dump
from crashdrive.errors import CrashdriveError
from crashdrive.reports import report_names
from crashdrive.session import Session
from crashdrive.session.transport import PtyTransport
from tests.faults.test_holes import done
from tests.live.conftest import crash_binary, dump_file


@pytest.fixture(scope="module")
def common() -> Iterator[Session]:
    """The session of all reports that have none of their own: it takes a second to open."""
    with Session.replay(folders()[SEED % len(folders())] / SESSION) as session:
        yield session


@pytest.fixture
def dice() -> random.Random:
    return random.Random(SEED)  # noqa: S311 - repeatable, no secret


@pytest.mark.parametrize("report", report_names())
def test_a_crash_that_goes_away_makes_no_report_lie(
    report: str, common: Session, dice: random.Random
) -> None:
    """One case, recording, way and round trip of each report, by chance; `scripts/outages` takes all."""
    own = recorded(report, SEED) if report in recorded_reports() else contextlib.nullcontext(common)
    with own as session:
        cases = cases_of(report, session, SEED)
        assert cases, f"{report} has no recorded case: add golden_outputs/reports/{report}/cases.toml"
        made = Outages(session, dice.choice(cases))
        run = made.run(dice.randrange(made.trips), dice.choice(WAYS))
    assert not run.bad, (made.case.name, run, SEED)


@pytest.fixture(scope="module")
def netns_of_a_recording() -> Iterator[Outages]:
    with recorded("netns") as session:
        yield Outages(session, cases_of("netns", session)[0])


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_fail_matters(netns_of_a_recording: Outages, way: Way) -> None:
    """A fault that changes nothing is none: of some round trips one is needed."""
    trips = range(10, netns_of_a_recording.trips)
    runs = (netns_of_a_recording.run(at, way) for at in trips)
    assert next(run for run in runs if run.outcome != "same").outcome in {"marked", "error"}


def test_a_lie_about_a_crash_that_died_is_found(
    netns_of_a_recording: Outages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hunt itself: a report that takes what came for all there is, and says that it is complete."""
    whole = netns_of_a_recording.whole

    def found(*_: object) -> tuple[Facts, int]:
        return whole._replace(values={"tables": {}}), 7

    monkeypatch.setattr(netns_of_a_recording, "_read", found)
    assert netns_of_a_recording.run(3, "dies").bad


def test_the_page_has_a_table_of_crashes_that_fail() -> None:
    known = frozenset({"ps", "netns"})
    before = page([done("netns", same=7)], "a dump", "", known)
    one = with_failed(before, [Failed("ps", 2, 9, {"error": 2}, 0), Failed("gone", 1, 1, {}, 0)], known)
    two = with_failed(one, [Failed("netns", 3, 3, {"same": 1, "marked": 2}, 0)], known)
    lines = [line for line in two.splitlines() if line.startswith("| `")]
    assert lines[-2:] == [
        "| `netns` | 3 | 3 | 1 | 2 | 0 | 0 | 0 | 0 |",
        "| `ps` | 2 | 9 | 0 | 0 | 2 | 0 | 0 | 0 |",
    ]
    assert "| `netns` | 7 | 9 | 7 | 0 | 0 | 0 |" in lines
    assert "over the dump `a dump`" in two
    assert page([], "a dump", two, known) == two


# a real crash


@pytest.fixture(scope="module")
def real() -> Iterator[Crash]:
    vmcore = Path(dump_file("6.12-kdump-sysrq"))
    binary = str(crash_binary("8.0.6"))
    with open_dump(vmcore.parent / "vmlinux", vmcore, crash=[binary], cache=False) as opened:
        yield opened


class Signals:
    """Sends signals to crash at its round trip number ``at``; ``calls`` counts them."""

    def __init__(self, session: Session, at: int, send: Callable[[int], None]) -> None:
        self._transport = session._ready()
        self._at, self._send = at, send
        self.calls = 0

    def __enter__(self) -> Self:
        transport = cast("PtyTransport", self._transport)
        for name in ("exchange", "batch", "stream"):
            vars(transport)[name] = self._sending(getattr(transport, name))
        return self

    def _sending(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def sending(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            pid = cast("PtyTransport", self._transport).crash_pid()
            if self.calls - 1 == self._at and pid is not None:
                self._send(pid)
            return call(*arguments, **options)

        return sending

    def __exit__(self, *_error: object) -> None:
        for name in ("exchange", "batch", "stream"):
            vars(self._transport).pop(name, None)


def facts(crash: Crash, report: str) -> Facts:
    """The report over a kernel that has read nothing yet."""
    crash.__dict__.pop("kernel", None)
    return of_report(crash.run_report(report))


def plain_reports() -> list[str]:
    """Reports that say something without options."""
    return [name for name in report_names() if name not in {"skb", "triage"}]


@pytest.mark.live
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_real_crash_that_goes_away(real: Crash, number: signal.Signals, dice: random.Random) -> None:
    """In reports that are chosen by chance, each at a round trip by chance."""
    for report in ["netns", *dice.sample(plain_reports(), 2)]:
        with Signals(real.session, -1, lambda _pid: None) as counted:
            whole = facts(real, report)
        at = dice.randrange(counted.calls)
        limit, real.session.timeout = real.session.timeout, 4.0 if number == signal.SIGSTOP else 120.0
        try:
            with Signals(real.session, at, lambda pid: os.kill(pid, number)):
                found = facts(real, report)
        except CrashdriveError:
            continue
        finally:
            real.session.timeout = limit
        assert found.values == whole.values or found.marked(whole), (report, at, counted.calls, SEED)
    assert facts(real, report).values == whole.values


@pytest.mark.live
def test_a_real_crash_that_is_slow(real: Crash) -> None:
    """It runs a tenth of the time: nine times as long as it had a CPU it is stopped, from the first on."""
    whole = facts(real, "netns")
    pid = cast("PtyTransport", real.session._ready()).crash_pid()
    assert pid is not None
    done = threading.Event()
    ran, stopped = 0.0, 0.0

    def brake() -> None:
        nonlocal ran, stopped
        before = seconds_on_cpu(pid)
        while not done.wait(0.002):
            if (now := seconds_on_cpu(pid)) == before:
                continue
            os.kill(pid, signal.SIGSTOP)
            began = time.monotonic()
            done.wait(9 * (now - before))
            os.kill(pid, signal.SIGCONT)
            ran, stopped, before = ran + now - before, stopped + time.monotonic() - began, now

    braking = threading.Thread(target=brake)
    braking.start()
    try:
        found = facts(real, "netns")
    finally:
        done.set()
        braking.join()
    assert found.values == whole.values or found.marked(whole)
    assert ran > 0
    assert stopped > 8 * ran


def seconds_on_cpu(pid: int) -> float:
    """For how long all threads of a process had a CPU; whatever else runs on the machine."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
