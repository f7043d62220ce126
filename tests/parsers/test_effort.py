"""What `effort` is there to catch is caught, on a machine that slows a run down, too.

``little=0``: on a fast machine as well, which is done with these texts before `effort` would look.
"""

from __future__ import annotations

import contextlib
import re
from unittest import mock

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from tests.parsers import effort
from tests.parsers.effort import assert_linear, assert_quick, count_calls, repeated


def test_a_pattern_that_runs_away_is_caught() -> None:
    """One call, and quadratic time inside of it."""
    with pytest.raises(AssertionError, match="times as long"):
        assert_linear(re.compile(r" +$").search, repeated("", " ", "x"), 5_000, little=0)


def test_a_loop_that_looks_at_all_again_is_caught() -> None:
    def read(text: str) -> None:
        while text:
            text = text[1:] if text.count("x") else ""

    with pytest.raises(AssertionError, match="times as long"):
        assert_linear(read, repeated("", "x"), 16_000, little=0)


def test_a_slow_way_through_each_line_is_caught() -> None:
    """Time that grows with the text alone, and 72 calls for each blank line, as those below a stack took."""

    def read(text: str) -> None:
        for line in text.split("\n"):
            for _ in range(72):
                line.isspace()

    with pytest.raises(AssertionError, match="calls a character"):
        assert_linear(read, repeated("", "\n"), 100_000, little=0)


def test_what_grows_with_the_text_is_let_through() -> None:
    def read(text: str) -> None:
        with contextlib.suppress(ParseError):
            parse("bt", text)

    assert_linear(read, repeated("", "bt: a\n"), 20_000)


def test_the_number_of_calls_is_the_same_each_time() -> None:
    def read() -> object:
        return parse("ptov 1", "WARNING: a\n" * 100, lenient=True)

    # what is compiled and kept at the first
    read()
    assert len({count_calls(read) for _ in range(3)}) == 1


def test_one_undisturbed_try_is_enough() -> None:
    """Seven runs that something else slows down, then one as it is."""
    took = iter([9.0, *[0.5, 9.0] * 6, 0.5, 1.0, 0.5])
    with mock.patch.object(effort, "seconds", side_effect=took):
        assert_quick(lambda: None, lambda: None, 10)


def test_what_is_slow_in_each_try_is_slow() -> None:
    took = iter([9.0, *[0.5, 9.0] * effort.TRIES])
    with mock.patch.object(effort, "seconds", side_effect=took), pytest.raises(AssertionError):
        assert_quick(lambda: None, lambda: None, 10)
