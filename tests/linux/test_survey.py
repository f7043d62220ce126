"""What readings note, and how columns become rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crashdrive.errors import CorruptError, UnknownMemberError
from crashdrive.linux.survey import Fields, Survey, row_dicts
from tests.kernel.fake_memory import UINT, FakeMemory, fake_kernel, record

PAIR = record("pair", ("first", UINT), ("second", UINT))


def reading(memory: FakeMemory) -> Survey:
    return Survey(fake_kernel(memory, {"struct pair": PAIR}, {}))


def test_rows_stand_behind_their_addresses() -> None:
    memory = FakeMemory()
    place = memory.allocate(PAIR.size)
    memory.write(place, bytes([1, 0, 0, 0, 2, 0, 0, 0]))
    survey = reading(memory)
    fields = Fields(
        survey.kernel, "struct pair", {"one": ("older", "first"), "two": ("second",), "no": ("gone",)}
    )
    assert survey.addressed(fields, [place], "pairs") == [(place, {"one": 1, "two": 2, "no": None})]
    assert survey.complete


def test_structures_without_members_that_are_read_are_rows_too() -> None:
    survey = reading(FakeMemory())
    fields = Fields(survey.kernel, "struct pair", {})
    assert survey.rows(fields, [1, 2], "pairs") == [{}, {}]


def test_a_gap_is_noted_and_none() -> None:
    survey = reading(FakeMemory())
    fields = Fields(survey.kernel, "struct pair", {"one": ("first",)})
    assert survey.rows(fields, [0xFFFF_8880_7000_0000], "pairs") == [{"one": None}]
    assert not survey.complete
    assert "pairs" in survey.notices[0].message


def test_a_required_member_that_is_not_there() -> None:
    with pytest.raises(UnknownMemberError, match="gone"):
        Fields(reading(FakeMemory()).kernel, "struct pair", {"no": ("gone",)}, required=("no",))


def test_columns_of_different_lengths_are_no_rows() -> None:
    assert row_dicts({"a": [1, 2], "b": [3, 4]}) == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
    with pytest.raises(ValueError, match="shorter"):
        row_dicts({"a": [1, 2], "b": [3]})


def test_a_list_that_is_damaged_leaves_a_notice_and_the_others() -> None:
    survey = reading(FakeMemory())

    def damaged() -> Iterator[int]:
        yield 1
        raise CorruptError("a loop after 1 found", 0x1000)

    assert survey.attempt("pairs", damaged) == [1]
    assert survey.attempt("others", lambda: [2]) == [2]
    assert [(notice.kind, notice.message) for notice in survey.notices] == [
        ("damaged", "pairs: a loop after 1 found")
    ]
    assert not survey.complete
