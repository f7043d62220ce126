"""Words that name nothing."""

from __future__ import annotations

import pytest

from crashdrive.choices import no_such


@pytest.mark.parametrize(
    ("word", "there", "message"),
    [
        ("eht0", ["lo", "eth0"], "no thing 'eht0'; near: eth0; there are: lo, eth0"),
        ("ESTABLISHD", ["Established"], "no thing 'ESTABLISHD'; near: Established; there are: Established"),
        ("x", [], "no thing 'x'; there are: none"),
        (
            7,
            range(50),
            f"no thing 7; near: 7; there are: {', '.join(map(str, range(40)))} and 10 more",
        ),
        ("\x1b[2J", ["a\nb"], r"no thing '\x1b[2J'; there are: a\nb"),
    ],
)
def test_what_is_like_it_and_what_there_is(word: object, there: list[object], message: str) -> None:
    assert str(no_such("thing", word, there)) == message
