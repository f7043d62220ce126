"""``waitq``: those who wait, or nobody."""

from __future__ import annotations

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from tests.parsers.printed import header


def test_waiting() -> None:
    text = header(7, 0xC5496000, 0, "bash") + header(8, 0xC5498000, 1, "sh")
    assert [task.pid for task in parse("waitq c3534098", text)] == [7, 8]


@pytest.mark.parametrize(
    "text", ['wait queue "log_wait" (ffffffffae2d2350) is empty\n', "wait queue c3534098 is empty\n"]
)
def test_nobody(text: str) -> None:
    assert list(parse("waitq log_wait", text)) == []


@pytest.mark.parametrize("text", ["", 'waitq: cannot resolve "x"\n', "wait queue is full\n", "x" * 1_000_000])
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse("waitq x", text)
