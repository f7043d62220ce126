"""What holds for every log, whole, cut, mixed up or hostile."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.linux import oops
from tests.linux.oops.test_kinds import CASES

TEXTS = sorted(CASES)
PREFIXES = (
    "<4>",
    "Jan  1 00:00:00 host kernel: ",
    "2024-01-01T00:00:00.5+00:00 host kernel: ",
    "6,12,3456,-;",
    "> ",
)


@given(st.sampled_from(TEXTS), st.integers(min_value=0))
def test_cut_at_the_end(name: str, place: int) -> None:
    """A log that is cut blames the same function, or none."""
    text, _, function, _, _ = CASES[name]
    got = oops.verdict(text[: place % (len(text) + 1)])
    assert got.function in {function, None} or got.corrupted


@given(st.sampled_from(TEXTS), st.integers(min_value=0))
def test_cut_at_the_front(name: str, place: int) -> None:
    """A log that begins in the middle blames the same function, or none."""
    text, _, function, _, _ = CASES[name]
    got = oops.verdict(text[place % (len(text) + 1) :])
    assert got.function in {function, None} or got.corrupted


@given(st.sampled_from(TEXTS), st.sampled_from(TEXTS), st.integers(min_value=0, max_value=40))
def test_one_inside_another(one: str, other: str, place: int) -> None:
    """A report in the middle of another: one of the two functions, none, or corrupted; never a third."""
    lines = CASES[one][0].splitlines(keepends=True)
    at = place % (len(lines) + 1)
    got = oops.verdict("".join(lines[:at]) + CASES[other][0] + "".join(lines[at:]))
    assert got.function in {CASES[one][2], CASES[other][2], None} or got.corrupted


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(TEXTS, 2)])
def test_two_cpus_at_once(one: str, other: str) -> None:
    """Lines of two reports by turns: one of the two functions, none, or corrupted; never a third."""
    turns = itertools.zip_longest(CASES[one][0].splitlines(), CASES[other][0].splitlines(), fillvalue="")
    got = oops.verdict("\n".join(line for both in turns for line in both))
    assert got.function in {CASES[one][2], CASES[other][2], None} or got.corrupted


@pytest.mark.parametrize(("name", "prefix"), [*itertools.product(TEXTS, PREFIXES)])
def test_prefixes(name: str, prefix: str) -> None:
    """What a logger puts before each line changes nothing."""
    text, kind, function, _, _ = CASES[name]
    got = oops.verdict("".join(f"{prefix}{line}\r\n" for line in text.splitlines()))
    assert (got.kind, got.function) == (kind, function)


@given(st.text())
def test_any_text(text: str) -> None:
    """Nothing raises on any text."""
    oops.verdict(text)
    oops.verdict("BUG: kernel NULL pointer dereference, address: 0\n" + text)


@pytest.mark.parametrize("name", TEXTS)
def test_callers(name: str) -> None:
    """With printk's callers, another task's lines in between change nothing."""
    text, kind, function, _, _ = CASES[name]
    lines = []
    for line in text.splitlines():
        stamp, _, rest = line.partition("] ") if line.startswith("[ ") else ("[    1.000000", "", line)
        lines += [f"{stamp}][  T812] {rest}", f"{stamp}][   T99] something else+0x1/0x2"]
    got = oops.verdict("\n".join(lines))
    assert (got.kind, got.function) == (kind, function)
