"""Blank lines around a text: the bounds of the text without them; line numbers of notices that count them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.records import Answer

_BLANK_LINES = expression(r"(?:[ \t]*+\n)*+")


def outer_blanks(text: str) -> tuple[int, int]:
    """The bounds of a text without the blank lines around it."""
    if len(text) > 1 and text[0] > " " and text[-1] == "\n" and text[-2] > " ":
        return 0, len(text)
    start = _BLANK_LINES.match(text).end()  # type: ignore[union-attr] # it matches an empty text, too
    newline = text.find("\n", len(text.rstrip(" \t\n")))
    return start, max(start, newline + 1 if newline >= 0 else len(text))


def moved(answer: Answer[Any], lines: int) -> Answer[Any]:
    """The answer with ``lines`` added to its notices' line numbers."""
    if not lines:
        return answer
    notices = (replace(note, line=note.line and note.line + lines) for note in answer.warnings)
    return replace(answer, warnings=tuple(notices))
