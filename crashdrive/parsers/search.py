"""``search``: where memory holds a value or a text.

Source in crash: ``cmd_search()``, ``search_ulong()``, ``search_chars()``, ``display_with_pre_and_post()``
(memory.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.hexdump import Words
from crashdrive.parsers.grammar.tasks import HEADER, header_of
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
_VALUE = re.compile(r"([0-9a-f]{1,16}): ([0-9a-f]{1,16})(?: \(([^\n]+)\))? *")
_TEXT = re.compile(r"([0-9a-f]{1,16}): ([\x20-\x7e]{1,200})")
_AROUND = re.compile(r" *([0-9a-f]{1,16}):  ([0-9a-f]{1,16})(?: \(([^\n]+)\))? *")
_ROW = re.compile(r" *([0-9a-f]{1,16}):  ((?:[0-9a-f]{2,16} ){1,16}) *  ([\x20-\x7e]{2,16})")
_OTHER = re.compile(r"(?:search: )?(?:WARNING: |search suspended at: |page excluded|seek error|read error).*")


def _asked(source: Source) -> Callable[[re.Match[str]], bool]:
    """Whether a row may be a match: crash shows nothing else than what it was asked for.

    Known for texts and for plain numbers without a mask; behind the values of symbols and expressions crash
    shows which one it is.
    """
    words = source.command.arguments
    if source.command.has("c"):
        texts = tuple(word.strip("\"'") for word in words)
        return lambda row: not texts or row[2].startswith(texts)
    if source.command.has("m") or not words:
        return lambda _row: True
    values = {int(word, 16) for word in words if _NUMBER.fullmatch(word)}
    named = len(values) < len(words)
    return lambda row: int(row[2], 16) in values or (named and row[3] is not None)


def _parse(source: Source) -> Sequence[Match]:
    text_search = source.command.has("c")
    asked = _asked(source)
    owner: tuple[int | None, int | None] = (None, None)
    records: list[Match] = []
    heads_wanted = source.command.has("tT")
    heads = list(HEADER.finditer(source.text)) if heads_wanted else []
    end = 0  # of a header: a command's name may hold newlines
    for offset, line in source.lines():
        if offset < end or not line.strip():
            continue
        if heads and heads[0].start() == offset:
            head = heads.pop(0)
            task, end = header_of(head), head.end()
            owner = task.pid, task.task
        elif (match := (_TEXT if text_search else _VALUE).fullmatch(line)) and (
            heads_wanted == bool(end) and asked(match)
        ):
            records.append(_match(match, owner, text_search=text_search))
        elif line.strip() == "..." or _OTHER.fullmatch(line):
            kind = "elided" if line.strip() == "..." else "error"
            source.note(kind, line.strip(), line=source.position(offset)[0], text=line, incomplete=True)
        else:
            source.reject(offset, "no match")
    return records


def _match(match: re.Match[str], owner: tuple[int | None, int | None], *, text_search: bool) -> Match:
    pid, task = owner
    address = int(match[1], 16)
    if text_search:
        return Match(address=address, text=match[2], pid=pid, task=task)
    return Match(address=address, value=int(match[2], 16), expression=match[3], pid=pid, task=task)


def _parse_around(source: Source) -> Sequence[Match]:
    """Blocks of memory before, the match itself, memory after; a blank line ends each."""
    records: list[Match] = []
    before: list[Words] = []
    after: list[Words] = []
    current: re.Match[str] | None = None
    asked = _asked(source)
    for offset, line in [*source.lines(), (len(source.text), "")]:
        if not line.strip():
            if current:
                records.append(
                    Match(
                        address=int(current[1], 16),
                        value=int(current[2], 16),
                        expression=current[3],
                        before=tuple(before),
                        after=tuple(after),
                    )
                )
            current, before, after = None, [], []
        elif row := _ROW.fullmatch(line):
            (after if current else before).append(_words(row))
        elif current is None and (found := _AROUND.fullmatch(line)) and asked(found):
            current = found
        else:
            source.reject(offset, "no match and no memory around it")
    return records


def _words(row: re.Match[str]) -> Words:
    words = row[2].split()
    return Words(int(row[1], 16), len(words[0]) // 2, tuple(int(word, 16) for word in words), row[3])


SHAPES = (
    Shape(
        name="around",
        record=Match,
        parse=_parse_around,
        options="search -x COUNT ...",
        when=lambda source: source.command.has("x") and bool(source.text.strip()),
    ),
    Shape(
        name="matches",
        record=Match,
        parse=_parse,
        options="search [-k|-u|-p|-t|-T] [-s START] [-e END|-l LENGTH] [-m MASK] [-c] VALUE...",
    ),
)
