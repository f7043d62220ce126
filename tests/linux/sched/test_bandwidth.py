"""Quotas of task groups: limits, none, and what can't be one."""

from __future__ import annotations

import pytest

from crashdrive.linux.sched.bandwidth import _is_limit
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import FakeMemory, fake_kernel


@pytest.mark.parametrize(
    ("quota", "limited", "notices"),
    [
        (50_000_000, True, []),
        (((1 << 44) - 1) * 1000, True, []),
        (None, True, []),  # the dump lacks it, which is noted where it is read
        ((1 << 64) - 1, False, []),
        # -1 with a bit that flipped
        (0xFFFF_FEFF_FFFF_FFFF, False, ["task group 0x10: a quota of 18446742974197923839 ns is impossible"]),
    ],
)
def test_quotas(quota: int | None, limited: bool, notices: list[str]) -> None:  # noqa: FBT001 - a case
    survey = Survey(fake_kernel(FakeMemory()))
    assert _is_limit(survey, 0x10, quota) == limited
    assert [notice.message for notice in survey.notices] == notices
    assert survey.complete == (not notices)
