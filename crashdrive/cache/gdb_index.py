"""gdb's index of each vmlinux, kept: with it crash starts in half of the time.

An index is a file that gdb 13 or later wrote (an older gdb, such as those in crash 8, writes one that slows
crash down), named by the vmlinux's build id. What is known of it stands in the store: a file that isn't as it
was written, or belongs to a vmlinux of other contents, is not used.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import Final

from crashdrive.cache.store import Store
from crashdrive.dump.contents import content_sample, current_mark
from crashdrive.records import Record

KIND: Final = "gdb-index"
GAINS: Final = "gdb-index-gain"
_VERSION = 1
_SUFFIX = ".gdb-index"
_NEW = ".new-"
_BUILD_ID = re.compile(r"[0-9a-f]{16,128}")
# bytes of all indexes together; one of a distribution's kernel has 40 MB
_LIMIT = 2 << 30
# seconds after which a folder that a writer left behind goes
_STALE = 3600


class _Written(Record, frozen=True):
    """An index as it was written: its mark, a sample of its contents, and one of its vmlinux's."""

    mark: str
    sample: str
    vmlinux: str


class _Gain(Record, frozen=True):
    """Seconds of processor that a crash took to its prompt without and with an index."""

    plain: float | None = None
    indexed: float | None = None


class Indexes:
    """The indexes in the store's folder."""

    def __init__(self, store: Store) -> None:
        self.store = self._store = store
        self.directory = store.directory / "gdb-index"

    def find(self, build_id: str, vmlinux: str) -> Path | None:
        """The index of a vmlinux; None where there is none that can be trusted."""
        path = self._path(build_id)
        known: _Written | None = self._store.get(KIND, build_id, "", _Written, version=_VERSION)
        if path is None or known is None:
            return None
        try:
            if (
                current_mark(path) == known.mark
                and content_sample(path) == known.sample
                and content_sample(vmlinux) == known.vmlinux
            ):
                return path
        except OSError:
            pass
        return None

    def room(self) -> Path:
        """A new folder for gdb to write into; OSError where there can be none."""
        import tempfile

        self.directory.mkdir(mode=0o700, exist_ok=True)
        self._sweep()
        return Path(tempfile.mkdtemp(prefix=_NEW, dir=self.directory))

    def take(self, build_id: str, vmlinux: str, room: Path) -> Path | None:
        """Keep what gdb wrote into a folder; None where that is no index. The folder goes."""
        path = self._path(build_id)
        fresh = room / f"{build_id}{_SUFFIX}"
        try:
            if path is None or not _is_index(fresh):
                return None
            fresh.chmod(0o600)
            os.replace(fresh, path)  # noqa: PTH105 - within the folder
            known = _Written(
                mark=current_mark(path) or "", sample=content_sample(path), vmlinux=content_sample(vmlinux)
            )
            self._store.put(KIND, build_id, "", known, version=_VERSION)
            self._shrink(path)
        except OSError:
            return None
        else:
            return path
        finally:
            shutil.rmtree(room, ignore_errors=True)

    def pays(self, build_id: str, binary: str) -> bool:
        """Whether a crash's starts were not slower with the index, as far as is known."""
        gain = self._gain(build_id, binary)
        return gain.plain is None or gain.indexed is None or gain.indexed < gain.plain

    def learn(self, build_id: str, binary: str, seconds: float, *, indexed: bool) -> None:
        """Note what a start took, in seconds of processor."""
        before = self._gain(build_id, binary)
        if (before.indexed if indexed else before.plain) is not None:
            return
        now = _Gain(
            plain=before.plain if indexed else seconds, indexed=seconds if indexed else before.indexed
        )
        self._store.put(GAINS, build_id, _name(binary), now, version=_VERSION)

    def _gain(self, build_id: str, binary: str) -> _Gain:
        found: _Gain | None = self._store.get(GAINS, build_id, _name(binary), _Gain, version=_VERSION)
        return found or _Gain()

    def _path(self, build_id: str) -> Path | None:
        return self.directory / f"{build_id}{_SUFFIX}" if _BUILD_ID.fullmatch(build_id) else None

    def _sweep(self) -> None:
        """Folders of writers that were killed."""
        for folder in self.directory.glob(f"{_NEW}*"):
            with contextlib.suppress(OSError):
                if time.time() - folder.lstat().st_mtime > _STALE:
                    shutil.rmtree(folder, ignore_errors=True)

    def _shrink(self, newest: Path) -> None:
        """The oldest indexes go where there are too many bytes of them."""
        files = [
            (path.stat().st_mtime, path.stat().st_size, path) for path in self.directory.glob(f"*{_SUFFIX}")
        ]
        excess = sum(size for _, size, _ in files) - _LIMIT
        for _, size, path in sorted(files):
            if excess <= 0:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                excess -= size


def _name(binary: str) -> str:
    """A binary as it is now: an upgraded one is another."""
    return f"{binary} {current_mark(binary)}"


def _is_index(path: Path) -> bool:
    """Whether a file begins as gdb's indexes do: with the version of their layout, 7 to 9 in use."""
    try:
        if path.is_symlink() or path.stat().st_size < 64:
            return False
        with path.open("rb") as file:
            return 7 <= int.from_bytes(file.read(4), "little") <= 9
    except OSError:
        return False
