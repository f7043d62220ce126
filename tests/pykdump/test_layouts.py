"""Recorded reports as PyKdump's programs print them, line by line (scripts/layoutkit.py)."""

from __future__ import annotations

import layoutkit
import pytest

LAYOUTS = layoutkit.layouts()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_recorded_report_is_printed_as_it_was(name: str) -> None:
    expected = (layoutkit.LAYOUTS_FOLDER / f"{name}.out").read_text("utf-8").splitlines()
    assert layoutkit.lines(LAYOUTS[name]) == expected
