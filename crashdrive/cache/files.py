"""Which file this is, whatever its name: what is kept of a dump is found again under another name of it.

A file is known by device, inode, size and times together with a sample of its contents. A file that isn't
known, with the same sample as one that is, may be a copy: it is compared with that one byte for byte, as long
as that one is still there as it was. A sample alone would take a damaged copy for the whole one.
"""

from __future__ import annotations

import os
import stat
import time
from typing import Final

from crashdrive.cache.store import Store
from crashdrive.dump.contents import content_sample, current_mark
from crashdrive.records import Record

_KIND, _VERSION = "files", 1
# bytes of a file that is compared with another: more take as long as crash does
_MOST_COMPARED: Final = 1 << 30
_PIECE = 1 << 20
# a file may be written to again within one tick of its file system's clock, and then looks the same
SETTLED_NS: Final = 2_000_000_000
# where the kernel shows itself: such a file isn't what it was a moment ago
_LIVE = ("/proc/", "/dev/", "/sys/")


class _KnownFile(Record, frozen=True):
    """A file that was seen: where, and what it is known as."""

    path: str
    identity: str


class Files:
    """The files that a store knows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def identity(self, path: str, mark: str) -> str | None:
        """What a file is known as, that of its equal copy where there is one.

        ``mark`` as `crashdrive.dump.contents.file_mark` has it. None where the file is no longer the one of
        that mark, was written to a moment ago, or is no file that stays as it is.
        """
        if not is_lasting(path) or not is_settled(mark):
            return None
        try:
            sample = content_sample(path)
        except OSError:
            return None
        if current_mark(path) != mark:
            return None
        seen = self._store.get_many(
            _KIND, sample, self._store.names(_KIND, sample), _KnownFile, version=_VERSION
        )
        if mark in seen:
            return str(seen[mark].identity)
        known = next((one.identity for at, one in seen.items() if _equal(path, one.path, at)), None)
        found = known or f"{mark}:{sample}"
        if current_mark(path) != mark:
            return None
        kept = _KnownFile(path=os.path.abspath(path), identity=found)  # noqa: PTH100 - links stay
        self._store.put(_KIND, sample, mark, kept, version=_VERSION)
        return found


def is_lasting(path: str) -> bool:
    """Whether this is a regular file that stays what it is: no device, and not a live kernel's memory."""
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - follows links as crash does
    except OSError:
        return False
    return regular and not os.path.realpath(path).startswith(_LIVE)


def is_settled(mark: str) -> bool:
    """Whether a file's last change was long enough ago that another one would show in its mark.

    A change in the future, by a clock that was set back, is none that can be relied on.
    """
    changed = max(map(int, mark.split(":")[-2:]))
    return time.time_ns() - changed > SETTLED_NS


def _equal(path: str, other: str, mark: str) -> bool:
    """Whether two files hold the same bytes, and the other one still is what it was."""
    if current_mark(other) != mark:
        return False
    try:
        with open(path, "rb", buffering=0) as one, open(other, "rb", buffering=0) as two:  # noqa: PTH123
            if os.fstat(one.fileno()).st_size > _MOST_COMPARED:
                return False
            while piece := one.read(_PIECE):
                if piece != two.read(len(piece)):
                    return False
            return not two.read(1) and current_mark(other) == mark
    except OSError:
        return False
