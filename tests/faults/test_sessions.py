"""crash that dies, stalls or is slow in a report: the same rows, a mark, or an error of ours."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self, cast

import pytest
from faultkit import SEED
from faultkit.facts import Facts, heard, of_report
from faultkit.outages import Outages, cases_of, recorded
from faultkit.transport import WAYS, Way
from faultkit.trust import Failed, page, with_failed
from sessionkit import CHECKOUT, SESSION, folders, recorded_reports

from crashdrive.crash import Crash, open_dump
from crashdrive.errors import CrashdriveError
from crashdrive.reports import report_names
from crashdrive.session import Session
from crashdrive.session.opening import Known
from crashdrive.session.replay import ReplayTransport
from crashdrive.session.transport import PtyTransport
from tests.faults.test_holes import done
from tests.live.conftest import crash_binary, dump_file
from tests.session.conftest import Fake


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
        cases = cases_of(report, session)
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


# processes that signals kill, stop and slow: a real crash, and one that answers from a recording


class Recorded(Fake):
    """A crash at a terminal that answers what a recording holds: no dump is needed."""

    def __init__(self, folder: Path, recording: Path) -> None:
        super().__init__(folder)
        self._recording = recording
        self.path.write_text(
            f"#!{sys.executable}\n"
            "import os, sys\n"
            f"sys.path[:0] = {[str(CHECKOUT)]!r}\n"
            f"os.environ.update(FAKE_RECORDING={str(recording)!r}, FAKE_FILES={str(folder)!r})\n"
            "from tests.faults.recorded_crash import main\n"
            "main()\n"
        )

    def opened(self) -> Crash:
        """As a session of the dump that was recorded."""
        head = ReplayTransport(self._recording).head
        session = self.session(timeout=120.0, known=Known(head.identity, head.vmcoreinfo))
        # nothing is asked for that a recording doesn't hold: files of the dump, pages ahead
        session._replays = True
        return Crash(session, keep=False)


@pytest.fixture(scope="module")
def recorded_crash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crash]:
    place = folders()[SEED % len(folders())] / SESSION
    opened = Recorded(tmp_path_factory.mktemp("recorded"), place).opened()
    with opened.session:
        yield opened


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
    with heard() as places:
        return of_report(crash.run_report(report))._replace(places=places)


def plain_reports() -> list[str]:
    """Reports that say something without options."""
    return [name for name in report_names() if name not in {"skb", "triage"}]


GOING = pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])


@pytest.mark.live
@GOING
def test_a_real_crash_that_goes_away(real: Crash, number: signal.Signals, dice: random.Random) -> None:
    """In reports that are chosen by chance, each at a round trip by chance."""
    goes_away(real, number, dice, ["netns", *dice.sample(plain_reports(), 2)])


@GOING
def test_a_recorded_crash_that_goes_away(
    recorded_crash: Crash, number: signal.Signals, dice: random.Random
) -> None:
    """The same; of the reports that this recording has, one by chance, but the one of ten times the trips."""
    common = sorted(set(plain_reports()) - recorded_reports().keys() - {"netsummary"})
    goes_away(recorded_crash, number, dice, ["netns", dice.choice(common)])


def goes_away(crash: Crash, number: signal.Signals, dice: random.Random, reports: list[str]) -> None:
    """Each report with a crash that gets a signal at a round trip: the same rows, a mark, or an error."""
    session = crash.session
    for report in reports:
        with Signals(session, -1, lambda _pid: None) as counted:
            whole = facts(crash, report)
        at = dice.randrange(counted.calls)
        limit, session.timeout = session.timeout, 4.0 if number == signal.SIGSTOP else 120.0
        try:
            with Signals(session, at, lambda pid: os.kill(pid, number)):
                found = facts(crash, report)
        except CrashdriveError:
            continue
        finally:
            session.timeout = limit
        assert found.values == whole.values or found.marked(whole), (report, at, counted.calls, SEED)
    assert facts(crash, report).values == whole.values


@pytest.mark.live
def test_a_real_crash_that_is_slow(real: Crash) -> None:
    is_slow(real)


def test_a_recorded_crash_that_is_slow(recorded_crash: Crash) -> None:
    is_slow(recorded_crash)


def is_slow(crash: Crash) -> None:
    """It runs a tenth of the time: nine times as long as it had a CPU it is stopped, from the first on."""
    whole = facts(crash, "netns")
    pid = cast("PtyTransport", crash.session._ready()).crash_pid()
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
        found = facts(crash, "netns")
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
