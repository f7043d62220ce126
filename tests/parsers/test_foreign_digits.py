"""Digits and letters of other scripts are none of crash's: they make no numbers, and no names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import grammar as g
from crashdrive.parsers import parse
from tests.parsers import recorded

# help has versions, which are text
CASES = [case for case in recorded.cases("*") if case.parent.name not in {"help", "repeat"}][::40]


def foreign(digit: str) -> str:
    """The same digit in Arabic script, which ``int`` takes as well."""
    return chr(0x660 + int(digit))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_a_digit_of_another_script_is_no_number(case: Path) -> None:
    command, text = recorded.output(case)
    digits = [found.start() for found in re.finditer("[0-9]", text[:20_000])]
    for place in digits[:: max(1, len(digits) // 6)][:6]:
        other = foreign(text[place])
        try:
            answer = parse(command, f"{text[:place]}{other}{text[place + 1 :]}")
        except ParseError:
            continue
        assert not answer.complete or other in repr(answer.records)


def test_expressions_of_elements() -> None:
    row = g.Row(r"(\d+)\s(\w+)", lambda found: found.groups(), "a row: NUMBER NAME")
    assert row.match("12 abc\n")
    for text in ("1٢ abc\n", "12\u00a0abc\n", "12 \u0430bc\n"):
        assert row.match(text) is None
    assert g.Terminal(re.compile(r"\d+"), "digits of any script").match("٣")
