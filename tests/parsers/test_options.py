"""Each option of crash's commands is shown by a recorded output, or there is a reason why not."""

from __future__ import annotations

from dockit import options


def test_each_option_is_recorded_or_has_a_reason() -> None:
    given = {
        name: sorted(letter for letters in by_letters for letter in letters)
        for name, by_letters in options.reasons().items()
    }
    assert given == {name: sorted(letters) for name, letters in options.unrecorded().items()}


def test_each_reason_says_something() -> None:
    for row in options.rows():
        assert all(row)
        assert "|" not in row[2]
