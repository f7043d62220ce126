"""Elements that are built when a text needs them."""

from __future__ import annotations

from crashdrive.parsers.grammar.pyparsing_core import ParserElement
from crashdrive.parsers.grammar.reading import Factory, prepared
from crashdrive.parsers.grammar.straight import directly
from crashdrive.parsers.grammar.terminals import Made, Terminal


class Later(Terminal):
    """``Later(r" *+CACHE ", tables, "a table of caches")``: the element that ``tables()`` gives, where the
    pattern matches; it is built then, and kept.

    For large elements that few texts need: building them takes time.
    """

    leaves_notices = True

    def __init__(self, ahead: str, build: Factory, what: str) -> None:
        super().__init__(f"(?={ahead})", what)
        self.build = build
        self._built: ParserElement | None = None

    def parseImpl(self, instring: str, loc: int, do_actions: bool = True) -> Made:  # noqa: N802, FBT001, FBT002 # pyparsing's
        """pyparsing's hook."""
        if self.match(instring, loc) is None:
            self.miss(instring, loc)
        if self._built is None:
            self._built = prepared(self.build())
        end, values = directly(self._built)(instring, loc, do_actions)
        return end, list(values)
