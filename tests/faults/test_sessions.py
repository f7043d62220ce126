"""crash that dies, stalls or is slow in a report: the same rows, a mark, or an error of ours."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self, cast

import pytest
from faultkit import SEED
from faultkit.transport import WAYS, Faults, Way
from sessionkit import SESSION, Case, document, folders

from crashdrive.crash import Crash, open_dump
from crashdrive.errors import CrashdriveError
from crashdrive.kernel.memory.window import Window
from crashdrive.session import Session
from crashdrive.session.transport import PtyTransport
from tests.live.conftest import crash_binary, dump_file

CASES = (
    Case("netstat", {"all": True, "processes": True, "detail": True}),
    Case("routing", {"all": True}),
    Case("netns", {}),
    Case("conntrack", {}),
)
# round trips that fail, of each report and way: spread over all of them, others in each run of CI
MOST = 4


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session.replay(folders()[0] / SESSION) as opened:
        yield opened


def run(session: Session, case: Case, at: int | None = None, way: Way = "dies") -> tuple[Any, bool, int]:
    """The report's tables, whether it is complete, and how many round trips there were."""
    faults = Faults(session._ready(), at, way)  # after a fault crash is started again
    defaults = cast("dict[str, Any]", Window.__init__.__kwdefaults__)
    clock = defaults["clock"]
    defaults["clock"] = faults.clock
    try:
        report = Crash(session, keep=False).run_report(case.report, **case.options)
        return document(report)["tables"], report.complete, faults.calls
    finally:
        defaults["clock"] = clock
        faults.end()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.report)
def test_a_crash_that_goes_away_makes_no_report_lie(session: Session, case: Case, way: Way) -> None:
    rows, complete, trips = run(session, case)
    assert complete
    outcomes = []
    step = max(1, trips // MOST)
    for at in range(SEED % step, trips, step):
        try:
            found, whole, _ = run(session, case, at, way)
        except CrashdriveError as error:
            outcomes.append(type(error).__name__)
            continue
        assert found == rows or not whole, f"silent: {way} at round trip {at} of {trips} (seed {SEED})"
        outcomes.append("same" if found == rows else "marked")
    assert len(outcomes) >= MOST
    assert set(outcomes) != {"same"} or way == "slow", "no fault ever mattered: none was made"


def test_a_slow_crash_is_marked_where_a_walk_has_no_time_left(session: Session) -> None:
    case = Case("netns", {})
    _, _, trips = run(session, case)
    assert any(not run(session, case, at, "slow")[1] for at in range(10, trips))


# a real crash


@pytest.fixture(scope="module")
def real() -> Iterator[Crash]:
    vmcore = Path(dump_file("6.12-kdump-sysrq"))
    binary = str(crash_binary("8.0.6"))
    with open_dump(vmcore.parent / "vmlinux", vmcore, crash=[binary]) as opened:
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


def netns(crash: Crash) -> tuple[Any, bool]:
    """The report over a kernel that has read nothing yet."""
    crash.__dict__.pop("kernel", None)
    report = crash.run_report("netns")
    return document(report)["tables"], report.complete


@pytest.mark.live
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_real_crash_that_goes_away(real: Crash, number: signal.Signals) -> None:
    rows, _ = netns(real)
    with Signals(real.session, -1, lambda _pid: None) as counted:
        assert netns(real)[0] == rows
    for at in (0, counted.calls // 2, counted.calls - 1):
        limit, real.session.timeout = real.session.timeout, 4.0 if number == signal.SIGSTOP else 120.0
        try:
            with Signals(real.session, at, lambda pid: os.kill(pid, number)):
                found, whole = netns(real)
        except CrashdriveError:
            continue
        finally:
            real.session.timeout = limit
        assert found == rows or not whole
    assert netns(real)[0] == rows


@pytest.mark.live
def test_a_real_crash_that_is_slow(real: Crash) -> None:
    """It runs a tenth of the time: nine times as long as it had a CPU it is stopped, from the first on."""
    rows, _ = netns(real)
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
        found, whole = netns(real)
    finally:
        done.set()
        braking.join()
    assert found == rows or not whole
    assert ran > 0
    assert stopped > 8 * ran


def seconds_on_cpu(pid: int) -> float:
    """For how long all threads of a process had a CPU; whatever else runs on the machine."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
