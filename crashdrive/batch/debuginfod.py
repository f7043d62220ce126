"""Kernels with debug data from debuginfod servers (``DEBUGINFOD_URLS``), by build ids; kept in the cache."""

from __future__ import annotations

import os
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from crashdrive._version import __version__
from crashdrive.cache.store import cache_directory
from crashdrive.dump.identity import vmlinux_identity
from crashdrive.errors import CrashdriveError, UsageError, VmlinuxError

_TIMEOUT = 90.0  # seconds without a byte, as debuginfod's own client
_PIECE = 1 << 20
_MOST = 16 << 30


def urls() -> tuple[str, ...]:
    """The servers of ``DEBUGINFOD_URLS``; UsageError where there are none, or one is no http(s) address."""
    found = tuple(os.environ.get("DEBUGINFOD_URLS", "").split())
    if not found:
        raise UsageError(
            "--debuginfod: DEBUGINFOD_URLS names no server (such as https://debuginfod.debian.net)"
        )
    for url in found:
        if not re.match(r"https?://", url):
            raise UsageError(f"--debuginfod: {url!a} in DEBUGINFOD_URLS is neither http:// nor https://")
    return found


class Debuginfod:
    """Fetches kernels, each once; what was fetched before is taken from the cache."""

    def __init__(self, servers: Sequence[str], place: Path | None = None) -> None:
        self._servers = tuple(servers)
        self._place = place or _cache()
        self._told: dict[str, str] = {}

    def fetch(self, build_id: str) -> str:
        """The path of the kernel with a build id; VmlinuxError says what each server said."""
        if not re.fullmatch(r"[0-9a-f]{8,128}", build_id):
            raise VmlinuxError(f"{build_id!a} is no build id")
        if build_id in self._told:
            raise VmlinuxError(self._told[build_id])
        path = self._place / build_id / "vmlinux"
        if _is_kernel(path, build_id):
            return str(path)
        said = []
        for server in self._servers:
            try:
                self._download(f"{server.rstrip('/')}/buildid/{build_id}/debuginfo", path, build_id)
            except (OSError, CrashdriveError) as error:
                said.append(f"{server}: {_said(error)}")
            else:
                return str(path)
        self._told[build_id] = f"debuginfod has no kernel of build id {build_id}: {'; '.join(said)}"
        raise VmlinuxError(self._told[build_id])

    def _download(self, url: str, path: Path, build_id: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        request = urllib.request.Request(url, headers={"User-Agent": f"crashdrive/{__version__}"})  # noqa: S310 - checked in urls()
        with (
            tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-") as part,
            urllib.request.urlopen(request, timeout=_TIMEOUT) as answer,  # noqa: S310 - checked in urls()
        ):
            size = 0
            while piece := answer.read(_PIECE):
                size += len(piece)
                if size > _MOST:
                    raise VmlinuxError("it sends more than any kernel has")
                part.write(piece)
            part.flush()
            if not _is_kernel(Path(part.name), build_id):
                raise VmlinuxError("what it sent is no kernel with debug data of this build id")
            Path(part.name).chmod(0o600)
            os.link(part.name, path)


def _is_kernel(path: Path, build_id: str) -> bool:
    try:
        found = vmlinux_identity(path)
    except CrashdriveError:
        return False
    return found.build_id == build_id and found.debug_data


def _said(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error)


def _cache() -> Path:
    directory = cache_directory()
    if directory is None:
        raise UsageError("--debuginfod keeps kernels in the cache, which CRASHDRIVE_CACHE=off switches off")
    return directory / "debuginfod"
