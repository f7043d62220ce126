"""Tables whose rows have lines of their own below: the objects of a slab, the free areas of a zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from crashdrive.parsers.grammar.columns import Column
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.headed import Table
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.parsers.grammar.noises import Noise, noise
from crashdrive.parsers.grammar.pyparsing_core import ParserElement
from crashdrive.parsers.grammar.reading import Factory, prepared
from crashdrive.parsers.grammar.repeated import Rows
from crashdrive.parsers.grammar.straight import directly
from crashdrive.parsers.grammar.terminals import Anything, Made, Row

Join = Callable[[Text, int, Any, list[Any]], Any]
"""(text, where the row begins, its record, the values below) -> the entry's record."""


class Entries(Table):
    """See `entries`."""

    def __init__(  # `entries`'s, in which each has its name
        self,
        *,
        record: Any,
        columns: Sequence[Column],
        below: ParserElement | Factory,
        join: Join,
        bare: bool,
        **more: Any,
    ) -> None:
        super().__init__(record, columns, together=(), usual=None, lead=None, **more)
        self.below = below
        self.join = join
        self.bare = bare

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        text = Text.of(instring)
        rows, begin = self.rows(text, loc)
        end, row, lower = begin, rows.row, self._lower()
        below = directly(lower)
        # right below a row stands another one: elements that may be absent needn't be tried
        may_lack = isinstance(lower, Rows) and lower.least == 0
        found: list[Any] = []
        values: Iterable[Any]
        matched = row.match(text, end)
        while end < len(text):
            place = end
            if matched is None:
                place = self._behind(text, end, do_actions=do_actions)
                matched = row.match(text, place)
            record = row.make(matched) if matched else None
            if record is None and rows.also and (matched := rows.also.match(text, place)):
                record = rows.also.make(matched)
            if matched is None or record is None:
                end = place if self.bare and not found else end
                break
            end, values = matched.end(), ()
            matched = row.match(text, end) if may_lack else None
            if matched is None:
                end, values = below(instring, end, do_actions)
                matched = row.match(text, end)
            found.append(self.join(text, place, record, list(values)))
        if not found and not (self.bare and do_actions and text.marked_since(begin)):
            row.miss(text, end)
        text.missed(end, row.name)
        return end, found

    def _lower(self) -> ParserElement:
        """The element for the lines below a row."""
        below = self.below
        if not isinstance(below, ParserElement):
            below = self.below = prepared(below())
        return below

    def _behind(self, text: Text, loc: int, *, do_actions: bool) -> int:
        """The end of the noise in front of a row."""
        step = self._between.take if do_actions else self._between.ahead
        while (end := step(text, loc)) > loc:
            loc = end
        return loc


def entries(  # noqa: PLR0913 # names, of which a table uses few
    record: Callable[..., Any],
    *columns: Column,
    what: str,
    below: ParserElement | Factory,
    join: Join,
    derived: Sequence[Derived] = (),
    required: Iterable[str | frozenset[str]] = (),
    also: Row | None = None,
    between: Noise | None = None,
    bare: bool = False,
) -> Entries:
    """A header and rows as in `table`, each row with the values of ``below``: ``join(text, place, row's
    record, values below)`` makes the entry of both. A large ``below`` is a function that gives the element:
    it is called when such a header is first met.

    Ends at the first line that is neither. At least one row is required; with ``bare`` none, where a line in
    its place marks the answer (crash's own message, ``...``). ``between``: what may stand above a row, no
    blank lines as a rule. ``record``, ``what``, ``derived``, ``required``, ``also``: as in `table`.

    ::

        AREA  SIZE  FREE_AREA_STRUCT     entries(Area, ..., below=Rows(block, until=Anything(), least=0),
          0     4k  ffff8c3b1e90d100             join=lambda text, place, area, blocks: replace(...))
        fffff19740000040
    """
    rows = {
        "between": between or noise(blank=False),
        "until": Anything(),
        "least": 0,
        "continued": None,
        "also": also,
    }
    return Entries(
        record=record,
        columns=columns,
        below=below,
        join=join,
        bare=bare,
        what=what,
        derived=derived,
        required=required,
        rows=rows,
    )
