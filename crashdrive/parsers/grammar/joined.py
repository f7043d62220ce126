"""Two rows in one line: a newline is gone, and the first row's free text would take all of the second."""

from __future__ import annotations

import re

from crashdrive.parsers.grammar.columns import SHORTEST_ROW, Joined
from crashdrive.parsers.grammar.context import Text


class Apart:
    """Whether free text of a row holds another row of the same table.

    ``head``: an expression for the cells of a row up to that text; it is searched anywhere in the text, as
    the newline may be gone or have become a blank, and must be bounded at its beginning. ``what`` is the
    row's name. ``joined``: `Joined`.
    """

    def __init__(self, head: str, what: str, joined: Joined = "error") -> None:
        self._search = re.compile(f"{head}(?![^ ])").search
        self._reason = f"expected the end of {what}; another row begins here"
        self._what = what
        self._mark = joined == "mark"

    def holds(self, found: re.Match[str], group: int | str) -> bool:
        """Whether the row that matched must be refused; leaves the place and the reason, or the mark."""
        text = found[group]
        if not text or len(text) <= SHORTEST_ROW or " " not in text:
            return False
        second = self._search(text)
        if second is None:
            return False
        whole = Text.of(found.string)
        place = found.start(group) + second.start()
        if self._mark:
            message = "a line holds what looks like another row"
            whole.note(found.start(), "joined", message, text=found[0].rstrip("\n"), incomplete=True)
            return False
        whole.missed(place, self._what, self._reason)
        return True
