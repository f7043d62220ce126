"""Whether crash may come up without its tables: what is known of the last run for the same purpose.

A purpose (a report, a script) that asked crash for memory, symbols and types alone needs none of its tables
once those are kept. Kept by build id; a guess that was wrong costs a second, and isn't made for ever.
"""

from __future__ import annotations

from collections.abc import Collection

from crashdrive.cache.store import Store

_KIND, _VERSION = "wasted-starts", 1
_MOST_WASTED = 3
# asked of a crash with all its tables for what a store and the dump's memory answer as well
_REPLACED = frozenset({"eval", "gdb", "help", "mach", "mod", "rd", "sym", "whatis"})


class Starts:
    """The starts for one purpose on the dumps of one kernel; ``None`` as the store: nothing is known."""

    def __init__(self, store: Store | None, build_id: str | None, purpose: str) -> None:
        self._store = store if build_id else None
        self._key = build_id or ""
        self._purpose = purpose

    def is_promising(self, *, otherwise: bool = False) -> bool:
        """Whether crash will hardly be asked for more than memory; ``otherwise``: where there was no run."""
        wasted = self._wasted()
        return otherwise if wasted is None else wasted < _MOST_WASTED

    def learn(self, words: Collection[str], *, minimal: bool, became_full: bool) -> None:
        """Note how a run went: the commands' names, how crash was started, whether it had to start again."""
        before = self._wasted()
        if not _REPLACED.issuperset(words):
            now = _MOST_WASTED
        elif became_full:
            now = (before or 0) + 1
        else:
            now = 0 if minimal or before is None else before
        if self._store and now != before:
            self._store.put(_KIND, self._key, self._purpose, now, version=_VERSION)

    def _wasted(self) -> int | None:
        """How many minimal starts in a row were of no use; None where there was no run."""
        if self._store is None:
            return None
        return self._store.get(_KIND, self._key, self._purpose, int, version=_VERSION)
