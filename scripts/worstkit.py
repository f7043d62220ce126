"""Inputs that no parser may take more than linear time for, and which of them does.

::

    scripts/worst                      all commands (some minutes), so many inputs of each case
    scripts/worst ps bt --seed 1       two commands, other inputs
    scripts/worst --case 'ps/ps_-a*' --tries 100000    all inputs of a case

The shortest recorded output of each case is fed: at a boundary of a token of one of its lines, a run of
something stands (blanks, digits, letters, brackets, what stands there itself), or a line stands many times,
with newlines between or without. An input that takes long for its size, and more than eight times as long as
with an eighth of the run, is tried at two and four times that size; where time grows by more than 2.5 each
time, it is told, and so is what takes 60 microseconds for each character.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import damagecases

from crashdrive.errors import CrashdriveError
from crashdrive.parsers import parse

SIZE = 8000
"""Characters of a run, at first."""

SLOW = 1.2e-6
"""Seconds of CPU time for a character: what takes less isn't looked at again."""

FAR_TOO_SLOW = 60e-6
"""Seconds for a character: so slow an input isn't tried at greater sizes."""

GROWTH = 2.5
"""Times as long for twice the size: more isn't linear."""

UNITS = (
    *(" ", "0", "a", "f", "(", "[", "{", "<", '"', "'", "\\", "\t", "\r", "\0", "-", "/", ".", ",", ":", "="),
    *(
        "a ",
        "0 ",
        " (",
        "[0] ",
        "a: ",
        "a=",
        "a=0,",
        "<a+0>",
        "{a = ",
        '", "',
        "PID: 0 ",
        "(a) ",
        "a::",
        "0x",
    ),
    *("\n", " \n", "...\n", "a\n", "a: 0\n", "ps: a\n", "WARNING: a\n"),
)
_TOKEN = re.compile(r"\w+|[^\w\s]+| +")


class Worst(NamedTuple):
    """An input: the case's text up to a place, so much of a unit, and the rest."""

    name: str
    command: str
    head: str
    unit: str
    tail: str

    def text(self, size: int) -> str:
        """The input with a run of about ``size`` characters."""
        return f"{self.head}{self.unit * max(1, size // len(self.unit))}{self.tail}"


class Finding(NamedTuple):
    """An input, and the seconds that it took at several sizes, or the exception that came out."""

    worst: Worst
    lenient: bool
    seconds: tuple[float, ...]
    wrong: str = ""


def inputs(case: damagecases.Case) -> Iterator[Worst]:
    """All inputs that are made of a case."""
    lines = case.text.split("\n")
    seen: set[str] = set()
    for number, line in enumerate(lines):
        shape = re.sub(r"[0-9a-f]+", "0", re.sub(r"[A-Za-z_]\w*", "a", line))
        if not line.strip() or shape in seen or len(seen) >= 20:
            continue
        seen.add(shape)
        above = "".join(f"{each}\n" for each in lines[:number])
        below = "\n" + "\n".join(lines[number + 1 :])
        name = f"{case.name}:{number + 1}"
        yield Worst(f"{name}:again", case.line, above + line, line, below)
        yield Worst(f"{name}:below", case.line, above, f"{line}\n", below[1:])
        for found in _places(line):
            head, tail = above + line[:found], line[found:] + below
            for unit in dict.fromkeys((*UNITS, *_around(line, found))):
                yield Worst(f"{name}:{found}:{unit!r}", case.line, head, unit, tail)


def _places(line: str) -> list[int]:
    """The boundaries of a line's tokens, at most twelve."""
    places = sorted({0, len(line), *(found.end() for found in _TOKEN.finditer(line))})
    return places if len(places) <= 12 else [places[len(places) * n // 12] for n in range(11)] + [len(line)]


def _around(line: str, place: int) -> tuple[str, ...]:
    """The tokens on both sides of a place."""
    return tuple(token[0] for token in _TOKEN.finditer(line) if place in token.span())


def seconds(worst: Worst, size: int, *, lenient: bool) -> float:
    """The CPU time that a parser takes for the input."""
    text = worst.text(size)
    start = time.process_time()
    with contextlib.suppress(CrashdriveError):
        parse(worst.command, text, lenient=lenient)
    return time.process_time() - start


def tried(worst: Worst, size: int, *, lenient: bool) -> Finding | None:
    """The input, if it takes more than linear time."""
    if _is_linear(worst, size, lenient=lenient):
        return None
    took: list[float] = []
    for times in (1, 2, 4):
        bound = GROWTH * took[-1] if took else SLOW * len(worst.text(size))
        # once is enough to see that it is quick; what the machine was busy with may be in the others
        for _ in range(2):
            took.append(seconds(worst, size * times, lenient=lenient))
            if took[-1] < bound:
                return None
        took.append(min(took.pop(), took.pop()))
        if took[-1] > FAR_TOO_SLOW * len(worst.text(size * times)):
            break
    return Finding(worst, lenient, tuple(took))


def _is_linear(worst: Worst, size: int, *, lenient: bool) -> bool:
    """Whether it is quick, or takes eight times as long for eight times the run.

    A ninth of the time in squares would be noticed; `GROWTH` lets more than that pass.
    """
    took = seconds(worst, size, lenient=lenient)
    if took < SLOW * len(worst.text(size)):
        return True
    alone, eighth = (min(seconds(worst, part, lenient=lenient) for _ in range(2)) for part in (0, size // 8))
    return took - alone < 9 * (eighth - alone)


class Task(NamedTuple):
    """A case, and how many of its inputs are tried."""

    path: Path
    tries: int
    seed: int
    size: int


def examine(task: Task) -> list[Finding]:
    """What is found in a case: of each place the first."""
    case = damagecases.load(task.path)
    if case is None:
        return []
    parse(case.line, case.text)  # grammars are built when first used
    chance = random.Random(f"{task.seed}/{case.name}")  # noqa: S311 - the same in each run
    every = [(worst, lenient) for worst in inputs(case) for lenient in (False, True)]
    found: dict[str, Finding] = {}
    for worst, lenient in chance.sample(every, min(task.tries, len(every))):
        place = worst.name.rpartition(":")[0]
        if place in found:
            continue
        try:
            finding = tried(worst, task.size, lenient=lenient)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            finding = Finding(worst, lenient, (), f"{type(error).__name__}: {error!s:.80}")
        if finding is not None:
            found[place] = finding
    return list(found.values())


def main() -> int:
    """Try what was asked for; status 1 where something takes more than linear time."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("command", nargs="*", help="crash commands (default: all)")
    options.add_argument("--case", default="*", help="only cases whose path ends so: 'ps/ps_-*'")
    options.add_argument("--tries", type=int, default=200, help="inputs of each case (default: %(default)s)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--size", type=int, default=SIZE, help="characters of a run (default: %(default)s)")
    options.add_argument("--jobs", type=int, default=1)
    chosen = options.parse_args()
    wanted = set(damagecases.paths(chosen.command, chosen.case))
    tasks = [
        Task(path, chosen.tries, chosen.seed, chosen.size)
        for path in damagecases.sample_paths()
        if path in wanted
    ]
    status = 0
    with multiprocessing.Pool(chosen.jobs) as pool:
        for found in pool.imap_unordered(examine, tasks):
            for worst, lenient, took, wrong in found:
                status = 1
                told = wrong or " ".join(f"{each:.3f}" for each in took) + " s"
                print(f"{told}  {'lenient ' if lenient else ''}{worst.name}  ({worst.command})", flush=True)
    print(f"{len(tasks)} cases", file=sys.stderr)
    return status
