"""Tables whose columns are known by their header."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import GAP, LONGEST_ROW, Column
from crashdrive.parsers.grammar.context import Misfit, Text
from crashdrive.parsers.grammar.joined import Apart
from crashdrive.parsers.grammar.makers import Derived, fields_of, maker
from crashdrive.parsers.grammar.noises import Noise, noise
from crashdrive.parsers.grammar.pyparsing_core import ParseException, ParserElement
from crashdrive.parsers.grammar.repeated import Continued, Rows, ends_at
from crashdrive.parsers.grammar.terminals import Made, Row, Terminal

Usual = Callable[[Source], Sequence[str]]

_MOST_HEADERS = 64
"""The most headers of a table that are cached: crash prints few different ones, again and again."""


class Table(Terminal):
    """See `table`."""

    leaves_notices = True

    def __init__(  # noqa: PLR0913 # `table`'s, in which each has its name
        self,
        record: Callable[..., Any],
        columns: Sequence[Column],
        *,
        derived: Sequence[Derived],
        what: str,
        lead: Column | None,
        together: Iterable[frozenset[str]],
        required: Iterable[str | frozenset[str]],
        usual: Usual | None,
        rows: dict[str, Any],
        again: bool = False,
    ) -> None:
        titles = sorted((column.title for column in columns), key=len, reverse=True)
        title = " *+(" + "|".join(map(re.escape, titles)) + r")(?![^ \n])"
        super().__init__(f"{title}{title}" if len(titles) > 1 else title, f"the header of {what}")
        self.what = what
        self._record = record
        self._derived = tuple(derived)
        self._columns = {column.title: column for column in columns}
        self._lead = lead
        self._wanted = tuple(required)
        self._together = tuple(together)
        self._one_title = title
        self._usual = usual
        self._rows = rows
        if again:
            own = Terminal(self.pattern, self.name)
            rows["until"] = own if rows["until"] is None else own | rows["until"]
        self._between: Noise = rows["between"] or noise()
        self._layouts: dict[tuple[str, ...], Rows] = {}
        self._misfits: dict[tuple[str, ...], Misfit] = {}
        self._headers: dict[str, tuple[str, ...]] = {}

    # the next three are made at first use: a grammar has many tables, a text few

    @functools.cached_property
    def _required(self) -> list[frozenset[str]]:
        wanted = [titles_of(one) for one in self._wanted]
        return wanted or required_titles(self._record, list(self._columns.values()))

    @functools.cached_property
    def _title(self) -> re.Pattern[str]:
        return re.compile(self._one_title, re.ASCII)

    @functools.cached_property
    def _head(self) -> re.Pattern[str]:
        return re.compile("^" + self.pattern.pattern, re.MULTILINE | re.ASCII)

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        text = Text.of(instring)
        loc = self._above(text, loc, do_actions=do_actions)
        try:
            rows, end = self.rows(text, loc)
        except ParseException:
            if self.match(text, loc):
                text.kept[self, "refused"] = loc
            raise
        return rows.run(instring, end, rows.row, do_actions=do_actions)

    def rows(self, text: Text, loc: int) -> tuple[Rows, int]:
        """The rows for the header at ``loc`` (without one: the usual ones), and where they begin."""
        titles = tuple(self._usual(text.source)) if self._usual and not self.match(text, loc) else ()
        end = loc
        if not titles:
            titles, end = self.header(text, loc)
        rows = self._layouts.get(titles)
        if rows is None:
            rows = self._layouts[titles] = self._layout(titles)
        text.know_row(rows.row.name, self._misfits[titles])
        return rows, end

    def _above(self, text: Text, loc: int, *, do_actions: bool) -> int:
        """The offset of the header: behind noise, and in lenient mode behind lines that are set aside."""
        start = loc
        if self._usual is None:
            ahead = self._ahead(text, loc)
            # lines above a header that was refused aren't read again
            if ahead < 0 or loc < ahead == text.kept.get((self, "refused")):
                return self._behind_noise(text, loc)
            # nor are lines behind which no header was found
            first, last = text.kept.get((self, "ended", do_actions), (0, 0))
            if first <= loc < last:
                return int(last)
        while loc < len(text) and not self.match(text, loc):
            end = self._between.take(text, loc) if do_actions else self._between.ahead(text, loc)
            if end < 0:
                lenient = text.source.lenient and do_actions and not self._usual
                until = self._rows["until"]
                if not lenient or (until is not None and ends_at(until, text, loc) >= 0):
                    break
                text.reject(loc, f"expected {self.name}")
                end = text.next_line(loc)
            loc = end
        if loc == len(text):
            return start
        if not self.match(text, loc):
            text.kept[self, "ended", do_actions] = start, loc
        return loc

    def _behind_noise(self, text: Text, loc: int) -> int:
        """The end of the noise at ``loc`` without a header below: the error's place. Kept: it is searched for
        once.
        """
        first, end = text.kept.get(self._between, (0, 0))
        if not first <= loc < end:
            first = end = loc
            while end < len(text) and (after := self._between.ahead(text, end)) > end:
                end = after
            text.kept[self._between] = first, end
        return end if end < len(text) else loc

    def _ahead(self, text: Text, loc: int) -> int:
        """The offset of the next header from ``loc`` on, -1 for none; kept: a text is searched once."""
        known: int | None = text.kept.get(self)
        if known is None or 0 <= known < loc:
            found = self._head.search(text, loc)
            known = text.kept[self] = found.start() if found else -1
        return known

    def header(self, text: Text, loc: int) -> tuple[tuple[str, ...], int]:
        """The titles of the header at ``loc``, and the end of its line."""
        end = text.next_line(loc)
        line = text[loc:end]
        titles = self._headers.get(line)
        if titles is None:
            titles = self._titles(text, loc, loc + len(line.rstrip("\n").rstrip(" ")))
            if len(self._headers) < _MOST_HEADERS and len(line) < LONGEST_ROW:
                self._headers[line] = titles
        return titles, end

    def _titles(self, text: Text, loc: int, stop: int) -> tuple[str, ...]:
        if self._title.match(text, loc) is None:
            self.miss(text, loc)
        titles: list[str] = []
        place = loc
        while place < stop:
            found = self._title.match(text, place)
            if found is None or found[1] in titles:
                place = place + len(text[place:stop]) - len(text[place:stop].lstrip(" "))
                self.miss(text, place, f"{self.name} has an unknown column")
            titles.append(found[1])
            place = found.end()
        if any(self._columns[title].last for title in titles[:-1]):
            self.miss(text, loc, f"{self.name} has its columns in another order")
        self._check(text, loc, frozenset(titles))
        return tuple(titles)

    def _check(self, text: Text, loc: int, titles: frozenset[str]) -> None:
        missing = next((wanted for wanted in self._required if not wanted & titles), frozenset())
        for group in self._together:
            missing = missing or (group - titles if group & titles else missing)
        if missing:
            self.miss(text, loc, f"{self.name} lacks the column {' or '.join(sorted(missing))}")

    def _layout(self, titles: tuple[str, ...]) -> Rows:
        columns = [self._columns[title] for title in titles]
        name = f"a row of {self.what}: {' '.join(titles)}"
        row = Row(self._expression(columns), self._maker(columns, name), name)
        self._misfits[titles] = functools.partial(_misfit, self._lead_pattern(), columns)
        return Rows(row, **self._rows)

    def _expression(self, columns: list[Column]) -> str:
        return rf"(?=[^\n]{{0,{LONGEST_ROW}}}+(?:\n|\Z)) *+{self._lead_pattern()}{_cells(columns)}"

    def _lead_pattern(self) -> str:
        return f"(?:({self._lead.cell.pattern}) *+)?+" if self._lead else ""

    def _maker(self, columns: list[Column], name: str) -> Callable[[re.Match[str]], Any]:
        """A function that makes records of rows with these columns."""
        lead = [self._lead] if self._lead else []
        apart = {
            len(lead) + place: Apart(_cells(columns[:place]), name, column.joined)
            for place, column in enumerate(columns)
            if column.joined and place
        }
        return maker(self._record, [*lead, *columns], self._derived, apart)


def _misfit(lead: str, columns: Sequence[Column], text: str, place: int) -> int:
    """The offset of a line's first cell that doesn't fit its column, or of text behind the last column."""
    stop = text.find("\n", place)
    line = text[place : len(text) if stop < 0 else stop][:LONGEST_ROW]
    end = 0
    for count in range(1, len(columns) + 1):
        found = re.match(rf" *+{lead}{_cells(columns[:count])}(?![^ ])", line, re.ASCII)
        if found is None:
            break
        end = found.end()
    return place + len(line) - len(line[end:].lstrip(" ")) if end else place


def _cells(columns: Sequence[Column]) -> str:
    """The cells of these columns, each a group."""
    parts = [("" if i == 0 else GAP) + f"({column.cell.pattern})" for i, column in enumerate(columns)]
    return "".join(f"(?:{p})?" if c.blank else p for p, c in zip(parts, columns, strict=True))


def titles_of(wanted: str | frozenset[str]) -> frozenset[str]:
    """One title, or several of which one is wanted, as a set."""
    return frozenset({wanted}) if isinstance(wanted, str) else wanted


def required_titles(record: Callable[..., Any], columns: Sequence[Column]) -> list[frozenset[str]]:
    """Sets of titles for fields without a default, and blank columns: a header has a title of each set."""
    names = [field.name for field in fields_of(record) if field.required]
    names += [column.field for column in columns if column.blank]
    by_field = (frozenset(c.title for c in columns if c.field == name) for name in dict.fromkeys(names))
    return [titles for titles in by_field if titles]


def table(  # noqa: PLR0913 # names, of which a table uses few
    record: Callable[..., Any],
    *columns: Column,
    what: str,
    derived: Sequence[Derived] = (),
    lead: Column | None = None,
    together: Iterable[frozenset[str]] = (),
    required: Iterable[str | frozenset[str]] = (),
    usual: Usual | None = None,
    between: Noise | None = None,
    until: ParserElement | None = None,
    least: int = 1,
    continued: Continued | None = None,
    ascending: str | None = None,
    also: Row | None = None,
    again: bool = False,
) -> Table:
    """A header line, and below it rows with its columns.

    - ``record``: the record's type, or a function that takes the fields by name. ``derived``: fields that
      follow from several columns.
    - The header says which columns there are and in which order: a column that a new crash adds is one more
      `Column`. Errors are a title that no column has, a title that stands twice, and a missing column.
      Columns that must be there: those in ``required`` (of a set of titles, one), by default those of the
      record's fields without default; and all of a set in ``together`` if one of them is there.
    - Noise may stand above the header. ``lead``: a mark without a title before the first column (a blank
      `Column`). ``usual(source)`` gives the titles of a table that may come without a header.
    - ``what``: the table's name in error words: ``expected a row of ps: PID PPID CPU``.
    - ``between``, ``until``, ``least``, ``continued``, ``ascending``, ``also``: those of `Rows`.
    - ``again``: the header may stand again further down (``Many(table(...))``).

    ::

        PID    COMM         table(Task, Column("PID", "pid", DECIMAL), Column("COMM", "comm", TEXT), what="x")
          1    init         -> Task(pid=1, comm="init")
    """
    rows: dict[str, Any] = {
        "between": between,
        "until": until,
        "least": least,
        "continued": continued,
        "ascending": ascending,
        "also": also,
    }
    return Table(
        record,
        columns,
        derived=derived,
        what=what,
        lead=lead,
        together=together,
        required=required,
        usual=usual,
        rows=rows,
        again=again,
    )
