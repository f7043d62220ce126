"""What each step took is told to those who ask."""

from __future__ import annotations

import logging

import pytest

from crashdrive.steps import sending, step


def test_steps_are_told_also_where_they_fail(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "crashdrive")
    with pytest.raises(ValueError, match="no"), step("opened"):
        raise ValueError("no")
    with sending(["rd \x1b[31m" + "0" * 200, "bt", "sys"]), sending([]):
        pass
    messages = [record.getMessage().rpartition(":")[0] for record in caplog.records]
    assert messages == ["opened", "crash>", "crash> rd \\x1b[31m" + "0" * 69 + " and 2 more"]


def test_nothing_is_told_to_others(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "crashdrive")
    with step("opened"), sending(["bt"]):
        pass
    assert not caplog.records
