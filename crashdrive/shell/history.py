"""Lines of earlier sessions: a file for each dump, in the cache's folder, for its owner alone."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from crashdrive.cache.store import cache_directory

_MOST = 1 << 20  # bytes; of more the later half stays


def history_file(identity: Mapping[str, str]) -> Path | None:
    """The file of a dump's history, there and writable; None where there is no place for one.

    A dump is told by its id where it has one, else by its path.
    """
    directory = cache_directory()
    if directory is None:
        return None
    told = identity.get("id") or os.path.realpath(identity.get("vmcore", ""))
    folder = directory / "history"
    path = folder / hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.is_symlink():
            return None
        _own(path)
    except OSError:
        return None
    return path


def _own(path: Path) -> None:
    """Have the file there with mode 0600, and no longer than it may be; OSError for what isn't ours."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(file, "r+b") as opened:  # noqa: PTH123 - a descriptor
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise PermissionError(f"{path} is not this user's file")
        os.fchmod(file, 0o600)
        if status.st_size > _MOST:
            opened.seek(-_MOST // 2, os.SEEK_END)
            # an entry begins behind an empty line
            rest = opened.read().partition(b"\n\n")[2]
            opened.seek(0)
            opened.write(b"\n" + rest)
            opened.truncate()
