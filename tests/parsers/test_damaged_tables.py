"""Recorded outputs with a line deleted, duplicated, cut or swapped: never other rows without a mark."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.records import Answer
from tests.parsers.effort import assert_linear, repeated
from tests.parsers.recorded import GOLDEN, cases, output

COMMANDS = ("files", "fuser", "ipcs", "kmem", "mod", "mount", "net", "swap", "vm")
# Each case is parsed some hundred times: the longer ones say nothing new.
LONGEST = 6_000
MOST_LINES = 40

Row = tuple[str, dict[str, Any]]


def rows_of(value: Any) -> Iterator[Row]:
    """All records of an answer, those inside of others too, each with its plain fields alone."""
    if isinstance(value, msgspec.Struct):
        fields = {field: getattr(value, field) for field in value.__struct_fields__}
        yield type(value).__name__, {name: held for name, held in fields.items() if not _nested(held)}
        for held in fields.values():
            yield from rows_of(held)
    elif isinstance(value, tuple):
        for held in value:
            yield from rows_of(held)


def _nested(held: Any) -> bool:
    return isinstance(held, msgspec.Struct) or (
        isinstance(held, tuple) and any(isinstance(part, msgspec.Struct) for part in held)
    )


def fits(row: Row, whole: Row) -> bool:
    """Whether a row says the same as one of the whole output, or less."""
    return row[0] == whole[0] and all(
        name not in whole[1] or _says_less(held, whole[1][name]) for name, held in row[1].items()
    )


def _says_less(held: Any, other: Any) -> bool:
    if held is None or held == other or held in ((), {}, False):
        return True
    if isinstance(held, str) and isinstance(other, str):
        return other.startswith(held)  # a name that was cut can't be told from a short one
    return isinstance(held, tuple) and isinstance(other, tuple) and set(held) <= set(other)


def hold(command: str, text: str, whole: list[Row]) -> None:
    """Parse a damaged text: an error, a mark, or rows of the whole output."""
    try:
        answer: Answer[Any] = parse(command, text)
    except ParseError:
        return
    if answer.complete:
        for row in rows_of(answer.records):
            assert any(fits(row, known) for known in whole), f"{row} out of {text!r:.2000}"


@functools.cache
def chosen() -> list[Path]:
    """One recorded output of each example, the shortest that shows it whole."""
    best: dict[str, Path] = {}
    for command in COMMANDS:
        for case in cases(command):
            size = case.with_suffix(".out").stat().st_size
            if 0 < size <= LONGEST and "-m_pid" not in case.name and "-v_pid" not in case.name:
                best.setdefault(case.name, case)
    return list(best.values())


@pytest.mark.parametrize("case", chosen(), ids=lambda case: str(case.relative_to(GOLDEN).with_suffix("")))
def test_a_damaged_line_never_gives_other_rows(case: Path) -> None:
    command, text = output(case)
    whole = list(rows_of(parse(command, text).records))
    lines = text.splitlines(keepends=True)
    step = max(1, len(lines) // MOST_LINES)
    for place in range(0, len(lines), step):
        before, line, after = lines[:place], lines[place], lines[place + 1 :]
        words = line.split()
        hold(command, "".join([*before, *after]), whole)
        hold(command, "".join([*before, line, line, *after]), whole)
        if len(words) > 1:
            cut = line[: line.rindex(words[-1])].rstrip(" ") + "\n"
            hold(command, "".join([*before, cut, *after]), whole)
            hold(command, "".join([*before, line.replace(words[0], "", 1), *after]), whole)
        hold(command, "".join([*before, "oops\n", *after]), whole)


@pytest.mark.parametrize("case", chosen(), ids=lambda case: str(case.relative_to(GOLDEN).with_suffix("")))
def test_another_end_of_line_is_refused_or_marked(case: Path) -> None:
    command, text = output(case)
    try:
        answer = parse(command, text.replace("\n", "\r\n"))
    except ParseError:
        return
    assert not answer.complete or not len(answer)


@pytest.mark.parametrize("case", chosen(), ids=lambda case: str(case.relative_to(GOLDEN).with_suffix("")))
def test_lenient_never_raises_for_a_bad_line_behind_good_ones(case: Path) -> None:
    command, text = output(case)
    answer = parse(command, text, lenient=True)
    damaged = parse(command, text + "\n\x00 this is no line of crash's\n", lenient=True)
    assert not damaged.complete
    assert len(damaged) >= len(answer) - 1


@pytest.mark.parametrize("case", chosen(), ids=lambda case: str(case.relative_to(GOLDEN).with_suffix("")))
def test_lenient_gives_known_rows_and_marks_whatever_is_damaged(case: Path) -> None:
    command, text = output(case)
    whole = list(rows_of(parse(command, text).records))
    lines = text.splitlines(keepends=True)
    for place in range(0, len(lines), max(1, len(lines) // MOST_LINES)):
        damaged = [*lines[:place], "oops \x01\n", *lines[place + 1 :]]
        answer = parse(command, "".join(damaged), lenient=True)
        assert not answer.complete
        assert all(any(fits(row, known) for known in whole) for row in rows_of(answer.records))


LONG_LINES = (
    ("", "f", "", 2_000_000),
    ("", " ", "\0", 2_000_000),
    ("", "ffff888003a54000  ", "", 1_980_000),
    ("  0 ffff888003a54000 ffff888003a54000 ffff888003a54000 REG", " /", "", 2_000_000),
    ('PID: 1  TASK: ffff888003a54000  CPU: 0  COMMAND: "', '"', "", 2_000_000),
)


@pytest.mark.parametrize("case", chosen(), ids=lambda case: str(case.relative_to(GOLDEN).with_suffix("")))
def test_a_long_line_is_refused_in_time_for_its_length(case: Path) -> None:
    command, text = output(case)

    def read(damaged: str) -> None:
        with pytest.raises(ParseError):
            parse(command, damaged)

    for head, unit, tail, size in LONG_LINES:
        assert_linear(read, repeated(f"{text}\n{head}", unit, f"{tail}\n"), size)


STRANGERS = ("\0", "\n", "  ", "ffff888003a54000", '"', " 0 ", "-", "\t", "\r", "é", "(", "]", ": ", "9" * 30)


@given(st.data())
def test_no_text_raises_anything_else(data: st.DataObject) -> None:
    command, text = output(data.draw(st.sampled_from(chosen())))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 40))
        text = text[:place] + data.draw(st.sampled_from(STRANGERS)) + text[place + cut :]
    with contextlib.suppress(ParseError):
        parse(command, text, lenient=data.draw(st.booleans()))
