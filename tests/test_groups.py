"""Cases that are checked together: each that fails is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.groups import grouped


def test_all_that_fail_are_told_by_name() -> None:
    seen: list[int] = []

    @grouped([1, 2, 30, 4], group=lambda case: "long" if case > 9 else "short", name=str)
    def check(case: int) -> None:
        """A case."""
        seen.append(case)
        if case == 2:
            pytest.fail("two")
        assert case != 4

    every: Any = check
    (mark,) = every.pytestmark
    assert list(mark.kwargs["ids"]) == ["short", "long"]
    short, long = mark.args[1]
    with pytest.raises(BaseExceptionGroup, match=r"2 of 3 cases") as caught:
        check(short)
    assert [error.__notes__ for error in caught.value.exceptions] == [["case: 2"], ["case: 4"]]
    check(long)
    assert seen == [1, 2, 4, 30]
    assert (every.__name__, every.__doc__) == ("check", "A case.")
