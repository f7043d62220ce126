"""Words that name something, held against what there is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from crashdrive.errors import UsageError
from crashdrive.text import printable

_SHOWN = 40


def no_such(what: str, word: object, there: Iterable[object]) -> UsageError:
    """The error for a word that names nothing: what is like it, and what there is (the first forty)."""
    names = list(dict.fromkeys(str(one) for one in there))
    plain = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(str(word).casefold(), plain, n=3)
    like = f"; near: {', '.join(plain[one] for one in near)}" if near else ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    shown = ", ".join(names[:_SHOWN]) or "none"
    word = word if isinstance(word, int) else ascii(word)
    return UsageError(printable(f"no {what} {word}{like}; there are: {shown}{more}"))
