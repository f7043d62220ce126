"""Lost newlines, by which the next row gets into a row's free text; newlines within a name."""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers.grammar.columns import ELIDED, SHORTEST_ROW, Joined
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.speech import is_message, names_place


class Apart:
    """Whether free text of a row holds another row of the same table.

    ``head``: an expression for the cells of a row up to that text; it is searched anywhere in the text, as
    the newline may be gone or have become a blank, and must be bounded at its beginning. ``what`` is the
    row's name. ``joined``: `Joined`.
    """

    def __init__(self, head: str, what: str, joined: Joined = "error") -> None:
        self._search = re.compile(f"{head}(?![^ ])", re.ASCII).search
        self._reason = f"expected the end of {what}; another row begins here"
        self._what = what
        self._mark = joined == "mark"

    def holds(self, found: re.Match[str], group: int | str) -> bool:
        """Whether the row that matched must be refused: then the place and the reason are kept. With ``mark``
        never, but the answer is marked.
        """
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


LONGEST_NAME = 4096
_ADDRESS = expression(r"\b[0-9a-f]{8,16}\b", re.ASCII)


def rest_of_name(text: Text, place: int, line: str, name: str | None) -> str | None:
    """A name that holds a newline: the name with this line added. The answer is marked. For ``continued=`` of
    `Rows`.

    None without a name, for a line that may be something else (a damaged row, say), and in lenient mode,
    which keeps sure rows alone.
    """
    bare = line.strip(" ")
    if not bare or name is None or text.source.lenient or len(name) + len(line) > LONGEST_NAME:
        return None
    if _ADDRESS.search(line):
        return None
    if is_message(text.source, line) or names_place(line) or ELIDED.fullmatch(bare):
        return None
    text.note(place, "newline", "a name goes on in this line", text=line, incomplete=True)
    return f"{name}\n{line}"
