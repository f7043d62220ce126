"""Lines of ``KEY: value``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pyparsing import ParserElement

from crashdrive.parsers.grammar.columns import LONGEST_ROW, Column
from crashdrive.parsers.grammar.headed import required_titles
from crashdrive.parsers.grammar.noises import Noise, noise
from crashdrive.parsers.grammar.repeated import Between
from crashdrive.parsers.grammar.terminals import Anything, Made, Terminal


class _Key(NamedTuple):
    column: Column
    match: Callable[..., re.Match[str] | None]


class KeyValues(Terminal):
    """See `key_values`."""

    leaves_notices = True

    def __init__(
        self, make: Callable[..., Any], keys: tuple[Column, ...], *, what: str, separator: str, gap: Between
    ) -> None:
        titles = sorted((key.title for key in keys), key=len, reverse=True)
        super().__init__(rf" *+({'|'.join(map(re.escape, titles))})(?:{separator})", what, make=None)
        self._record = make
        self._gap = gap
        self._keys = {
            key.title: _Key(key, re.compile(rf"({key.cell.pattern})[ ]*+(?:\n|\Z)").match) for key in keys
        }
        self._required = required_titles(make, keys)

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        values: dict[str, Any] = {}
        titles: set[str] = set()
        while loc < len(instring):
            found = self.match(instring, loc)
            if found is not None:
                if found[1] in titles:
                    self.miss(instring, loc, f"{found[1]} stands twice in {self.name}")
                titles.add(found[1])
                loc = self._value(instring, found, values)
                continue
            behind = self._gap.behind(instring, loc, do_actions=do_actions) if titles else -1
            if behind < 0:
                break
            loc = behind
        if not titles:
            self.miss(instring, loc)
        for wanted in self._required:
            if not wanted & titles:
                self.miss(instring, loc, f"{self.name} lacks {' or '.join(sorted(wanted))}")
        return loc, [self._record(**values)]

    def _value(self, instring: str, found: re.Match[str], values: dict[str, Any]) -> int:
        key = self._keys[found[1]]
        value = key.match(instring, found.end())
        if value is None or value.end() - found.start() > LONGEST_ROW:
            self.miss(instring, found.end(), f"expected the value of {found[1]} in {self.name}")
        turn = key.column.cell.convert
        values[key.column.field] = turn(value[1]) if turn else value[1]
        return value.end()


def key_values(
    make: Callable[..., Any],
    *keys: Column,
    what: str,
    separator: str = ": *+",
    between: Noise | None = None,
    until: ParserElement | None = None,
) -> KeyValues:
    """Lines of ``KEY: value`` in any order, each at most once, as one record.

    ``make``: the record's type, or a function that takes the fields by name; a key whose field has no default
    must be there. ``separator``: an expression. Ends at the first line that is neither such a line nor noise
    (``until`` as in `Rows`). ``what``: ``the memory of a slab``.

    ::

        STATUS: 4       key_values(Irq, Column("STATUS", "status", HEX), Column("DEPTH", "depth", DECIMAL),
         DEPTH: 1                  what="an interrupt")   -> Irq(status=4, depth=1)
    """
    gap = Between(noise() if between is None else between, until or Anything())
    return KeyValues(make, keys, what=what, separator=separator, gap=gap)
