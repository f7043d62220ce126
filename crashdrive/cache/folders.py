"""Files that lie beside the store, in folders of their own: too large for it, or read by other programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crashdrive.cache.store import KindSummary

FOLDERS: Final = ("gdb-index", "hosts", "debuginfod")
"""gdb's indexes; parts of files on other hosts (``--host``); kernels that debuginfod gave."""
_BLOCK: Final = 512  # what stat counts blocks in


def folders(directory: Path) -> Iterator[KindSummary]:
    """The folders that hold files; ``size``: what they take on the disk, as copies have holes."""
    for name in FOLDERS:
        known = [status for status in map(_status, _files(directory / name)) if status is not None]
        if known:
            used = [max(int(status.st_atime), int(status.st_mtime)) for status in known]
            size = sum(status.st_blocks * _BLOCK for status in known)
            yield KindSummary(name, len(known), size, min(used), max(used))


def remove_folder(directory: Path, name: str) -> int:
    """How many files went with a folder of `FOLDERS`; one that is a link stays, as do files that can't go."""
    before = sum(1 for _ in _files(directory / name))
    shutil.rmtree(directory / name, ignore_errors=True)
    return before - sum(1 for _ in _files(directory / name))


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_symlink():
        yield from (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
