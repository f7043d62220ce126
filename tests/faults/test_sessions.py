"""crash that dies or stalls in the middle of a report: the same rows, a mark, or an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from faultkit.transport import WAYS, Faults, Way
from sessionkit import SESSION, Case, document, folders

from crashdrive.crash import Crash
from crashdrive.errors import CrashdriveError
from crashdrive.session import Session

CASES = (
    Case("netstat", {"all": True, "processes": True, "detail": True}),
    Case("routing", {"all": True}),
    Case("netns", {}),
    Case("conntrack", {}),
)
# round trips that fail, of each report: spread over all of them
MOST = 12


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session.replay(folders()[0] / SESSION) as opened:
        yield opened


def run(session: Session, case: Case, at: int | None = None, way: Way = "dies") -> tuple[Any, bool, int]:
    """The report's tables, whether it is complete, and how many round trips there were."""
    faults = Faults(session._ready(), at, way)  # after a fault crash is started again
    try:
        report = Crash(session, keep=False).run_report(case.report, **case.options)
        return document(report)["tables"], report.complete, faults.calls
    finally:
        faults.end()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.report)
def test_a_crash_that_goes_away_makes_no_report_lie(session: Session, case: Case, way: Way) -> None:
    rows, complete, trips = run(session, case)
    assert complete
    outcomes = []
    for at in range(0, trips, max(1, trips // MOST)):
        try:
            found, whole, _ = run(session, case, at, way)
        except CrashdriveError as error:
            outcomes.append(type(error).__name__)
            continue
        assert found == rows or not whole, f"silent: {way} at round trip {at} of {trips}"
        outcomes.append("same" if found == rows else "marked")
    assert len(outcomes) > 3
    assert set(outcomes) != {"same"}, "no fault ever mattered: none was made"
