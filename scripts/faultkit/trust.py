"""The tables of docs/trust.md."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from faultkit.hunt import TOGETHER, Run


class Done(NamedTuple):
    """What came of a subject, or a part of it: pages tried, of how many, counts by kind and outcome."""

    name: str
    pages: int
    of: int
    counts: Mapping[str, Mapping[str, int]]
    bad: tuple[Run, ...]
    seconds: float


class Failed(NamedTuple):
    """What came of a case when crash failed: round trips tried, of how many, runs by outcome, bad ones."""

    name: str
    trips: int
    of: int
    outcomes: Mapping[str, int]
    bad: int


TITLES = ("same", "marked", "error", "silent", "unsupported", "defect", "hang", "flood")
_MISSING = ("same", "marked", "error", "silent")
_FAILED = ("same", "marked", "error", "silent", "defect", "hang")
_FAILED_HEADS = ("report", "round trips", "of", *_FAILED)


def table(done: Sequence[Done]) -> str:
    """What came of each, one line for each kind of damage."""
    rows = [
        ([each.name, kind, str(each.pages)], outcomes)
        for each in done
        for kind, outcomes in each.counts.items()
    ]
    return _lines(("report or reader", "damage", "pages"), 1, TITLES, rows)


def _missing(done: Sequence[Done]) -> Iterator[tuple[str, str]]:
    """A line for each subject by its name: what came of pages that were missing."""
    for each in done:
        if outcomes := each.counts.get("missing"):
            numbers = [each.pages, each.of, *(outcomes.get(title, 0) for title in _MISSING)]
            yield each.name, _row([f"`{each.name}`", *map(str, numbers)])


def _damaged(done: Sequence[Done]) -> Iterator[tuple[str, str]]:
    """The same of pages of other bytes, all kinds together."""
    for each in done:
        outcomes: Counter[str] = Counter()
        for kind, counts in each.counts.items():
            outcomes.update(counts if kind != "missing" else {})
        if outcomes:
            numbers = [outcomes.total(), *(outcomes[title] for title in TITLES)]
            yield each.name, _row([f"`{each.name}`", *map(str, numbers)])


def _merged(before: str, heads: Sequence[str], rows: dict[str, str], known: Container[str]) -> str:
    """A table with the rows that a page had of it, but for subjects of this run, which have theirs."""
    head = _row(list(heads))
    _, _, rest = before.partition(f"{head}\n")
    lines = itertools.takewhile(lambda line: line.startswith("| `"), rest.splitlines()[1:])
    now = {*map(_subject, rows)}
    found = {name: line for line in lines if _subject(name := line.split("`")[1]) not in now} | rows
    order = sorted((name for name in found if _subject(name) in known), key=_place)
    rule = "|---|" + "---:|" * (len(heads) - 1)
    return "\n".join([head, rule, *(found[name] for name in order)]) + "\n"


def _subject(name: str) -> str:
    return name.partition(" ")[0]


def _place(name: str) -> tuple[bool, str]:
    """Reports, then readers; the cases of one stay in their order."""
    return "." in _subject(name), _subject(name)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _lines(
    heads: Sequence[str],
    numbers: int,
    titles: Sequence[str],
    rows: Sequence[tuple[list[str], Mapping[str, int]]],
) -> str:
    """A table; the last ``numbers`` of the heads and all titles are of numbers."""
    words = len(heads) - numbers
    lines = [
        f"| {' | '.join([*heads, *titles])} |",
        "|" + "---|" * words + "---:|" * (numbers + len(titles)),
    ]
    for first, outcomes in rows:
        cells = [*first, *(str(outcomes.get(title, 0)) for title in titles)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


_PAGE = """# Why a report can be believed

A dump is never whole: makedumpfile leaves pages out, disks fill up, memory is damaged. What a report reads
and doesn't find has to be said in the report and in its exit status (5), or its rows would lie.

`scripts/holes` tests that, of every report with each of its options, and of every reader of
`crashdrive.linux` that scripts may call. Each runs once over a dump, and each page that it reads is
remembered. Then it runs again once for each of these pages, with that page missing.

- same: the same rows, so that nothing of the page was needed;
- marked: other rows, and they are said to be incomplete, and why;
- error: no rows, an error that says why;
- silent: other rows without a word. There must be none, and the tests hold it.

Written by `scripts/holes --write` over the dump `{dump}`. pages: how many pages were missing
once, of how many that it reads; where these are fewer, they are chosen by chance. Each was missing alone;
pages of which nothing comes were so together, up to {together} of them.

{missing}
## Pages of other bytes

The same with pages that are there and wrong: full of zeros or of ones, another page's bytes, one bit flipped
in a word, in a pointer or in a count. Not all of that can be noticed (silent): a port that is another one
looks as right as the true one. What must hold:

- no traceback (defect), no run without end (hang), no more than 256 MB read beyond what the whole memory
  needs (flood);
- a row of a structure that the whole memory doesn't have is one that was read, in the dump, by a pointer that
  was read, and what gave it says that it is incomplete: else it is unsupported.

runs: with one page damaged, in each of these ways, of pages chosen by chance.

{damaged}
## A crash that fails

crash can be killed, hang, or be so slow that no time is left. `scripts/outages` has that happen at each
round trip of a report, over its recorded session: crash dies there, or says nothing more until the deadline,
at once or halfway through its output, or becomes slow. The answer must be the same, be marked as incomplete,
or be an error that says why. Written by `scripts/outages --turns --write`: these five take turns, each round
trip fails once; where fewer are told than there are, they are chosen by chance. Tests kill, stop and slow the
process itself: a crash at a terminal that answers from a recording, and a real one on a dump.

{failed}"""


def failed_table(done: Sequence[Failed]) -> str:
    """What came of each case."""
    rows = [([each.name, str(each.trips), str(each.of)], each.outcomes) for each in done]
    return _lines(_FAILED_HEADS[:3], 2, _FAILED, rows)


def _failed(done: Sequence[Failed]) -> Iterator[tuple[str, str]]:
    for each in done:
        numbers = [each.trips, each.of, *(each.outcomes.get(title, 0) for title in _FAILED)]
        yield each.name, _row([f"`{each.name}`", *map(str, numbers)])


def with_failed(before: str, done: Sequence[Failed], known: Container[str]) -> str:
    """docs/trust.md with another table of crashes that fail; all else as it was ``before``."""
    dump = before.partition("over the dump `")[2].partition("`")[0]
    return page([], dump, before, _Any(), _merged(before, _FAILED_HEADS, dict(_failed(done)), known))


class _Any(Container[str]):
    def __contains__(self, _name: object) -> bool:
        return True


def page(
    done: Sequence[Done], dump: str, before: str, known: Container[str], failed: str | None = None
) -> str:
    """docs/trust.md: what was ``before`` of reports and readers that are ``known``, and what is done now.

    ``failed`` is the table of crashes that fail, else it is the one from ``before``.
    """
    return _PAGE.format(
        dump=dump,
        together=TOGETHER,
        missing=_merged(before, ("report or reader", "pages", "of", *_MISSING), dict(_missing(done)), known),
        damaged=_merged(before, ("report or reader", "runs", *TITLES), dict(_damaged(done)), known),
        failed=failed or _merged(before, _FAILED_HEADS, {}, known),
    )
