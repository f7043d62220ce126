"""The pages of docs/grammars/: a drawing of each grammar of a command, beside what a real crash printed."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import msgspec

from crashdrive.parsers import _catalog, command_names, module_for
from crashdrive.parsers.base import Shape
from crashdrive.text import printable
from dockit import pictures

GOLDEN = Path(__file__).resolve().parents[2] / "golden_outputs"
_FOLDER = "grammars"
# An example is as short as it can be and shows something; longer ones are cut.
_TELLING, _LINES, _CHARACTERS = 200, 14, 150

_GENERATED = "<!-- Written by scripts/docs; a test says when it is out of date. Don't edit. -->\n"

_INDEX = """\
# What crash prints

One page for each command whose output is read by a grammar ([how one is written](../grammars.md)).

A drawing is read from left to right along its lines. A line that leads back repeats, a line around a box
leaves it out. Words in green stand so in the output, other boxes say what stands there. Blank lines, `...`
for lines that were left out, and crash's own messages may stand between lines in most places; they
aren't drawn. Columns are drawn in their usual order, a table's rows follow the order in its header.

"""


class _Case(msgspec.Struct):
    """A recorded output's .json, as far as it matters here."""

    shape: str | None = None
    complete: bool | None = None
    records: list[msgspec.Raw] = []


@functools.cache
def pages() -> dict[str, str]:
    """All files by their path below docs/."""
    found: dict[str, str] = {}
    listed: list[str] = []
    for command in command_names():
        shapes = module_for(command).SHAPES
        drawn = {shape.name: _drawn(command, shape) for shape in shapes}
        files = {name: picture.svg for one in drawn.values() for name, picture in one.items()}
        if not files:
            continue
        found |= {f"{_FOLDER}/{name}": svg for name, svg in files.items()}
        found[f"{_FOLDER}/{command}.md"] = _page(command, shapes, drawn)
        shown = ", ".join(shape.name for shape in shapes if drawn[shape.name])
        listed.append(f"- [`{command}`]({command}.md): {shown}\n")
    found[f"{_FOLDER}/README.md"] = _GENERATED + _INDEX + "".join(listed)
    return found


def _drawn(command: str, shape: Shape) -> dict[str, pictures.Picture]:
    """The drawings of a shape by the names of their files, the whole first."""
    if shape.grammar is None:
        return {}
    found = pictures.pictures(shape.grammar())
    ends = ["", *(f"-{i}" for i in range(2, len(found) + 1))]
    return {f"{command}-{shape.name}{end}.svg": one for end, one in zip(ends, found, strict=False)}


def _page(command: str, shapes: tuple[Shape, ...], drawn: dict[str, dict[str, pictures.Picture]]) -> str:
    lines = [_GENERATED, f"# `{command}`\n\n[How the drawings are read](README.md)\n"]
    for shape in shapes:
        if files := drawn[shape.name]:
            records = ", ".join(_catalog.type_text(one) for one in _catalog.record_types(shape.record))
            lines.append(f"\n## {shape.name}\n\n`{shape.options}` gives `{records}`.\n\n")
            for name, picture in files.items():
                lines.append(f"{picture.name}:\n\n" if picture.name else "")
                lines.append(f"![{command} {shape.name}]({name})\n\n")
            lines += _example(command, shape.name)
    if others := [shape.name for shape in shapes if not drawn[shape.name]]:
        lines.append(f"\nNot drawn: {', '.join(others)}.\n")
    return "".join(lines)


def _example(command: str, shape: str) -> Iterator[str]:
    """What a real crash printed, and for which command line; nothing where none is recorded."""
    case = _telling(command, shape)
    if case is None:
        yield "No example: of this shape no whole output is recorded.\n"
        return
    line = case.with_suffix(".cmd").read_text(encoding="utf-8").split("\n", 1)[0]
    text = case.with_suffix(".out").read_bytes().decode("utf-8", "backslashreplace").rstrip("\n")
    rows = [printable(row) for row in text.split("\n")]
    shown = [row if len(row) <= _CHARACTERS else row[:_CHARACTERS] + "..." for row in rows[:_LINES]]
    fence = "`" * max(3, 1 + max((len(row) - len(row.replace("`", "")) for row in shown), default=0))
    version, kernel = case.relative_to(GOLDEN).parts[:2]
    cut = [f"its first {_LINES} lines of {len(rows)}"] if len(rows) > _LINES else []
    cut += ["long lines are cut"] if any(len(row) > _CHARACTERS for row in rows[:_LINES]) else []
    about = "; ".join([f"crash {version}, Linux {kernel.split('-', 1)[0]}", *cut])
    yield f"`{line}` ({about}):\n\n{fence}text\n" + "\n".join(shown) + f"\n{fence}\n"


def _telling(command: str, shape: str) -> Path | None:
    """The shortest recorded output of a shape that isn't too short to tell something."""
    cases = [
        (path.with_suffix(".out").stat().st_size, path)
        for path, case in _cases().get(command, [])
        if case.shape == shape and case.complete and case.records
    ]
    telling = [case for case in cases if case[0] >= _TELLING] or cases[-1:]
    return min(telling, default=(0, None), key=lambda case: (case[0], str(case[1])))[1]


@functools.cache
def _cases() -> dict[str, list[tuple[Path, _Case]]]:
    """All recorded outputs by command, ordered by size."""
    found: dict[str, list[tuple[Path, _Case]]] = {}
    paths = (path.with_suffix(".json") for path in GOLDEN.glob("*/*/*/*.cmd"))
    for path in sorted(paths, key=lambda path: (path.with_suffix(".out").stat().st_size, str(path))):
        case = msgspec.json.decode(path.read_bytes(), type=_Case)
        found.setdefault(path.parent.name, []).append((path, case))
    return found
