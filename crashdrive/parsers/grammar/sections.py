"""Elements for larger structures: records of named values, sections, blocks, nesting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.noises import Noise
from crashdrive.parsers.grammar.pyparsing_core import (
    FollowedBy,
    Group,
    ParserElement,
    ParseResults,
    Suppress,
    TokenConverter,
)
from crashdrive.parsers.grammar.repeated import Many
from crashdrive.parsers.grammar.straight import Apart, directly, keep_make, parse_of
from crashdrive.parsers.grammar.terminals import Made, Terminal

DEEPEST = 64
"""The most levels of nesting: far more than crash prints, far fewer than Python's stack allows."""


def record(make: Callable[..., Any], element: ParserElement) -> ParserElement:
    """A record made of ``element``'s named values: ``record(Pair, Word()("name") + Number()("count"))``.

    ``make`` takes the names as keywords: a record's type, or a function. Names that didn't match are left
    out; values without a name are dropped. Give names to tokens and to a `section` (``Group``), whose list
    becomes a tuple; a name on a sequence (``a + b``) gives a list, too.
    """

    def action(tokens: ParseResults) -> Any:
        return make(**{name: _plain(value) for name, value in _named(tokens)})

    return Apart(element).add_parse_action(action)


def made(sequence: ParserElement, make: Callable[[Text, int, list[Any]], Any]) -> ParserElement:
    """``made(header + items, make)``: ``make(text, place, values)`` makes one value of the sequence's values.

    ``make`` returns a value, a list of values, or None for the unchanged values. It may check that the values
    fit together, with `Text.misfit`, and `Text.note` with ``late``. The sequence must not be used elsewhere.
    """

    def action(instring: str, place: int, tokens: ParseResults) -> Any:
        return make(Text.of(instring), place, list(tokens))

    sequence.add_parse_action(action)
    keep_make(sequence, make)
    return sequence


def _named(tokens: ParseResults) -> Iterator[tuple[str, Any]]:
    yield from tokens.items()  # type: ignore[no-untyped-call] # pyparsing types all of it but this


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, ParseResults) else value


def section(header: ParserElement, body: ParserElement) -> ParserElement:
    """A header, which gives no value, and a body, whose values become one list.

    ``section(Titles("OPEN FILES"), Rows(file))("files")``: in a `record`, ``files`` is a tuple.
    """
    return Group(Suppress(header) + body)


class Block(Terminal):
    """See `block`."""

    leaves_notices = True

    def __init__(
        self, header: Terminal, items: ParserElement, make: Callable[[Any, tuple[Any, ...]], Any]
    ) -> None:
        super().__init__(header.pattern, header.name)
        self.header = header
        self.items = items
        self._of = make
        self._enter: Callable[..., tuple[int, Any]] | None = None

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        found = self.match(instring, loc)
        value = None if found is None else self.header.make(found)
        if found is None or value is None:
            self.miss(instring, loc)
        if self._enter is None:
            self._enter = directly(self.items)
        end, items = self._enter(instring, found.end(), do_actions)
        while instring.startswith("\n", end):
            end += 1
        made = self._of(value, tuple(items))
        if made is None:
            self.miss(instring, loc)
        return end, [made]


def block(header: Terminal, items: ParserElement, make: Callable[[Any, tuple[Any, ...]], Any]) -> Block:
    """A header of one value, items below it, blank lines: ``make(header's value, all items' values)``.

    ``block(task_header(), Rows(...), Children)``; ``items`` must end by itself. Where ``make`` gives None,
    the block doesn't match. The fast way through many blocks, as `Rows` is through rows.
    """
    return Block(header, items, make)


def blocks(
    header: ParserElement,
    item: ParserElement,
    make: Callable[[Any, tuple[Any, ...]], Any],
    *,
    between: Noise | None = None,
    until: ParserElement | None = None,
    least: int = 0,
) -> ParserElement:
    r"""Blocks, each a header of one value and its items: ``make(header's value, items)`` gives the record.

    A block ends at the next header, or at ``until``. ``least``: the least number of items in each. In lenient
    mode an item that fails is set aside; a header that fails is set aside with its block, up to the next
    header.

    ::

        CPU 0           blocks(Row(r"CPU (\d++)", cpu, "a CPU"), Row(r"  (\S++)", name, "a name"), Queue)
          one           -> Queue(0, ("one",))
    """
    ends = header if until is None else header | until
    items = Many(item, between=between, until=ends, first=True, least=least)

    def action(tokens: ParseResults) -> Any:
        return make(tokens[0], tuple(tokens[1:]))

    each = Apart(header + items).add_parse_action(action)
    return Many(each, between=between, until=until, resume=FollowedBy(header))


class nested(TokenConverter):  # noqa: N801 # reads as a function, like pyparsing's own helpers
    """``value = Forward(); value <<= nested(group) | number``: an element within itself, at most 64 levels
    deep.

    Deeper text is an error at its place, and never a RecursionError.
    """

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        text = Text.of(instring)
        if text.depth >= DEEPEST:
            text.too_deep(loc)
        text.depth += 1
        try:
            return parse_of(self.expr)(instring, loc, do_actions)
        finally:
            text.depth -= 1
