"""What starts of crash came to: a way that failed on a dump isn't the first to be tried again.

Kept under the dump's mark, and under the kernel's build id where crash failed over the kernel's types; for
a binary as it is now, so that an upgraded one is tried anew. A deadline, being killed and want of
memory tell nothing of the dump.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.cache.store import Store
from crashdrive.dump.contents import current_mark
from crashdrive.records import Record

_KIND, _VERSION = "rung", 1
_OF_THE_KERNEL = re.compile(r"invalid structure (?:member offset|size): ")


class Went(Record, frozen=True):
    """How a start went: ``up``: it came to a prompt, ``doubts``: how much there was to doubt then."""

    up: bool
    doubts: int = 0


class Rungs:
    """The starts of one dump."""

    def __init__(self, store: Store, dump: str, build_id: str | None) -> None:
        """``dump`` is its mark."""
        self._store = store
        self._keys = [dump, *([build_id] if build_id else [])]

    def find(self, binary: str, options: Sequence[str]) -> Went | None:
        """How the last such start went; None where there was none."""
        for key in self._keys:
            found: Went | None = self._store.get(_KIND, key, _name(binary, options), Went, version=_VERSION)
            if found is not None:
                return found
        return None

    def learn(self, binary: str, options: Sequence[str], went: Went, said: str = "") -> None:
        """Note how one went, and what crash said."""
        if went == self.find(binary, options):
            return
        key = self._keys[-1] if not went.up and _OF_THE_KERNEL.search(said) else self._keys[0]
        self._store.put(_KIND, key, _name(binary, options), went, version=_VERSION)


def _name(binary: str, options: Sequence[str]) -> str:
    return f"{binary} {current_mark(binary)} {' '.join(options)}"
