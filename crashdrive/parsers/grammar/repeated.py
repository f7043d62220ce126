"""Runs of rows and of items; noise between them, lenient mode and their ends are handled here alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.noises import Noise, noise
from crashdrive.parsers.grammar.pyparsing_core import (
    MatchFirst,
    ParseBaseException,
    ParseException,
    ParserElement,
)
from crashdrive.parsers.grammar.straight import directly
from crashdrive.parsers.grammar.terminals import Made, Row, Terminal

Continued = Callable[[Text, int, str, Any], Any]
"""(text, offset, line, record above) -> that record with the line added, or None."""


def ends_at(element: ParserElement, instring: str, loc: int) -> int:
    """The end of the element if it matches here, -1 if it doesn't; without side effects."""
    if isinstance(element, Terminal):
        return element.ahead(instring, loc)
    if type(element) is MatchFirst:
        for one in element.exprs:
            if (end := ends_at(one, instring, loc)) >= 0:
                return end
        return -1
    text = instring if isinstance(instring, Text) else None
    if text is not None:
        text.quiet += 1
    try:
        return directly(element)(instring, loc, False)[0]  # pyparsing's do_actions
    except ParseBaseException:
        return -1
    finally:
        if text is not None:
            text.quiet -= 1


class Between:
    """A run's ways to go on where its item doesn't match: noise, the end, or a line that is set aside.

    - ``between``: noise, which is skipped (`noise` leaves notices); None: nothing may stand between items.
    - ``until``: an element that ends the run, and isn't consumed; None: the run goes on to the end of the
      text. `Anything`, which always matches, ends the run at the first line that isn't an item.
    - Any other line is an error. In lenient mode it is set aside, and the run goes on in the next line, or at
      the next match of ``resume``; with ``at_fault`` in the line in which the item failed, if that is below.
    """

    def __init__(
        self, between: Noise | None, until: ParserElement | None, resume: ParserElement | None = None
    ) -> None:
        self.between = between
        self.until = until
        self.blank = between is not None and between.takes_empty
        self.resume = resume
        self.at_fault = False

    def behind(self, instring: str, loc: int, *, do_actions: bool) -> int:
        """The offset behind noise, where the run continues; -1 where the run ends here, -2 where this line is
        an error.
        """
        if self.blank and instring.startswith("\n", loc):
            return loc + 1
        if self.between is not None:
            step = self.between.take if do_actions else self.between.ahead
            end = step(instring, loc)
            if end > loc:
                return end
        if self.until is not None and ends_at(self.until, instring, loc) >= 0:
            return -1
        return -2

    def aside(self, text: Text, loc: int, place: int, reason: str) -> int:
        """Set the line at ``place`` aside, in an item that began at ``loc``; gives the offset at which to
        continue.
        """
        text.reject(place, reason, start=loc)
        loc = text.next_line(loc)
        if self.at_fault:
            loc = max(loc, text.rfind("\n", loc, place) + 1)
        while self.resume is not None and loc < len(text) and ends_at(self.resume, text, loc) < 0:
            loc = text.next_line(loc)
        return loc


class Rows(Terminal):
    """A run of rows, read in one loop: the fastest way through a table.

    ``Rows(Row(...), between=noise(), until=Blank())`` gives one record per row. ``least``: the least number
    of rows. ``continued`` joins a line that is no row to the record above it (a name that holds a newline).
    ``ascending``: a field whose numbers ascend from row to row; any other row is an error. ``also``: rows of
    another kind that may stand among these (a cache that crash was told to ignore). ``bare``: no noise may
    stand before the first row. It is required in an alternative of a `Many`, which takes the lines between
    items itself: else the run would search these lines again and again. ``aside``: a value for each line that
    lenient mode set aside, where rows belong to a row above. ``between`` and ``until``: see `Between`. In
    errors the run is named by its row.
    """

    leaves_notices = True

    def __init__(  # noqa: PLR0913 # names, of which a grammar uses few
        self,
        row: Terminal,
        *,
        between: Noise | None = None,
        until: ParserElement | None = None,
        least: int = 1,
        continued: Continued | None = None,
        ascending: str | None = None,
        also: Row | None = None,
        aside: Any = None,
        bare: bool = False,
    ) -> None:
        super().__init__(row.pattern, row.name)
        self.aside = aside
        self.bare = bare
        self.row = row
        self.also = also
        self.gap = Between(noise() if between is None else between, until)
        self.least = least
        self.continued = continued
        self.ascending = ascending

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        return self.run(instring, loc, self.row, do_actions=do_actions)

    def run(self, instring: str, loc: int, row: Terminal, *, do_actions: bool) -> Made:
        """The rows from ``loc`` on, each read by ``row``."""
        match, make, end = row.match, row.make, len(instring)
        found: list[Any] = []
        append = found.append
        start, below, joins = loc, loc, self.continued is not None
        # an empty line can't be one of these
        blank = self.gap.blank and not joins and (self.also is None or self.also.match("\n") is None)
        ascending = self.ascending
        while loc < end:
            if (
                (matched := match(instring, loc))
                and (record := make(matched)) is not None
                and (ascending is None or self._ascends(instring, loc, found, record))
            ):
                append(record)
                loc = below = matched.end()
                continue
            if blank and found and instring[loc] == "\n":
                loc += 1
                continue
            if (
                self.also
                and (matched := self.also.match(instring, loc))
                and (record := self.also.make(matched)) is not None
            ):
                append(record)
                loc = below = matched.end()
                continue
            if joins and loc == below and found and (joined := self._joined(instring, loc, found)):
                loc = below = joined
                continue
            if self.bare and not found:
                break
            behind = self._other(instring, loc, row, found, do_actions=do_actions)
            if behind < 0:
                break
            loc = behind
        if len(found) < self.least and not _set_aside(instring, start):
            row.miss(instring, loc)
        return loc, found

    def _ascends(self, instring: str, loc: int, found: list[Any], record: Any) -> bool:
        """Whether the record's number is above that of the row before."""
        name = self.ascending or ""
        if not found or getattr(found[-1], name) < getattr(record, name):
            return True
        if isinstance(instring, Text):
            before = getattr(found[-1], name)
            reason = f"{name} {before} is followed by {getattr(record, name)}"
            instring.missed(loc, self.row.name, reason)
        return False

    def _joined(self, instring: str, loc: int, found: list[Any]) -> int:
        """The offset behind a line that belongs to the row right above; 0 where it doesn't."""
        if self.continued is None:
            return 0
        text = Text.of(instring)
        joined = self.continued(text, loc, text.line(loc), found[-1])
        if joined is None:
            return 0
        found[-1] = joined
        return text.next_line(loc)

    def _other(self, instring: str, loc: int, row: Terminal, found: list[Any], *, do_actions: bool) -> int:
        """The offset behind a line that is no row, where the run continues; -1 where the run ends."""
        text = instring if isinstance(instring, Text) else None
        behind = self.gap.behind(instring, loc, do_actions=do_actions)
        if behind > -2:
            return behind
        if text is None or not text.source.lenient or not do_actions:
            row.miss(instring, loc)
        if self.aside is not None:
            found.append(self.aside)
        place = text.furthest() if loc < text.furthest() < text.next_line(loc) else loc
        otherwise = f"expected {row.name}"
        return self.gap.aside(
            text, loc, place, otherwise if place == loc else text.expected(place, otherwise)
        )


def _set_aside(instring: str, start: int) -> bool:
    """Whether lenient mode has set lines behind ``start`` aside: then a run may be empty."""
    return isinstance(instring, Text) and instring.source.lenient and instring.remarks_since(start)


class Many(ParserElement):
    """A run of items of any structure; gives the values of all, one after the other.

    ``Many(item, between=noise(), until=header)``: unlike pyparsing's ``OneOrMore`` the run knows its noise
    and its end. So an item that fails is an error at the item's place; in lenient mode it is set aside, up to
    the next match of ``resume`` (None: up to the next line). ``at_fault``: up to the line in which it failed,
    for items that begin with a run of lines: else each of these would read the run again. ``first``:
    ``until`` is tried before the item, for items that would match it, too. ``least``: the least number of
    values.
    """

    gives_values = True

    def __init__(
        self,
        item: ParserElement,
        *,
        between: Noise | None = None,
        until: ParserElement | None = None,
        resume: ParserElement | None = None,
        first: bool = False,
        at_fault: bool = False,
        least: int = 1,
    ) -> None:
        super().__init__(savelist=True)
        self.item = item
        self.gap = Between(noise() if between is None else between, until, resume)
        self.gap.at_fault = at_fault
        self.first = first
        self.least = least
        self._may_return_empty = least == 0
        self.mayIndexError = False

    def recurse(self) -> list[ParserElement]:
        """The item."""
        return [self.item]

    def _generateDefaultName(self) -> str:  # noqa: N802 # pyparsing's
        return f"{{{self.item}}}..."

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        parse, end, start = directly(self.item), len(instring), loc
        found: list[Any] = []
        while loc < end:
            if self.first and self._ends(instring, loc):
                break
            try:
                after, values = parse(instring, loc, do_actions)
            except ParseException as error:
                if isinstance(instring, Text):
                    instring.forget(loc)
                after = self._other(instring, loc, error, do_actions=do_actions)
                if after < 0:
                    break
            else:
                found.extend(values)
            if after == loc:
                break
            loc = after
        if len(found) < self.least and not _set_aside(instring, start):
            self._miss(instring, loc)
        return loc, found

    def _ends(self, instring: str, loc: int) -> bool:
        return self.gap.until is not None and ends_at(self.gap.until, instring, loc) >= 0

    def _other(self, instring: str, loc: int, error: ParseException, *, do_actions: bool) -> int:
        behind = self.gap.behind(instring, loc, do_actions=do_actions)
        if behind > -2:
            return behind
        text = instring if isinstance(instring, Text) else None
        if text is None or not text.source.lenient or not do_actions:
            raise error
        place = max(text.furthest(), loc)
        return self.gap.aside(text, loc, place, text.expected(place, str(error.msg)))

    def _miss(self, instring: str, loc: int) -> NoReturn:
        if isinstance(instring, Text):
            instring.missed(loc, self.item.name)
        raise ParseException(instring, loc, f"expected {self.item.name}", self)
