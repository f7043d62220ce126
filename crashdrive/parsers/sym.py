"""``sym``: symbols by name, address, part of a name, or all of them.

Source in crash: ``cmd_sym()``, ``show_symbol()``, ``symbol_dump()``, ``module_symbol_dump()``,
``symbol_query()`` (symbols.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Address, Record

OPTSTRING = "lLQ:q:npsMm:"
EXAMPLES = (
    "sym jiffies",
    "sym panic",
    "sym {text}",
    "sym -np jiffies",
    "sym -p panic",
    "sym -q pipe",
    "sym -q nosuchsymbolx",
    "sym -Q pipe",
    "sym -m virtio_net",
    "sym cleanup_module",
    "sym -s panic",
    "sym jiffies panic init_task",
    "sym jiffies nosuchsymbolx panic",
    "sym nosuchsymbolx",
    "sym 12345",
    *("sym -n schedule", "sym -p schedule"),
)


class Symbol(Record, frozen=True):
    """A symbol, or a place ``offset`` bytes behind one.

    ``type``: the letter of nm(1), ``?`` where crash doesn't know it; ``module`` is None for the kernel itself
    and where crash doesn't say; ``file`` and ``line`` of the source for a function where crash finds them;
    ``section`` with ``-s``.
    """

    address: Address
    type: str
    name: str
    offset: int | None = None
    module: str | None = None
    file: str | None = None
    line: int | None = None
    section: str | None = None


class Boundary(Record, frozen=True):
    """Where a module's memory or one of its sections starts or ends.

    ``kind``: crash's words (``MODULE START``, ``MODULE TEXT END``, ``section start``); ``name``: the module's
    or section's.
    """

    address: Address
    kind: str
    name: str


class Count(Record, frozen=True):
    """How many symbols contain a text (``-Q``), and the last of them."""

    count: int
    name: str | None


# All but the address are words: names come from ELF files, crash prints them as they are.
_SYMBOL = re.compile(
    r"[ ]*+([0-9a-f]{1,16})[ ]\((.)\)[ ]([^\s+()\[\]]++)(?:\+(-?[0-9]{1,20}+|0x[0-9a-f]{1,16}+))?"
    r"(?:[ ]\[([^\[\]\s]*+)\])?(?:[ ]{1,2}([^\s\[\]][^\n\[\]]*?):[ ]([0-9]{1,9}+))?"
    r"(?:[ ]\[([^\[\]\n]*+)\])?[ ]*+"
)
_BOUNDARY = re.compile(
    r"([0-9a-f]{1,16})[ ](?:(MODULE [A-Z][A-Z_ ]*[A-Z]): (\S+)|(\S+): (section (?:start|end)))[ ]*"
)
_MODULE = re.compile(r"([0-9a-f]{1,16})[ ]\((.)\)[ ]\((\S+) module\)(?:\+(-?[0-9]{1,20}|0x[0-9a-f]{1,16}))?")
_COUNT = re.compile(r"(\d{1,9}) found (?:\((\S+)\))?")
_ERROR = re.compile(r"(symbol not found: .*|[\w-]+: invalid address: .*)")
_NONE = ("(none found)", "  (none found)")


def _parse(source: Source) -> Sequence[Symbol | Boundary]:
    records: list[Symbol | Boundary] = []
    section = source.command.has("s")
    match_symbol = _SYMBOL.fullmatch
    guesses = False
    for offset, line in source.lines():
        if guesses and line.startswith("  "):
            continue
        guesses = False
        match = match_symbol(line)
        if match:
            records.append(_symbol(match, section=section))
        elif line == "possible alternatives:":
            guesses = True
        elif not _aside(source, offset, line):
            record = _special(line)
            if record:
                records.append(record)
            else:
                source.reject(offset, "no symbol")
    _only_errors(source, records)
    return records


def _only_errors(source: Source, records: Sequence[object]) -> None:
    if not records and any(notice.kind == "error" for notice in source.warnings):
        source.fail(0, "no symbol, only errors")


def _symbol(match: re.Match[str], *, section: bool) -> Symbol:
    address, type_, name, distance, bracket, file, line, last = match.groups()
    if section and last is None:
        bracket, last = None, bracket
    return Symbol(
        int(address, 16),
        type_,
        name,
        int(distance, 0) if distance else None,
        bracket,
        file,
        int(line) if line else None,
        last or None,
    )


def _special(line: str) -> Symbol | Boundary | None:
    if match := _BOUNDARY.fullmatch(line):
        address, kind, module, section, edge = match.groups()
        return Boundary(int(address, 16), kind or edge, module or section)
    if match := _MODULE.fullmatch(line):
        distance = int(match[4], 0) if match[4] else None
        return Symbol(int(match[1], 16), match[2], match[3], distance, match[3])
    return None


def _aside(source: Source, offset: int, line: str) -> bool:
    """Whether this line says that something isn't there or isn't shown."""
    if line in _NONE:
        return True
    if _ERROR.fullmatch(line):
        kind, incomplete = "error", True
    elif line.strip() == "...":
        kind, incomplete = "elided", True
    else:
        return False
    source.note(kind, line.strip(), line=source.position(offset)[0], text=line, incomplete=incomplete)
    return True


def _parse_count(source: Source) -> Sequence[Count]:
    match = _COUNT.fullmatch(source.text.strip())
    if not match:
        source.fail(0, "expected a count")
    return [Count(count=int(match[1]), name=match[2])]


SHAPES = (
    Shape(
        name="count",
        record=Count,
        parse=_parse_count,
        options="sym -Q TEXT",
        when=lambda source: _COUNT.match(source.text) is not None,
    ),
    Shape(
        name="symbols",
        record=Symbol | Boundary,
        parse=_parse,
        options="sym [-p] [-n] NAME|ADDRESS...; sym -l|-M|-m MODULE|-q TEXT",
        when=lambda source: source.text.strip() != "" or source.command.has("Mm"),
    ),
)
