"""Blocks of which a text has ten thousands: one loop over tokens, as `Rows` is for rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyparsing import ParseException

from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.noises import Noise, noise
from crashdrive.parsers.grammar.repeated import Between
from crashdrive.parsers.grammar.terminals import Made, Terminal

MakeBlock = Callable[[Text, int, Any, list[Any]], Any]
"""(text, where the block begins, its header's value, the values below) -> the block's record."""


class Blocks(Terminal):
    """Blocks, each a header and any of ``items`` below it, all tokens: `blocks` in one loop.

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
        plain = Terminal.parseImpl
        # a token that does no more than match needs no call of its own
        self._ways = [(one.match, one.make if type(one).parseImpl is plain else None, one) for one in items]

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
        start, header = -1, None
        below: list[Any] = []
        while loc < end:
            matched = match(text, loc)
            if matched and (value := make(matched)) is not None:
                if start >= 0:
                    blocks.append(build(text, start, header, below))
                start, header, below = loc, value, []
                loc = matched.end()
                continue
            after = self._item(text, loc, below, do_actions=do_actions) if start >= 0 else -1
            loc = after if after >= 0 else self._other(text, loc, do_actions=do_actions)
        if start >= 0:
            blocks.append(build(text, start, header, below))
        return loc

    def _item(self, text: Text, loc: int, below: list[Any], *, do_actions: bool) -> int:
        """Where the item that stands here ends; -1 where none does."""
        for match, make, item in self._ways:
            found = match(text, loc)
            if found is None:
                continue
            if make is None:
                end, values = item.parseImpl(text, loc, do_actions)
                below += values
                return end
            value = make(found)
            if value is not None:
                below.append(value)
                return found.end()
        return -1

    def _other(self, text: Text, loc: int, *, do_actions: bool) -> int:
        """Where the run goes on behind a line that is neither header nor item: noise, or an error."""
        behind = self.gap.behind(text, loc, do_actions=do_actions)
        if behind < 0:
            for expected in self.items:
                text.missed(loc, expected.name)
            self.miss(text, loc)
        return behind
