"""Blocks of tokens, one after the other (`Blocks`) or within each other (`Nest`).

Each is one loop, for texts with ten thousands of blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.noises import Noise, noise
from crashdrive.parsers.grammar.pyparsing_core import ParseException
from crashdrive.parsers.grammar.repeated import Between
from crashdrive.parsers.grammar.terminals import Made, Make, Terminal

MakeBlock = Callable[[Text, int, Any, list[Any]], Any]
"""(text, where the block begins, its header's value, the values below) -> the block's record."""


Ways = list[tuple[Callable[[str, int], re.Match[str] | None], Make | None, Terminal]]


def _ways(items: Sequence[Terminal]) -> Ways:
    """(match, make, token) of each token; ``make`` is None where ``parseImpl`` has to be called."""
    plain = Terminal.parseImpl
    return [(one.match, one.make if type(one).parseImpl is plain else None, one) for one in items]


def _take(ways: Ways, text: Text, loc: int, values: list[Any], do_actions: bool) -> int:  # noqa: FBT001 # for each line
    """The end of the first token that matches here, -1 where none does; the token's value is added to
    ``values``.
    """
    for match, make, item in ways:
        if (found := match(text, loc)) is None:
            continue
        if make is None:
            end, more = item.parseImpl(text, loc, do_actions)
            values += more
            return end
        if (value := make(found)) is not None:
            values.append(value)
            return found.end()
    return -1


class Blocks(Terminal):
    """Blocks, each a header and any of ``items`` below it: `blocks` in one loop, for tokens alone.

    ``Blocks(address, Members(), Row(...), make=element)``: the first token that matches is taken. ``between``
    may stand anywhere. Any other line is an error; in lenient mode its block is set aside up to the next
    header. The run goes on to the end of the text.
    """

    leaves_notices = True

    def __init__(
        self, head: Terminal, *items: Terminal, make: MakeBlock, between: Noise | None = None
    ) -> None:
        super().__init__(head.pattern, head.name)
        self.head = head
        self.items = items
        self.build = make
        self.gap = Between(noise() if between is None else between, None, head)
        self._ways = _ways(items)
        # an empty line needn't be tried as each token
        self._blank = self.gap.blank and not any(token.match("\n") for token in (head, *items))

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        text = Text.of(instring)
        blocks: list[Any] = []
        while loc < len(text):
            try:
                loc = self._run(text, loc, blocks, do_actions=do_actions)
            except ParseException as error:
                if not (text.source.lenient and do_actions):
                    raise
                place = max(text.furthest(), loc)
                loc = self.gap.aside(text, place, place, text.expected(place, str(error.msg)))
        return loc, blocks

    def _run(self, text: Text, loc: int, blocks: list[Any], *, do_actions: bool) -> int:
        """All blocks to the end of the text."""
        match, make, build, end = self.match, self.head.make, self.build, len(text)
        ways, blank = self._ways, self._blank
        start, header = -1, None
        below: list[Any] = []
        while loc < end:
            if blank and text[loc] == "\n":
                loc += 1
                continue
            matched = match(text, loc)
            if matched and (value := make(matched)) is not None:
                if start >= 0:
                    blocks.append(build(text, start, header, below))
                start, header, below = loc, value, []
                loc = matched.end()
            elif start >= 0 and (after := _take(ways, text, loc, below, do_actions)) >= 0:
                loc = after
            else:
                loc = self._other(text, loc, do_actions=do_actions)
        if start >= 0:
            blocks.append(build(text, start, header, below))
        return loc

    def _other(self, text: Text, loc: int, *, do_actions: bool) -> int:
        """The offset behind a line that is neither header nor item: noise, or an error."""
        behind = self.gap.behind(text, loc, do_actions=do_actions)
        if behind < 0:
            for expected in self.items:
                text.missed(loc, expected.name)
            self.miss(text, loc)
        return behind


MakeNest = Callable[[Text, int, Any, list[Any], Any], Any]
"""(text, offset of the opening, the opening's value, the values within, the closing's value) -> the block's
value.
"""


class Nest(Terminal):
    """Items, and blocks of items nested in each other: `nested` in one loop, for tokens alone.

    ``Nest(opened, closed, member, make=inner)`` reads up to the ``closed`` of a block that was opened before;
    that ``closed`` isn't consumed. ``cut``: another token that may stand for all closings. At most
    ``deepest`` levels. ``between`` may stand anywhere; in lenient mode any other line is set aside.

    ::

        struct {        opened              -> [a, make(text, place, opened, [b, c], closed)]
          b; c;         member, member
        } x;            closed
    """

    leaves_notices = True

    def __init__(  # names, of which a grammar uses few
        self,
        opened: Terminal,
        closed: Terminal,
        *items: Terminal,
        make: MakeNest,
        cut: Terminal | None = None,
        between: Noise | None = None,
        deepest: int = 64,
    ) -> None:
        super().__init__("", "nothing")
        self.opened, self.closed, self.cut = opened, closed, cut or closed
        self.items = items
        self.build = make
        self.gap = Between(noise() if between is None else between, None)
        self.deepest = deepest
        self._ways = _ways(items)

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        text = Text.of(instring)
        values: list[Any] = []
        stack: list[tuple[int, Any, list[Any]]] = []
        opens, opening = self.opened.match, self.opened.make
        while True:
            end = _take(self._ways, text, loc, values, do_actions)
            if end > loc:
                loc = end
            elif closing := self._closing(text, loc):
                if not stack:
                    return loc, values
                start, header, outer = stack.pop()
                outer.append(self.build(text, start, header, values, closing[0]))
                values, loc = outer, closing[1]
            elif found := opens(text, loc):
                if len(stack) >= self.deepest:
                    text.too_deep(loc)
                stack.append((loc, opening(found), values))
                values, loc = [], found.end()
            else:
                loc = self._other(text, loc, do_actions=do_actions)

    def _closing(self, text: Text, loc: int) -> tuple[Any, int] | None:
        """The closing's value, and the offset behind it."""
        for token in (self.closed, self.cut):
            found = token.match(text, loc)
            value = token.make(found) if found else None
            if found and value is not None:
                return value, found.end()
        return None

    def _other(self, text: Text, loc: int, *, do_actions: bool) -> int:
        """The offset behind noise, or behind a line that lenient mode sets aside."""
        behind = self.gap.behind(text, loc, do_actions=do_actions) if loc < len(text) else -2
        if behind >= 0:
            return behind
        for expected in (*self.items, self.closed):
            text.missed(loc, expected.name)
        if loc >= len(text) or not (text.source.lenient and do_actions):
            self.closed.miss(text, loc)
        return self.gap.aside(text, loc, loc, text.expected(loc, self.closed.name))
