"""Recorded outputs, damaged in many ways: what do the parsers make of them?

::

    scripts/damage                          all commands, all kinds (some minutes)
    scripts/damage ps bt --kind cut,join    two commands, two kinds (seconds)
    scripts/damage ps --kind join --show 5  with examples of what was lost without a mark
    scripts/damage --cross [ps ...]         other commands' outputs instead of damaged ones (a minute),
                                            those that tests/parsers/alike.toml doesn't explain
    scripts/damage --write [help ...]       the figures of tests/parsers/damage.toml, or some commands' alone
    scripts/damage --lines [ps ...]         each line of each output once missing, doubled, joined, cut
    scripts/damage --lines --write [help]   the figures of tests/parsers/damage_lines.toml (some minutes)

A damage has a name, as ``9.0.2/6.12.117/ps/ps:join:2``, that means the same one as long as the case, the
kind, the seed and the number of places are the same. What a parser makes of a damaged text is one of

- ``error``: ParseError; ``marked``: an answer that says that it is incomplete; ``same``: the same records;
- ``fewer``: complete, and fewer rows than there were: **lost without a mark**, what this program hunts;
- ``values``: as many rows, complete, and fewer values in them;
- ``text``: one text in one row is another one: a comm or a path that was cut can't be told from a short one;
- ``other``: as many rows or more, and other values: a digit that is another one, rows that changed places;
- ``wrong``: any other exception than ParseError.

What can't be noticed is counted like the rest: a line that is missing (``delete``, ``lines``) from a table
that nowhere says how many rows it has; a digit that is another one; two messages of `log -t` in one line, as
nothing stands in front of a message there; a piece of a row of `ps` that is short enough for the rest of the
name above it, which may hold a newline. The kinds that have a bound are ``join``,
``cut`` and ``end``.
"""

from __future__ import annotations

import difflib
import itertools
import multiprocessing
import random
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from damagecases import Case, load, paths, sample_paths
from damageclasses import Whole, became, flat, rows
from damagekinds import KINDS

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.records import Answer

CHECKOUT = Path(__file__).resolve().parents[1]
FIGURES = CHECKOUT / "tests" / "parsers" / "damage.toml"

SLOW = 0.1
"""Seconds of CPU time that no recorded output takes, however it is damaged."""

CLASSES = ("same", "error", "marked", "fewer", "values", "text", "other", "wrong")


class Damaged(NamedTuple):
    """A damaged text, and its name."""

    name: str
    kind: str
    text: str


class Wanted(NamedTuple):
    """What is tried on each case, and how much is told of it."""

    kinds: tuple[str, ...]
    places: int
    seed: int
    shown: frozenset[str] = frozenset()


class Loss(NamedTuple):
    """A damage and what became of the records, for people."""

    name: str
    became: str
    story: str


class Outcome(NamedTuple):
    """What the damages of one case gave: counts by kind and class, the slowest by kind, examples."""

    name: str
    command: str
    counts: Counter[tuple[str, str]]
    slowest: dict[str, tuple[float, str]]
    losses: list[Loss]


def damages(case: Case, wanted: Wanted) -> Iterator[Damaged]:
    """The damaged texts of a case: each kind at so many lines, chosen by the seed and the case's name."""
    lines = case.text.split("\n")
    places = [place for place, line in enumerate(lines) if line.strip()]
    for kind in wanted.kinds:
        chance = random.Random(f"{wanted.seed}/{case.name}/{kind}")  # noqa: S311 - the same in each run
        for number, place in enumerate(chance.sample(places, min(wanted.places, len(places))), 1):
            text = KINDS[kind][0](lines, place, chance)
            if text is not None and text != case.text:
                yield Damaged(f"{case.name}:{kind}:{number}", kind, text)


def examine(path: Path, wanted: Wanted) -> Outcome | None:
    """Damage one case in all ways; None for one that says nothing (refused, empty).

    Of an output that is marked as incomplete itself counts what becomes complete, or fails.
    """
    case = load(path)
    if case is None:
        return None
    whole = Whole(parse(case.line, case.text))
    outcome = Outcome(case.name, case.command, Counter(), {}, [])
    for damaged in damages(case, wanted):
        start = time.process_time()
        became, answer = attempt(case.line, damaged.text, whole)
        seconds = time.process_time() - start
        if became == "marked" and not whole.answer.complete:
            continue
        outcome.counts[damaged.kind, became] += 1
        outcome.slowest[damaged.kind] = max(
            outcome.slowest.get(damaged.kind, (0.0, "")), (seconds, damaged.name)
        )
        if became in wanted.shown:
            outcome.losses.append(Loss(damaged.name, became, story(case, damaged, whole.answer, answer)))
    return outcome


def attempt(line: str, text: str, whole: Whole) -> tuple[str, Answer[Any] | Exception]:
    """Parse a damaged text and say which class that is."""
    try:
        answer = parse(line, text)
    except ParseError as error:
        return "error", error
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return "wrong", error
    return became(answer, whole), answer


def story(case: Case, damaged: Damaged, whole: Answer[Any], answer: Answer[Any] | Exception) -> str:
    """What was done to a text, and what that did to its records."""
    text = _diff(case.text.splitlines(), damaged.text.splitlines(), 1)
    if isinstance(answer, Exception):
        return f"{text}\n  => {type(answer).__name__}: {answer}"
    return f"{text}\n  =>\n{_diff(_shown(whole), _shown(answer), 0)}"


def _shown(answer: Answer[Any]) -> list[str]:
    return [f"{type(row).__name__} {_flat_text(row)}" for row in rows(answer.records)]


def _flat_text(row: msgspec.Struct) -> str:
    return " ".join(f"{name}={value!r:.120}" for name, value in flat(row).items() if name)


def _diff(before: list[str], after: list[str], context: int) -> str:
    lines = list(difflib.unified_diff(before, after, lineterm="", n=context))[2:]
    shown = [f"    {line!a:.230}" for line in lines if not line.startswith("@@")]
    return "\n".join([*shown[:12], *(["    ..."] if len(shown) > 12 else [])])


def run(chosen: list[Path], wanted: Wanted, jobs: int) -> list[Outcome]:
    """Damage these cases, in so many processes."""
    tasks = [
        (path, wanted) for path in sorted(chosen, key=lambda path: -path.with_suffix(".out").stat().st_size)
    ]
    if jobs == 1:
        return [outcome for outcome in itertools.starmap(examine, tasks) if outcome]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        return [outcome for outcome in pool.imap_unordered(_examined, tasks, chunksize=4) if outcome]


def _examined(task: tuple[Path, Wanted]) -> Outcome | None:
    return examine(*task)


Counts = dict[tuple[str, str], Counter[str]]
"""Number of damages by command and kind, by class."""


def total(outcomes: Iterable[Outcome]) -> Counts:
    """The counts of all cases of each command."""
    counts: Counts = {}
    for outcome in outcomes:
        for (kind, outcome_class), number in outcome.counts.items():
            counts.setdefault((outcome.command, kind), Counter())[outcome_class] += number
    order = list(KINDS)
    return dict(sorted(counts.items(), key=lambda item: (item[0][0], order.index(item[0][1]))))


def table(counts: Counts, slowest: dict[tuple[str, str], tuple[float, str]]) -> Iterator[str]:
    """The counts as lines for a terminal, and a line for each kind of all commands together."""
    titles = "".join(f"{name:>8}" for name in CLASSES)
    yield f"{'command':12} {'kind':10} {'tried':>7}{titles} {'fewer %':>8} {'slowest':>8}"
    kinds: dict[str, Counter[str]] = {}
    for (command, kind), by_class in counts.items():
        kinds.setdefault(kind, Counter()).update(by_class)
        yield _line(command, kind, by_class, slowest[command, kind][0])
    for kind in filter(kinds.__contains__, KINDS):
        seconds = max(value[0] for (_, other), value in slowest.items() if other == kind)
        yield _line("(all)", kind, kinds[kind], seconds)


def _line(command: str, kind: str, by_class: Counter[str], seconds: float) -> str:
    tried = by_class.total()
    numbers = "".join(f"{by_class[name] or '':>8}" for name in CLASSES)
    return f"{command:12} {kind:10} {tried:7d}{numbers} {100 * by_class['fewer'] / tried:8.2f} {seconds:8.3f}"


def slowest_of(outcomes: Iterable[Outcome]) -> dict[tuple[str, str], tuple[float, str]]:
    """The slowest damage of each command and kind: seconds and name."""
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for outcome in outcomes:
        for kind, value in outcome.slowest.items():
            key = outcome.command, kind
            found[key] = max(found.get(key, (0.0, "")), value)
    return found


class Figure(NamedTuple):
    """How many damages of a kind were tried, and how many lost rows without a mark."""

    fewer: int
    tried: int


Figures = dict[str, dict[str, Figure]]
"""Figures by command and kind."""


def figures(counts: Counts) -> Figures:
    """What is kept of the counts."""
    found: Figures = {}
    for (command, kind), by_class in counts.items():
        found.setdefault(command, {})[kind] = Figure(by_class["fewer"], by_class.total())
    return found


def known_figures() -> dict[str, Figures]:
    """The figures that may only fall: of ``all`` outputs, of the test's ``sample``."""
    read = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    return {
        part: {
            command: {kind: Figure(*numbers) for kind, numbers in kinds.items()}
            for command, kinds in read[part].items()
        }
        for part in read
    }


def write_figures(parts: dict[str, Figures]) -> None:
    """Write tests/parsers/damage.toml."""
    lines = [
        "# Written by scripts/damage --write: [rows lost without a mark, damages tried] by command and kind.",
        "# They may only fall. `all`: some lines of each output.",
        "# `sample` is what tests/parsers/test_damage.py tries; what it leaves out is 0.",
    ]
    for part, commands in parts.items():
        for command, kinds in commands.items():
            kept = {kind: figure for kind, figure in kinds.items() if part != "sample" or figure.fewer}
            lines += ["", f"[{part}.{command}]"] if kept else []
            lines += [f"{kind} = [{figure.fewer}, {figure.tried}]" for kind, figure in kept.items()]
    FIGURES.write_text("\n".join(lines) + "\n", encoding="utf-8")


SAMPLE = Wanted(tuple(KINDS), places=2, seed=0)
ALL = Wanted(tuple(KINDS), places=6, seed=0)


def risen(now: Figures, known: Figures) -> Iterator[str]:
    """What is lost more often than it was."""
    for command, kinds in now.items():
        for kind, figure in kinds.items():
            old = known.get(command, {}).get(kind, Figure(0, 1))
            if figure.fewer * old.tried > old.fewer * figure.tried:
                yield (
                    f"{command}, {kind}: {figure.fewer} of {figure.tried} lose rows without a mark, "
                    f"it was {old.fewer} of {old.tried}"
                )


def write(jobs: int, commands: Sequence[str] = ()) -> int:
    """Measure anew, these commands alone where some are named, and keep the figures; say what rose."""
    old = known_figures() if FIGURES.exists() else {}
    sample = [path for path in sample_paths() if not commands or path.parent.name in commands]
    parts = {
        "all": figures(total(run(paths(commands), ALL, jobs))),
        "sample": figures(total(run(sample, SAMPLE, jobs))),
    }
    others = {
        part: {name: kinds for name, kinds in known.items() if commands and name not in commands}
        for part, known in old.items()
    }
    write_figures(
        {part: dict(sorted({**others.get(part, {}), **new}.items())) for part, new in parts.items()}
    )
    rises = [f"{part}: {line}" for part, known in old.items() for line in risen(parts[part], known)]
    print("\n".join(rises) or f"{FIGURES.relative_to(CHECKOUT)} is written; nothing rose")
    return 1 if rises else 0
