"""``search``: where memory holds a value or a text.

Source in crash: ``cmd_search()``, ``search_ulong()``, ``search_chars()``, ``display_with_pre_and_post()``
(memory.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.hexdump import Words, hex_words
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.records import Address, Bits, Record

OPTSTRING = "tTl:ukKV:ps:e:v:m:hwcx:"
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
)


class Match(Record, frozen=True, kw_only=True):
    """A place where memory holds what was searched for.

    ``value``: what is there, or ``text`` from the match on (at most 56 characters, ``.`` for what isn't
    printable) where a text was searched for; ``expression``: which of the symbols or expressions it is.
    ``pid`` and ``task``: whose stack it is in, with ``-t``. ``before`` and ``after``: memory around it, with
    ``-x``.
    """

    address: Address
    value: Bits | None = None
    text: str | None = None
    expression: str | None = None
    pid: int | None = None
    task: Address | None = None
    before: tuple[Words, ...] = ()
    after: tuple[Words, ...] = ()


_NUMBER = re.compile(r"(?:0x)?[0-9a-fA-F]{1,16}")
_ADDRESS = r"([0-9a-f]{1,16}+)"


def _matches() -> g.ParserElement:
    """One line for each match, with ``-t`` below the task in whose stack it is; nothing where there is none::

    PID: 0      TASK: ffffffff8221b940  CPU: 0    COMMAND: "swapper/0"
    ffffffff82203e58: ffffffff8221b940 (init_task)
    ffff8800013ddec1: can't allocate (with -c)
    """
    match = g.Row(rf"{_ADDRESS}: ([^\n]++)", _match, "a match: ADDRESS: VALUE")
    task = g.task_header()
    between = g.noise(
        g.Remark(
            r"(?:search: )?(?:search suspended at: |page excluded|seek error|read error)[^\n]*+", "error"
        )
    )
    run = g.Rows(match, between=between, until=task)
    stack = g.made(task + run, _in_stack)
    return g.Many((stack | run).set_name("a match: ADDRESS: VALUE"), between=between, least=0)


# an address within the expression begins a row whose newline was lost
_VALUE = re.compile(r"([0-9a-f]{1,16})(?: \(((?:(?![0-9a-f]{4,16}: )[^\n])+)\))? *+")
# crash shows no more: a longer text holds the next row
_TEXT = re.compile(r"[\x20-\x7e]{1,56}")


def _match(row: re.Match[str]) -> Match | None:
    """A text with ``-c``, else a value and its expression."""
    text = g.Text.of(row.string)
    if text.source.command.has("c"):
        found = Match(address=int(row[1], 16), text=row[2]) if _TEXT.fullmatch(row[2]) else None
    else:
        value = _VALUE.fullmatch(row[2])
        found = _valued(row, value) if value else None
    return found and _asked_for(text, found)


def _valued(row: re.Match[str], value: re.Match[str]) -> Match:
    return Match(address=int(row[1], 16), value=int(value[1], 16), expression=value[2])


def _asked_for(text: g.Text, match: Match) -> Match | None:
    """The match, if crash was asked for such a one."""
    asked = text.kept.get(_asked) or text.kept.setdefault(_asked, _asked(text.source))
    return match if asked(match) else None


def _in_stack(_text: g.Text, _place: int, values: list[Any]) -> list[Match]:
    task, *matches = values
    return [replace(match, pid=task.pid, task=task.task) for match in matches]


def _asked(source: Source) -> Callable[[Match], bool]:
    """Whether a row may be a match: crash shows nothing else than what it was asked for.

    Known for texts and for plain numbers without a mask; behind the values of symbols and expressions crash
    shows which one it is.
    """
    words = source.command.arguments
    if source.command.has("c"):
        texts = tuple(word.strip("\"'") for word in words)
        return lambda match: not texts or (match.text or "").startswith(texts)
    if source.command.has("m") or not words:
        return lambda _match: True
    values = {int(word, 16) for word in words if _NUMBER.fullmatch(word)}
    named = len(values) < len(words)
    return lambda match: match.value in values or (named and match.expression is not None)


_REFUSED = re.compile(r"search: (?!WARNING: |search suspended at: |page excluded|seek error|read error)")


def _check(source: Source, found: list[Match]) -> list[Match]:
    """With ``-t`` each match has a task, else none."""
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
    """Memory before, the match itself, memory after; a blank line ends each::

    ffffffff8221b930:  0000000000000000 0000000000000000   ................
    ffffffff8221b940:  ffffffff8221b940 (init_task)
    ffffffff8221b948:  0000000000000000 0000000000000000   ................
    """
    match = g.Row(rf" *+{_ADDRESS}:  ([^\n]++)", _match, "a match: ADDRESS:  VALUE")
    rows = hex_words(until=g.Anything(), least=0, characters=True)
    block = g.Group(rows) + match + g.Group(rows) + g.Suppress(g.Blank() | g.End())
    return g.Many(g.made(block, _with_memory), least=0)


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
