"""Base85 is decoded as the standard library decodes it, or refused as it refuses."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crashdrive.session.base85 import decoded


@given(st.binary(max_size=300))
def test_what_was_encoded_comes_back(data: bytes) -> None:
    assert decoded(base64.b85encode(data).decode()) == data


TEXTS = st.one_of(
    st.text(max_size=40), st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
)


@given(TEXTS)
@example("~~~~~")
@example("~")
@example("|NsC0")
@example("|NsC1")
@example("0000~~~~~0")
@example("00 00")
@example("é0000")
def test_any_text_gives_the_same(text: str) -> None:
    try:
        expected = base64.b85decode(text)
    except ValueError:
        with pytest.raises(ValueError, match=r"base85|ascii"):
            decoded(text)
        return
    assert decoded(text) == expected
