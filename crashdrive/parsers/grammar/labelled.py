"""Lines of ``KEY: value``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from crashdrive.parsers.grammar.columns import LONGEST_ROW, Column
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.headed import required_titles, titles_of
from crashdrive.parsers.grammar.noises import Noise, noise
from crashdrive.parsers.grammar.pyparsing_core import ParserElement
from crashdrive.parsers.grammar.repeated import Between
from crashdrive.parsers.grammar.terminals import Anything, Made, Terminal


class _Key(NamedTuple):
    field: str
    turn: Callable[[str], Any] | None
    match: Callable[..., re.Match[str] | None]


class InOrder(Terminal):
    """Lines in a fixed order as one record, read in one loop; noise may stand above each.

    ``InOrder(make, (("cpus", Row(...)), ...), optional=frozenset({"panic"}))``: each line is a token, behind
    its field's name. ``make`` takes the fields by name, without those of ``optional`` lines that are absent.
    Two optional tokens of one name: the line may stand at either place.
    """

    leaves_notices = True

    def __init__(
        self, make: Callable[..., Any], lines: tuple[tuple[str, Terminal], ...], *, optional: frozenset[str]
    ) -> None:
        super().__init__("", lines[0][1].name)
        self._record = make
        self.lines = lines
        self.optional = optional
        self._noise = noise()

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        values: dict[str, Any] = {}
        step = self._noise.take if do_actions else self._noise.ahead
        clear = -1  # an offset at which no noise stands
        for name, line in self.lines:
            found = line.match(instring, loc)
            while found is None and loc != clear:
                behind = step(instring, loc)
                loc, clear = (behind, clear) if behind > loc else (loc, loc)
                found = line.match(instring, loc)
            value = line.make(found) if found else None
            if found is not None and value is not None:
                values[name], loc = value, found.end()
            elif name not in self.optional:
                line.miss(instring, loc)
            elif isinstance(instring, Text):
                instring.missed(loc, line.name)
        return loc, [self._record(**values)]


class KeyValues(Terminal):
    """See `key_values`."""

    leaves_notices = True

    def __init__(  # `key_values`', in which each has its name
        self,
        make: Callable[..., Any],
        keys: tuple[Column, ...],
        *,
        what: str,
        separator: str,
        gap: Between,
        required: Iterable[str | frozenset[str]],
        together: Iterable[frozenset[str]],
    ) -> None:
        titles = sorted((key.title for key in keys), key=len, reverse=True)
        super().__init__(rf" *+({'|'.join(map(re.escape, titles))})(?:{separator})", what, make=None)
        self._record = make
        self._gap = gap
        self._keys = {
            key.title: _Key(
                key.field,
                key.cell.convert,
                re.compile(rf"({key.cell.pattern})[ ]*+(?:\n|\Z)", re.ASCII).match,
            )
            for key in keys
        }
        self._required = [titles_of(wanted) for wanted in required] or required_titles(make, keys)
        self._together = tuple(together)
        self._whole: set[frozenset[str]] = set()

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        values: dict[str, Any] = {}
        match, keys, end = self.match, self._keys, len(instring)
        while loc < end:
            found = match(instring, loc)
            if found is None:
                behind = self._gap.behind(instring, loc, do_actions=do_actions)
                if behind < 0:
                    break
                loc = behind
                continue
            title = found[1]
            if title in values:
                self.miss(instring, loc, f"{title} stands twice in {self.name}")
            key = keys[title]
            value = key.match(instring, found.end())
            if value is None or value.end() - loc > LONGEST_ROW:
                self.miss(instring, found.end(), f"expected the value of {title} in {self.name}")
            values[title] = key.turn(value[1]) if key.turn else value[1]
            loc = value.end()
        if not values:
            self.miss(instring, loc)
        if frozenset(values) not in self._whole:
            self._check(instring, loc, values.keys())
        return loc, [self._record(**{keys[title].field: value for title, value in values.items()})]

    def _check(self, instring: str, loc: int, titles: AbstractSet[str]) -> None:
        missing = next((wanted for wanted in self._required if not wanted & titles), frozenset())
        for group in self._together:
            missing = missing or (group - titles if group & titles else missing)
        if missing:
            self.miss(instring, loc, f"{self.name} lacks {' or '.join(sorted(missing))}")
        self._whole.add(frozenset(titles))


def key_values(
    make: Callable[..., Any],
    *keys: Column,
    what: str,
    separator: str = ": *+",
    required: Iterable[str | frozenset[str]] = (),
    together: Iterable[frozenset[str]] = (),
    between: Noise | None = None,
    until: ParserElement | None = None,
) -> KeyValues:
    """Lines of ``KEY: value`` in any order, each at most once, as one record.

    ``make``: the record's type, or a function that takes the fields by name; a key whose field has no default
    must be there, or those in ``required`` and ``together``, which are as in `table`. ``separator``: an
    expression. Ends at the first line that is neither such a line nor noise (``until`` as in `Rows`).
    ``what``: ``the memory of a slab``.

    ::

        STATUS: 4       key_values(Irq, Column("STATUS", "status", HEX), Column("DEPTH", "depth", DECIMAL),
         DEPTH: 1                  what="an interrupt")   -> Irq(status=4, depth=1)
    """
    gap = Between(noise() if between is None else between, until or Anything())
    return KeyValues(
        make, keys, what=what, separator=separator, gap=gap, required=required, together=together
    )
