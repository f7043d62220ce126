"""Text from strangers; numbers with their nouns."""

from __future__ import annotations

from hypothesis import given

from crashdrive.text import all_valid, counted, printable, valid
from tests.strategies import ANY_TEXT


def test_a_byte_of_a_name_that_is_no_utf8_is_shown_as_bytes_out_of_a_dump_are() -> None:
    name = b"vmcore\xff\xc3\xa9".decode("utf-8", "surrogateescape")
    assert valid(name) == printable(name) == "vmcore\\xff\u00e9"
    assert valid("a\tb\ud800") == "a\tb\\ud800"
    assert all_valid({"a\udcfe": ["b\udcff", 1, None]}) == {"a\\xfe": ["b\\xff", 1, None]}


@given(ANY_TEXT)
def test_utf8_has_all_of_it(text: str) -> None:
    assert valid(text).encode() or not text
    assert printable(text).isprintable()


def test_a_number_has_the_word_for_one_or_for_many() -> None:
    words = [counted(number, "task is", "tasks are") for number in (0, 1, 2)]
    assert words == ["0 tasks are", "1 task is", "2 tasks are"]
