"""Recorded outputs damaged in every way that a text can be: an error with its place, or an answer, no more.

Whether an answer to a damaged text is right is tested command by command; here it is that nothing else than
ParseError comes out, that no input takes long, and that no command takes another one's output for its own.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from crashdrive.commandline import command_line
from crashdrive.errors import ParseError
from crashdrive.parsers import command_names, parse
from crashdrive.records import Answer
from tests.groups import grouped
from tests.parsers.effort import LITTLE, MANY, assert_linear, assert_quick, repeated
from tests.parsers.recorded import GOLDEN, cases, failed, output

LONGEST = 60_000
# Free text, or as good as: what other commands print may well be theirs.
FREE = {"alias", "eval", "extend", "gdb", "help", "log", "p", "repeat", "rustfilt", "search", "sym", "whatis"}
VALUES = {"struct", "union", "*", "p", "gdb", "task_struct", "whatis"}
# The same lines as another command's.
SAME = {("bt", "foreach"), ("waitq", "foreach"), ("foreach", "bt"), ("task", "foreach"), ("files", "foreach")}


def smallest() -> Iterator[Path]:
    """One recorded output per case name: the shortest one, whatever dump and crash it is from."""
    by_name: dict[str, Path] = {}
    for path in sorted(GOLDEN.glob("*/*/*/*.cmd")):
        size = path.with_suffix(".out").stat().st_size
        if 0 < size <= LONGEST and not failed(path):
            known = by_name.setdefault(f"{path.parent.name}/{path.stem}", path)
            if size < known.with_suffix(".out").stat().st_size:
                by_name[f"{path.parent.name}/{path.stem}"] = path
    return iter(by_name.values())


SAMPLES = list(smallest())
samples = grouped(SAMPLES, group=lambda case: case.parent.name, name=lambda case: case.stem)


def attempt(command: str, text: str, *, lenient: bool = False) -> Answer[object] | None:
    """The answer, or None where the parser refused the text; anything else than ParseError is a failure."""
    answer, place = None, (1, 1)
    try:
        answer = parse(command, text, lenient=lenient)
    except ParseError as error:
        place = error.line, error.column
    assert place[0] <= text.count("\n") + 1
    assert min(place) >= 1
    return answer


def briefly(whole: Path, command: str, text: str, *, lenient: bool = False) -> Answer[object] | None:
    """The same for damage of a whole output: it takes no longer than many readings of that."""
    answer: Answer[object] | None = None

    def try_it() -> None:
        nonlocal answer
        answer = attempt(command, text, lenient=lenient)

    assert_quick(try_it, lambda: parse(*output(whole)), MANY, 4 * LITTLE)
    return answer


@samples
def test_cut_anywhere(case: Path) -> None:
    command, text = output(case)
    chance = random.Random(case.stem)  # noqa: S311 - damage that a rerun repeats
    for _ in range(4):
        briefly(case, command, text[: chance.randrange(len(text))])


@samples
def test_a_character_that_is_another(case: Path) -> None:
    command, text = output(case)
    chance = random.Random(case.stem)  # noqa: S311 - damage that a rerun repeats
    for _ in range(4):
        place = chance.randrange(len(text))
        damaged = text[:place] + chance.choice("x0 \n\t\"'[]{}<>:\x1b") + text[place + 1 :]
        briefly(case, command, damaged)
        briefly(case, command, damaged, lenient=True)


@samples
def test_what_crash_never_prints(case: Path) -> None:
    command, text = output(case)
    half = len(text) // 2
    for damaged in (text.replace("\n", "\r\n"), f"{text[:half]}\0{text[half:]}"):
        if damaged != text:
            with pytest.raises(ParseError):
                parse(command, damaged)


@samples
def test_a_last_line_that_is_cut_is_never_whole(case: Path) -> None:
    """A word cut in its middle is another word: 512a000 and 512."""
    command, text = output(case)
    if case.parent.name in {"pte", "rustfilt"} or "-a" in command or text[-1] != "\n":
        return
    bare = text.rstrip()
    last = len(bare) - bare.rfind("\n") - 1
    for cut in range(min(12, last)):
        answer = briefly(case, command, bare[: len(bare) - cut])
        assert answer is None or not answer.complete


@pytest.mark.parametrize(
    "case", list({case.parent.name: case for case in SAMPLES}.values()), ids=lambda case: case.stem
)
def test_a_long_line(case: Path) -> None:
    command, text = output(case)
    first = text.split("\n", 1)[0]
    for filler in (" ", "0", "x", "{", "(", '"', "1,", "ff "):
        assert_linear(functools.partial(attempt, command), repeated(first, filler, "\n"), 300_000)
        assert_linear(functools.partial(attempt, command), repeated(text, filler), 300_000)


# Who may find rows in whose output, because crash prints them alike (or, marked, part of a line's data):
# all others' rows would be made up. The whole matrix, 190,000 pairs, was run once; here is a sample of it.
ALIKE = {frozenset(pair) for pair in (("rd", "struct"), ("list", "tree"), ("vtop", "ptov"), ("sym", "kmem"))}
LINES = {case.stem.split("@")[0]: output(case)[0] for case in SAMPLES}


@samples
def test_rows_of_another_command(case: Path) -> None:
    command, text = output(case)
    if len(text) > 30_000:
        return
    chance = random.Random(case.stem)  # noqa: S311 - a choice that a rerun repeats
    for line in chance.sample(sorted(LINES.values()), 12):
        ours, theirs = (command_line(words).name.partition(".")[0] for words in (line, command))
        if ours in {theirs, *FREE, "foreach"} or theirs == "foreach" or {ours, theirs} <= VALUES:
            continue
        answer = briefly(case, line, text)
        if answer is not None and answer.complete and len(answer):
            headers = all(not row.strip() or row.startswith("PID: ") for row in text.split("\n"))
            assert headers or frozenset((ours, theirs)) in ALIKE, line


@pytest.mark.parametrize("name", sorted(set(command_names()) - FREE))
def test_another_commands_output(name: str) -> None:
    """ParseError, a marked answer, or nothing."""
    own = cases(name, name)[:1]
    command = output(own[0])[0] if own else name
    taken: list[str] = []
    for case in SAMPLES:
        other = case.parent.name
        if other in {name, *FREE} or (name, other) in SAME or case.stem != other:
            continue
        answer = briefly(case, command, output(case)[1])
        if answer is not None and answer.complete and len(answer):
            taken.append(case.stem)
    assert not taken
