"""Recorded outputs damaged by scripts/damage: what is lost without a mark may only become less.

Each kind of damage is tried at one line of the shortest output of each case. `scripts/damage` tries more, and
with ``--show`` it prints what was lost. Of some outputs each line is damaged once; they are chosen by chance:
the same in each run, but others in CI, or by CRASHDRIVE_FAULTS_SEED.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import damagecases
import damagekit
import damagelines
import pytest
from damagecases import Case
from damageclasses import Whole
from faultkit import SEED

from crashdrive.errors import ParseError
from crashdrive.parsers import command_names, parse
from tests.parsers.effort import LITTLE, MANY, assert_quick


@pytest.fixture(scope="module")
def outcomes() -> list[damagekit.Outcome]:
    return damagekit.run(
        damagecases.sample_paths(), damagekit.SAMPLE._replace(shown=frozenset({"wrong"})), jobs=1
    )


@pytest.mark.timeout(120)
def test_no_more_is_lost_without_a_mark(outcomes: list[damagekit.Outcome]) -> None:
    now = damagekit.figures(damagekit.total(outcomes))
    rises = list(damagekit.risen(now, damagekit.known_figures()["sample"]))
    assert not rises, (
        "see `scripts/damage COMMAND --kind KIND --show 5`; new recordings: `scripts/damage --write`"
    )


def test_nothing_but_parse_error_comes_out(outcomes: list[damagekit.Outcome]) -> None:
    assert not [loss for outcome in outcomes for loss in outcome.losses]


def test_no_damage_takes_long(outcomes: list[damagekit.Outcome]) -> None:
    """Most take milliseconds; of those that took more, none takes longer than many readings of the whole."""
    slow = {name for took, name in damagekit.slowest_of(outcomes).values() if took > 4 * LITTLE}
    for damaged, case in again(slow):
        assert_quick(
            functools.partial(read, case.line, damaged.text),
            functools.partial(parse, case.line, case.text),
            MANY,
            4 * LITTLE,
        )


def again(names: set[str]) -> Iterator[tuple[damagekit.Damaged, Case]]:
    """Damages by their names, with the case of each."""
    for path in damagecases.sample_paths() if names else ():
        case = damagecases.load(path)
        if isinstance(case, Case) and any(name.startswith(f"{case.name}:") for name in names):
            made = damagekit.damages(case, damagekit.SAMPLE)
            yield from ((damaged, case) for damaged in made if damaged.name in names)


def read(line: str, text: str) -> None:
    """To be refused, or to be read."""
    with contextlib.suppress(ParseError):
        parse(line, text)


def test_damages_are_found_again(outcomes: list[damagekit.Outcome]) -> None:
    """Those that took longest, as those would be that take too long."""
    names = {name for _, name in sorted(damagekit.slowest_of(outcomes).values())[-3:]}
    assert {damaged.name for damaged, _ in again(names)} == names


def test_every_command_is_tried(outcomes: list[damagekit.Outcome]) -> None:
    unrecorded = {"s390dbf"}  # no dump of that machine
    assert {outcome.command for outcome in outcomes} == set(command_names()) - unrecorded


# lines that are parsed, of outputs of which each line is damaged: some seconds
LINES = 400_000


def test_of_no_output_is_more_lost_than_was() -> None:
    outcomes = damagelines.damaged(damagelines.some(SEED, LINES), jobs=1)
    assert len({outcome.command for outcome in outcomes}) > 10
    assert not [loss for outcome in outcomes for loss in outcome.losses]
    rises = list(damagelines.risen(damagelines.figures(outcomes).outputs, damagelines.known().outputs))
    assert not rises, f"CRASHDRIVE_FAULTS_SEED={SEED}; new recordings: `scripts/damage --lines --write`"


def test_figures_are_of_outputs_that_there_are() -> None:
    names = {
        path.relative_to(damagecases.GOLDEN).with_suffix("").as_posix() for path in damagelines.outputs()
    }
    assert damagelines.known().outputs.keys() <= names, "see `scripts/damage --lines --write`"


def test_what_is_not_noticed_may_only_fall() -> None:
    old = {"ps": {"delete": damagelines.Count(2, 0, 10)}}

    def risen(fewer: int, other: int, tried: int) -> list[str]:
        return list(damagelines.risen({"ps": {"delete": damagelines.Count(fewer, other, tried)}}, old))

    assert not risen(2, 0, 10)
    assert not risen(4, 0, 20)
    assert risen(3, 0, 10) == ["ps, delete: 3 + 0 of 10 aren't noticed, it was 2 + 0 of 10"]
    assert risen(2, 1, 10)
    assert list(damagelines.risen({"new": {"cut": damagelines.Count(0, 1, 3)}}, {}))


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("cut", {"ab 1\ncd\n", "ab 1\ncd \n", "ab 1\nc\n", "a\ncd 2\n", "ab\ncd 2\n", "ab \ncd 2\n"}),
        ("join", {"ab 1cd 2\n", "ab 1 cd 2\n"}),
        ("swap", {"cd 2\nab 1\n"}),
        ("double", {"ab 1\nab 1\ncd 2\n", "ab 1\ncd 2\ncd 2\n"}),
        ("delete", {"ab 1\n", "cd 2\n"}),
        ("lines", {"ab 1\n"}),
        ("end", {"ab 1\nc", "ab 1\ncd", "ab 1\ncd ", "a", "ab", "ab "}),
        ("crlf", {"ab 1\r\ncd 2\n", "ab 1\ncd 2\r\n"}),
        ("tab", {"ab\t1\ncd 2\n", "ab 1\ncd\t2\n"}),
    ],
)
def test_a_damage_is_what_its_name_says_and_is_the_same_in_each_run(kind: str, texts: set[str]) -> None:
    case = damagecases.Case("x", "ps", "ps", "ab 1\ncd 2\n")
    seen: set[str] = set()
    for seed in range(30):
        wanted = damagekit.Wanted((kind,), places=2, seed=seed)
        damages = list(damagekit.damages(case, wanted))
        assert damages == list(damagekit.damages(case, wanted))
        seen |= {damaged.text for damaged in damages}
    assert seen == texts - {case.text}


WHOLE = """\
VIRTUAL           PHYSICAL
ffff888000001000  1000
ffff888000002000  2000
"""


@pytest.mark.parametrize(
    ("damage", "became"),
    [
        (("  2000", "  2000 "), "same"),
        (("  2000\n", "  2"), "marked"),
        (("ffff888000002000  2000\n", ""), "fewer"),
        (("  2000", "  3000"), "other"),
        (("VIRTUAL", "virtual"), "error"),
    ],
)
def test_what_becomes_of_the_records_has_a_class(damage: tuple[str, str], became: str) -> None:
    whole = parse("ptov 1000 2000", WHOLE)
    assert damagekit.attempt("ptov 1000 2000", WHOLE.replace(*damage), Whole(whole))[0] == became
