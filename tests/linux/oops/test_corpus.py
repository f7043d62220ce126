"""Kind, culprit and module of some hundred texts in the forms of all architectures and eras."""

from __future__ import annotations

from collections import Counter

from crashdrive.linux import oops
from tests.groups import grouped
from tests.linux.oops.corpus import Case, cases

CASES = tuple(cases())


def test_there_are_enough_of_each() -> None:
    assert len(CASES) >= 300
    assert len({case.name for case in CASES}) == len(CASES)
    assert min(Counter(case.kind for case in CASES).values()) >= 3


@grouped(CASES, group=lambda case: case.kind, name=lambda case: case.name)
def test_kind_and_culprit(case: Case) -> None:
    got = oops.verdict(case.text)
    assert (got.kind, got.function, got.module, got.corrupted) == (
        case.kind,
        case.function,
        case.module,
        False,
    )


def test_equal_crashes_have_one_bucket() -> None:
    """However they were captured."""
    buckets: dict[str, set[str | None]] = {}
    for case in CASES:
        name = case.name.replace("-dmesg", "").replace("-syslog", "")
        buckets.setdefault(name, set()).add(oops.verdict(case.text).bucket)
    assert all(len(found) == 1 for found in buckets.values())
