"""Words that name something, held against what there is."""

from __future__ import annotations

from collections.abc import Iterable

from crashdrive.errors import UsageError
from crashdrive.near import hint
from crashdrive.text import printable

_SHOWN = 40


def no_such(what: str, word: object, there: Iterable[object]) -> UsageError:
    """The error for a word that names nothing: what is like it, and what there is (the first forty)."""
    names = list(dict.fromkeys(str(one) for one in there))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = ", ".join(names[:_SHOWN]) or "none"
    shown_word = word if isinstance(word, int) else ascii(word)
    return UsageError(printable(f"no {what} {shown_word}{hint(str(word), names)}; there are: {shown}{more}"))
