"""Kernels with debug data in folders that the user names, however deep they lie: found by their build ids."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from crashdrive.dump.identity import DumpIdentity, VmlinuxIdentity, vmlinux_identity
from crashdrive.errors import CrashdriveError

_NAME = re.compile(r"vmlinux(?:[-.].*)?")
_NO_KERNEL = re.compile(r".*\.(?:c|h|o|S|lds|map|txt|json|gz|xz|zst|bz2|dwp|gdb-index|cmd|symvers|a|py)")
_DEEPEST = 12
_MOST_FILES = 1_000_000  # entries of a folder's tree that are looked at


def vmlinux_files(folder: str | Path) -> Iterator[Path]:
    """Files below a folder that are named as kernels are, nearest first; links are followed, no circles."""
    left = _MOST_FILES
    seen: set[tuple[int, int]] = set()
    places = [Path(folder)]
    for _ in range(_DEEPEST):
        below: list[Path] = []
        for place in places:
            if not _is_new(place, seen):
                continue
            for entry in _entries(place):
                left -= 1
                if left < 0:
                    return
                if _is_folder(entry):
                    below.append(Path(entry.path))
                elif _NAME.fullmatch(entry.name) and not _NO_KERNEL.fullmatch(entry.name):
                    yield Path(entry.path)
        places = below


def _is_new(place: Path, seen: set[tuple[int, int]]) -> bool:
    try:
        status = place.stat()
    except (OSError, ValueError):
        return False
    key = (status.st_dev, status.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _entries(place: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


class Kernels:
    """All kernels below some folders; looked for once, at the first question."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = tuple(folders)
        self._known: list[VmlinuxIdentity] | None = None

    def fitting(self, dump: DumpIdentity) -> VmlinuxIdentity | None:
        """The kernel with the dump's build id, with debug data; None if there is none.

        Where the dump has no build id, the only one in whose path the dump's release is a name.
        """
        if dump.build_id:
            return next((one for one in self._all() if one.build_id == dump.build_id), None)
        release = dump.osrelease
        if not release:
            return None
        named = [one for one in self._all() if _is_named(Path(one.path), release)]
        return named[0] if len({one.build_id for one in named}) == 1 else None

    def _all(self) -> list[VmlinuxIdentity]:
        if self._known is None:
            paths = (path for folder in self._folders for path in vmlinux_files(folder))
            self._known = [one for one in map(_identity, paths) if one is not None]
        return self._known


def _is_named(path: Path, release: str) -> bool:
    return path.name == f"vmlinux-{release}" or release in path.parts


def _identity(path: Path) -> VmlinuxIdentity | None:
    try:
        found = vmlinux_identity(path)
    except CrashdriveError:
        return None
    return found if found.debug_data else None
