"""``search``: where memory holds a value or a text.

Source in crash: ``cmd_search()``, ``search_ulong()``, ``search_chars()``, ``display_with_pre_and_post()``
(memory.c).

As crash prints it::

    crash> search -k panic
    ffff8c3b01079620: ffffffff9e5ccf31 (panic)
    ffffffff91279620: ffffffff9e5ccf31 (panic)
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.hexdump import Words, hex_words
from crashdrive.parsers.grammar.tasks import TASK, header_of
from crashdrive.records import Address, Bits, Record


class Match(Record, frozen=True, kw_only=True):
    """A place where memory holds what was searched for.

    ``value``: the word there. ``text``: where a text was searched for, the characters from the match on (at
    most 56, ``.`` for unprintable ones). ``expression``: the search term that the value matches, of several
    symbols or expressions. ``pid`` and ``task``: of the task in whose stack it is, with ``-t``. ``before``
    and ``after``: memory around it, with ``-x``.
    """

    address: Address
    value: Bits | None = None
    text: str | None = None
    expression: str | None = None
    pid: int | None = None
    task: Address | None = None
    before: tuple[Words, ...] = ()
    after: tuple[Words, ...] = ()


_NUMBER = expression(r"(?:0x)?[0-9a-fA-F]{1,16}")
_ADDRESS = r"([0-9a-f]{1,16}+)"


def _matches() -> g.ParserElement:
    """A line for each match; with ``-t`` below the header of the task in whose stack it is::

    PID: 0      TASK: ffffffff8221b940  CPU: 0    COMMAND: "swapper/0"
    ffffffff82203e58: ffffffff8221b940 (init_task)
    ffff8800013ddec1: can't allocate (with -c)
    """
    match = g.Row(rf"{_ADDRESS}: {_SHOWN}", _match, "a match: ADDRESS: VALUE")
    task = g.Row(TASK, _stack, "a task's header line")
    between = g.noise(
        g.Remark(
            r"(?:search: )?(?:search suspended at: |page excluded|seek error|read error)[^\n]*+", "error"
        )
    )
    return g.made(g.Rows(match, between=between, also=task, aside=_NO_STACK, least=0), _in_stacks)


# a value and its expression; an address within the expression begins a row whose newline was lost
_VALUE = r"([0-9a-f]{1,16}+)(?: \(((?:(?![0-9a-f]{4,16}: )[^\n])+)\))? *+(?=\n|\Z)"
_SHOWN = rf"(?=[^\n])((?:{_VALUE})?+[^\n]*+)"
# the text that crash prints; a longer one holds the next row
_TEXT = expression(r"[\x20-\x7e]{1,56}")


_NO_MATCH = "expected a match: ADDRESS: VALUE"
_NO_STACK = object()
"""In place of a line that was set aside: that may have been the header of the task of the matches below."""


class _Asked(NamedTuple):
    """The command's search terms: crash shows nothing else.

    ``texts``: beginnings of the texts, with ``-c``. ``values``: plain numbers, without the bits of ``mask``
    (``-m``). ``named``: there are symbols or expressions, too, which crash prints behind their values.
    ``anything``: the terms don't tell the matches.
    """

    texts: tuple[str, ...] | None = None
    values: frozenset[int] = frozenset()
    named: bool = False
    anything: bool = False
    mask: int = 0


def _asked(source: Source) -> _Asked:
    words = source.command.arguments
    if source.command.has("c"):
        return _Asked(texts=tuple(word.strip("\"'") for word in words))
    mask = source.command.options.get("m", "0")
    numbers = [int(word, 16) for word in words if _NUMBER.fullmatch(word)]
    named = len(numbers) < len(words)
    if not words or not _NUMBER.fullmatch(mask) or (named and int(mask, 16)):
        return _Asked(anything=True)
    ignored = int(mask, 16)
    return _Asked(values=frozenset(number & ~ignored for number in numbers), named=named, mask=ignored)


class _Reading:
    """The state of reading rows: the search terms, and the task in whose stack the next matches are."""

    __slots__ = ("asked", "pid", "task")

    def __init__(self, source: Source) -> None:
        self.asked = _asked(source)
        self.pid: int | None = None
        self.task: int | None = None


def _reading(row: re.Match[str]) -> _Reading:
    text = g.Text.of(row.string)
    found: _Reading = text.kept.get(_Reading) or text.kept.setdefault(_Reading, _Reading(text.source))
    return found


def _stack(row: re.Match[str]) -> int:
    """The offset of a task's header; the matches below it are in this task's stack."""
    reading, task = _reading(row), header_of(row)
    reading.pid, reading.task = task.pid, task.task
    return row.start()


def _match(row: re.Match[str]) -> Match | None:
    """The match of a row, a text (``-c``) or a value; None for one that wasn't searched for."""
    reading = _reading(row)
    asked = reading.asked
    address, shown, digits, expression = row.groups()
    place = int(address, 16)
    if asked.texts is not None:
        fits = _TEXT.fullmatch(shown) and (not asked.texts or shown.startswith(asked.texts))
        return Match(address=place, text=shown, pid=reading.pid, task=reading.task) if fits else None
    value = None if digits is None else int(digits, 16)
    named = asked.named and expression is not None
    if value is None or not (value & ~asked.mask in asked.values or asked.anything or named):
        return None
    if reading.task is None:  # most matches have none
        return Match(address=place, value=value, expression=expression)
    return Match(address=place, value=value, expression=expression, pid=reading.pid, task=reading.task)


def _in_stacks(text: g.Text, _place: int, values: list[Any]) -> list[Match]:
    """The matches, each with the task above it; below a line that was set aside, without."""
    matches: list[Match] = []
    alone: int | None = None
    lost = False
    for value in values:
        if isinstance(value, Match):
            matches.append(replace(value, pid=None, task=None) if lost else value)
            alone = None
            continue
        if value is _NO_STACK:
            alone, lost = None, True
            continue
        if alone is not None:
            text.misfit(text.next_line(alone), _NO_MATCH)
        alone, lost = value, False
    if alone is not None:
        text.misfit(text.next_line(alone), _NO_MATCH)
    return matches


_REFUSED = expression(r"search: (?!WARNING: |search suspended at: |page excluded|seek error|read error)")


def _check(source: Source, found: list[Match]) -> list[Match]:
    """The matches; with ``-t`` each must have a task, else none may."""
    if not found and any(_REFUSED.match(notice.text or "") for notice in source.warnings):
        demand_records(source, found, "no match")
    stacks = source.command.has("tT")
    fitting = [match for match in found if (match.task is not None) == stacks]
    if len(fitting) < len(found):
        reason = "matches with a task where none was asked for, or without one"
        if not source.lenient:
            source.fail(0, reason)
        source.note("unparsed", reason, incomplete=True)
    return fitting


def _around() -> g.ParserElement:
    """For each match the memory before it, the match, the memory behind it, and a blank line::

    ffffffff8221b930:  0000000000000000 0000000000000000   ................
    ffffffff8221b940:  ffffffff8221b940 (init_task)
    ffffffff8221b948:  0000000000000000 0000000000000000   ................
    """
    match = g.Row(rf" *+{_ADDRESS}:  {_SHOWN}", _match, "a match: ADDRESS:  VALUE")
    before, behind = (
        hex_words(until=g.Anything(), least=0, characters=True, bare=bare) for bare in (True, False)
    )
    block = g.Group(before) + match + g.Group(behind) + g.Suppress(g.Blank() | g.End())
    return g.Many(g.made(block, _with_memory), at_fault=True, least=0)


def _with_memory(_text: g.Text, _place: int, values: list[Any]) -> Match:
    before, match, after = values
    found: Match = replace(match, before=tuple(before), after=tuple(after))
    return found


SHAPES = (
    Shape(
        name="around",
        record=Match,
        grammar=_around,
        options="search -x COUNT ...",
        when=lambda source: source.command.has("x") and bool(source.text.strip()),
    ),
    Shape(
        name="matches",
        record=Match,
        grammar=_matches,
        finish=_check,
        options="search [-k|-u|-p|-t|-T] [-s START] [-e END|-l LENGTH] [-m MASK] [-c] VALUE...",
    ),
)

EXAMPLES = (
    "search -s {init_task} -l 4096 {init_task}",
    "search -k {init_task}",
    "search -t {init_task}",
    "search -T {init_task}",
    'search -k -c "Linux version"',
    "search -k -w 11223344",
    "search -p deadbeef",
    "search -k panic",
    "search -x 2 -s {init_task} -l 4096 {init_task}",
    "search -k deadbeefdeadbee1",
    "search -s 10 1",
    *("search -u -s 401000 -l 4096 c3",),
    *(
        "search -K deadbeefdeadbee1",
        "search -V deadbeefdeadbee1",
        "search -p -s 0 -e 100000 -h 55aa",
        "search -s {init_task} -l 4096 -m ffff {init_task}",
        "search -s {init_task} -l 4096 -h ffff",
        "search -V -c -s {init_task} -l 4096 swapper",
    ),
)
