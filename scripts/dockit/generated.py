"""The generated pages of docs/: vocabulary.md out of the records of commands, readers and reports,
rules.md out of the rules, coverage.md out of the golden files, calls.md and crashdrive/calls.pyi out of the
commands and reports, architecture.svg out of the imports, grammars/ out of the grammars, schemas/ out of
the records, man/, manual.md and completions/ out of the command line, errors.md out of the errors.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

import damagekit
import damagelines
import msgspec
from damagekinds import KINDS

from crashdrive.parsers import _catalog, command_names
from crashdrive.records import Record
from crashdrive.reports.base import Option
from crashdrive.rules import rule_for, rule_names
from crashdrive.rules.base import source_name
from dockit import calls, completions, errors, grammars, house, manual, options, schemas
from dockit.markdown import table

CHECKOUT = Path(__file__).resolve().parents[2]
GOLDEN = CHECKOUT / "golden_outputs"
DOCS = CHECKOUT / "docs"

Counts = dict[tuple[str, str, str], int]
"""Number of recorded outputs by command, shape ("" where crash refused) and place."""

_GENERATED = "<!-- Written by scripts/docs; a test says when it is out of date. Don't edit. -->\n"

_VOCABULARY = """\
# The vocabulary of the records

One word means one thing in all records, tables, JSON and CSV. Sizes are in bytes, times in seconds, and where
it isn't plain the name says which. What is absent is `null`. The types `address`, `bits` (masks, registers,
raw words) and `long` (numbers that can exceed 2^53) are `int` in Python. In JSON and CSV the first two are
strings such as `"0xffff888003a54000"`, and so is a `long` from 2^53 on.
`crashdrive parse --list` shows the same by command,
`crashdrive parse --schema COMMAND` as JSON schema. Records of readers and reports stand behind their module
(`linux.net.sockets.rows: Socket`).

"""

_RULES = """\
# Rules

What findings of reports say, by their `kind`. Your own rules: [extending.md](extending.md#rules-of-your-own).

"""

_COVERAGE = """\
# What is parsed, and what proves it

Each command and each shape of its output, with the number of recorded outputs (`golden_outputs/`) for each
crash version and kernel. A recorded output is one that a real crash printed for a real dump; "refused" are
those in which crash itself refused the command. A shape without recorded outputs is known from crash's
source and help pages alone.

"""


_OPTIONS = """
## Options without a recorded output

Every other option that crash's commands take is in a recorded output that crash didn't refuse.

"""

_DAMAGE = """
## What is lost without a mark

Recorded outputs damaged by `scripts/damage`, at {places} lines of each output in each way. A damaged text is
an error, is marked as incomplete, or gives the same rows; the table counts where it gave **fewer rows and
neither an error nor a mark**, of how many that were tried. A line that is missing can't be noticed where
nothing says how many there are; a line that was joined with another or cut can, mostly. Not where two
messages of `log -t` are one line, as nothing stands in front of a message there, and not where the text of
`rd -a` ends early, which has no newline at its end. The test run holds a sample of it against these figures:
they may only fall.

{kinds}
"""


_LINES = """
## Each line once

The same with each line once missing, doubled, joined with the next, or cut: of every recorded output, one of
those that are alike to the byte; of outputs of more than {long} lines {some} lines by chance. It is
`scripts/damage --lines --write`; without `--write` it takes each line of those, too. The first figure counts
damages by which **rows were lost and nothing said so**, the second those by which as many rows or more came
out, other ones and unmarked: a row that stands there twice, a name that was cut. Of how many, last. The test
run takes some outputs by chance and holds them against the figures of each: they may only fall.

"""


class _Expectation(msgspec.Struct):
    shape: str | None = None
    complete: bool | None = None


Fields = dict[str, dict[str, list[str]]]
"""By a field's name, by its type: the records that have it so."""

_ROOMS = ("crashdrive.linux", "crashdrive.reports")


def every_field() -> Fields:
    """The fields of all records: of commands (``ps: Process``); of readers, reports behind their module."""
    found: Fields = defaultdict(lambda: defaultdict(list))
    for where, record in _records():
        for field in _catalog.fields_of(record):
            found[field.name][field.type].append(f"{where}: {record.__name__}")
    return found


def _records() -> Iterator[tuple[str, type[Record]]]:
    for command in command_names():
        yield from ((command, record) for record in _catalog.records_of(command))
    for room in _ROOMS:
        for name in sorted(_modules(room)):
            yield from ((name.removeprefix("crashdrive."), one) for one in _rows_of(import_module(name)))


def _modules(room: str) -> Iterator[str]:
    path = import_module(room).__path__
    yield from (info.name for info in walk_packages(path, f"{room}."))


def _rows_of(module: ModuleType) -> list[type[Record]]:
    """The records that a module defines for others; what a report's options are is no row."""
    mine = (one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Record))
    return [
        one
        for one in mine
        if one.__module__ == module.__name__ and not one.__name__.startswith("_") and one is not Option
    ]


def vocabulary() -> str:
    """The page of all fields: name, types, the records that have them."""
    found = every_field()
    rows = [
        (f"`{name}`", f"`{kind}`", ", ".join(dict.fromkeys(users)))
        for name, kinds in sorted(found.items())
        for kind, users in sorted(kinds.items())
    ]
    return _GENERATED + _VOCABULARY + table(["Field", "Type", "Records"], rows)


def rules_page() -> str:
    """The page of all rules: what each finds, from where on, and what to do then."""
    rows = [
        (f"`{one.id}`", one.severity, f"{one.told()}; {one.threshold}",
         ", ".join(f"`{source_name(source)}`" for source in one.looks_at), one.explanation, one.advice,
         one.reference)
        for one in map(rule_for, rule_names())
    ]  # fmt: skip
    titles = ["Finding", "Severity", "What, from where on", "Found in", "What it means", "What next", "See"]
    return _GENERATED + _RULES + table(titles, rows)


def coverage() -> str:
    """The page of all shapes and how many recorded outputs each has."""
    counts = _counted()
    places = sorted({place for _, _, place in counts})
    titles = ["Command", "Shape", "Options", "Records", *places]
    unrecorded = _OPTIONS + table(["Command", "Options", "Why"], options.rows())
    return _GENERATED + _COVERAGE + table(titles, _coverage_rows(counts, places)) + unrecorded + _damage()


def _damage() -> str:
    """The part about damaged outputs."""
    figures = damagekit.known_figures()
    kinds = "\n".join(f"- `{kind}`: {meaning}" for kind, (_, meaning) in KINDS.items())
    text = _DAMAGE.format(places=damagekit.ALL.places, kinds=kinds)
    lines = _LINES.format(long=damagelines.LONG, some=damagelines.SOME)
    return text + "\n" + _losses(figures["all"], list(KINDS)) + lines + _lines()


def _lines() -> str:
    kinds = damagelines.LINES.kinds
    commands = damagelines.known().commands
    rows = [
        [f"`{command}`", *(_unseen(counts.get(kind)) for kind in kinds)]
        for command, counts in {**commands, "all": damagelines.summed(commands)}.items()
    ]
    return table(["Command", *kinds], rows)


def _unseen(count: damagelines.Count | None) -> str:
    return f"{count.fewer} + {count.other} of {count.tried}" if count else ""


def _losses(known: damagekit.Figures, kinds: Iterable[str]) -> str:
    rows = [
        [f"`{command}`", *(_lost(by_kind.get(kind)) for kind in kinds)]
        for command, by_kind in {**known, "all": _summed(known.values())}.items()
    ]
    return table(["Command", *kinds], rows)


def _lost(figure: damagekit.Figure | None) -> str:
    return f"{figure.fewer} of {figure.tried}" if figure else ""


def _summed(commands: Iterable[dict[str, damagekit.Figure]]) -> dict[str, damagekit.Figure]:
    found: dict[str, damagekit.Figure] = {}
    for by_kind in commands:
        for kind, (fewer, tried) in by_kind.items():
            old = found.get(kind, damagekit.Figure(0, 0))
            found[kind] = damagekit.Figure(old.fewer + fewer, old.tried + tried)
    return found


def _coverage_rows(counts: dict[tuple[str, str, str], int], places: list[str]) -> Iterator[list[str]]:
    rows = _catalog.listing()
    for command in dict.fromkeys(row.command for row in rows):
        for shape in _catalog.shapes_of(command):
            records = ", ".join(
                row.record for row in rows if (row.command, row.shape) == (command, shape.name)
            )
            yield [
                f"`{command}`",
                shape.name,
                shape.options,
                records,
                *_numbers(counts, command, shape.name, places),
            ]
        refused = _numbers(counts, command, "", places)
        if any(refused):
            yield [f"`{command}`", "(refused)", "", "", *refused]


def _numbers(
    counts: dict[tuple[str, str, str], int], command: str, shape: str, places: list[str]
) -> list[str]:
    return [str(counts.get((command, shape, place), "")) for place in places]


def _counted() -> Counts:
    counts: Counts = defaultdict(int)
    for path in sorted(GOLDEN.glob("*/*/*/*.cmd")):
        version, release, command = path.relative_to(GOLDEN).parts[:3]
        expected = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=_Expectation)
        counts[command, expected.shape or "", f"{version} on {release.split('-')[0]}"] += 1
    return counts


PAGES = {
    "docs/vocabulary.md": vocabulary,
    "docs/rules.md": rules_page,
    "docs/coverage.md": coverage,
    "docs/calls.md": lambda: _GENERATED + calls.page(),
    "docs/errors.md": lambda: _GENERATED + errors.errors_page(),
    "docs/architecture.svg": house.picture,
    "crashdrive/calls.pyi": calls.stub,
}
"""The generated files that are always there; those of the grammars are as many as there are grammars."""


def main() -> int:
    """Write the pages, or with --check say which are out of date (status 1)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what is out of date")
    check = parser.parse_args().check
    drawn, described, told = grammars.pages(), schemas.pages(), manual.pages()
    wanted = {name: page() for name, page in PAGES.items()}
    wanted |= {f"docs/{name}": text for name, text in drawn.items()}
    wanted |= {f"docs/schemas/{name}": text for name, text in described.items()}
    wanted |= {f"docs/man/{name}": text for name, text in told.items()}
    wanted["docs/manual.md"] = _GENERATED + errors.manual_page(told)
    wanted |= {f"docs/completions/{name}": text for name, text in completions.pages().items()}
    stale = [name for name, text in wanted.items() if not _is_current(name, text)]
    for name in stale:
        print(f"{name} {'is out of date' if check else 'written'}")
        if not check:
            (CHECKOUT / name).parent.mkdir(exist_ok=True, parents=True)
            (CHECKOUT / name).write_text(wanted[name], encoding="utf-8")
    left = [*left_over(drawn), *schemas.left_over(described), *manual.left_over(told)]
    for path in left:
        print(f"{path.relative_to(CHECKOUT)} {'is left over' if check else 'removed'}")
        if not check:
            path.unlink()
    return 1 if check and (stale or left) else 0


def left_over(wanted: Iterable[str]) -> list[Path]:
    """The files of docs/grammars/ that no grammar stands for any more."""
    known = {DOCS / name for name in wanted}
    return [path for path in sorted((DOCS / "grammars").glob("*")) if path not in known]


def _is_current(name: str, text: str) -> bool:
    path = CHECKOUT / name
    return path.exists() and path.read_text(encoding="utf-8") == text
