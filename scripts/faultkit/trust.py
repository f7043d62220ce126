"""The tables of docs/trust.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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


TITLES = ("same", "marked", "error", "silent", "unsupported", "defect", "hang", "flood")
_MISSING = ("same", "marked", "error", "silent")


def table(done: Sequence[Done]) -> str:
    """What came of each, one line for each kind of damage."""
    rows = [
        ([each.name, kind, str(each.pages)], outcomes)
        for each in done
        for kind, outcomes in each.counts.items()
    ]
    return _lines(("report or reader", "damage", "pages"), 1, TITLES, rows)


def _missing(done: Sequence[Done]) -> str:
    rows = [
        ([f"`{each.name}`", str(each.pages), str(each.of)], each.counts["missing"])
        for each in done
        if "missing" in each.counts
    ]
    return _lines(("report or reader", "pages", "of"), 2, _MISSING, rows)


def _damaged(done: Sequence[Done]) -> str:
    """All subjects together, by kind."""
    kinds: dict[str, Counter[str]] = {}
    for each in done:
        for kind, outcomes in each.counts.items():
            if kind != "missing":
                kinds.setdefault(kind, Counter()).update(outcomes)
    rows = [([kind, str(outcomes.total())], outcomes) for kind, outcomes in kinds.items()]
    return _lines(("damage", "runs"), 1, TITLES, rows) if rows else "Not tried.\n"


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

Written by `{command}` over the dump `{dump}`.
pages: how many pages were missing once{chance}, of how many that it reads. Each was missing alone; pages of
which nothing comes were so together, up to {together} of them.

{missing}
## Pages of other bytes

The same with pages that are there and wrong: full of zeros or of ones, another page's bytes, one bit flipped
in a word, in a pointer or in a count. Not all of that can be noticed (silent): a port that is another one
looks as right as the true one. What must hold:

- no traceback (defect), no run without end (hang), no more than 256 MB read beyond what the whole memory
  needs (flood);
- a row of a structure that the whole memory doesn't have is one that was read, in the dump, by a pointer that
  was read, and what gave it says that it is incomplete: else it is unsupported.

runs: of all reports and readers together, some of their pages by chance.

{damaged}"""


def page(done: Sequence[Done], dump: str, sample: int | None, damaged: int) -> str:
    """docs/trust.md."""
    words = ["scripts/holes --all --write"]
    words += [f"--sample {sample}"] if sample is not None else []
    words += [f"--damaged {damaged}"] if damaged else []
    chance = "" if sample is None else ", chosen by chance"
    return _PAGE.format(
        command=" ".join(words),
        chance=chance,
        dump=dump,
        together=TOGETHER,
        missing=_missing(done),
        damaged=_damaged(done),
    )
