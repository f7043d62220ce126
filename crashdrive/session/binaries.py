"""Which crash binaries this host has."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from crashdrive.errors import CrashNotFoundError
from crashdrive.records import Record

VERSION_SECONDS = 10.0
# crash says the name that it was started by, and then its version
_VERSION = re.compile(r"\s*\S+ (\d+(?:\.\d+)+\S*)\n")
_GDB_VERSION = re.compile(r"^GNU gdb (?:\(.*?\) )?(\S+)", re.MULTILINE)
# what is known of crashes and gdbs before these versions; those from the first one on are tested
_LIMITS = (
    ("crash", (8, 0, 2), "older than the releases that are tested (8.0.2 to 9.0.2)"),
    (
        "crash",
        (8, 0, 4),
        "knows only the active tasks where struct pid ends in a flexible array (kernel 6.5, late 6.1)",
    ),
    ("gdb", (8, 1), "its gdb has no ptype/o: types are asked for member by member, which is slow"),
)


class Binary(Record, frozen=True):
    """A crash binary: its path, its version (``8.0.2``) and that of the gdb inside it, where known."""

    path: str
    version: str | None
    gdb_version: str | None


def find_binaries(chosen: Sequence[str] = ()) -> tuple[Binary, ...]:
    """The binaries to try, in order: the caller's, else those of CRASHDRIVE_CRASH, else those in PATH.

    CrashNotFoundError names what was looked at and what to install.
    """
    return tuple(inspect(Path(path)) for path in binary_paths(chosen))


def binary_paths(chosen: Sequence[str] = ()) -> tuple[str, ...]:
    """The paths of the binaries to try, in order; none of them is run. CrashNotFoundError as above."""
    if chosen:
        return tuple(str(_usable(path, "--crash")) for path in chosen)
    named = [path for path in os.environ.get("CRASHDRIVE_CRASH", "").split(os.pathsep) if path]
    if named:
        return tuple(str(_usable(path, "CRASHDRIVE_CRASH")) for path in named)
    return tuple(map(str, _in_path()))


def inspect(path: Path) -> Binary:
    """What ``crash -v`` says; a binary that doesn't answer keeps None as its version."""
    text = _version_text(path)
    version, gdb = _VERSION.match(text), _GDB_VERSION.search(text)
    if version is None or gdb is None:  # some other program
        return Binary(path=str(path), version=None, gdb_version=gdb and gdb[1])
    return Binary(path=str(path), version=version[1], gdb_version=gdb[1])


def limits(binary: Binary) -> tuple[str, ...]:
    """What is known to be lacking in a crash of this version, whatever the dump."""
    has = {"crash": _numbers(binary.version), "gdb": _numbers(binary.gdb_version)}
    return tuple(what for program, first, what in _LIMITS if has[program] and has[program] < first)


def _numbers(version: str | None) -> tuple[int, ...]:
    """A version's numbers, to compare; those behind another character are left out."""
    found = re.match(r"\d+(?:\.\d+)*", version or "")
    return tuple(map(int, found[0].split("."))) if found else ()


def _version_text(path: Path) -> str:
    import subprocess  # who knows the answer already pays nothing for it

    environment = {"PATH": os.defpath, "HOME": "/nonexistent", "LC_ALL": "C", "TERM": "dumb"}
    try:
        done = subprocess.run(
            [str(path), "-v"], capture_output=True, timeout=VERSION_SECONDS, check=False,
            stdin=subprocess.DEVNULL, cwd="/", env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def _usable(path: str, origin: str) -> Path:
    absolute = Path(path).absolute()
    if not absolute.is_file():
        raise CrashNotFoundError(f"no crash binary at {path!a} (named by {origin})")
    if not os.access(absolute, os.X_OK):
        raise CrashNotFoundError(f"{path!a} (named by {origin}) may not be executed")
    return absolute


def _in_path() -> list[Path]:
    # a relative one would be what lies beside the dump
    folders = [Path(f) for f in os.environ.get("PATH", os.defpath).split(os.pathsep) if f.startswith("/")]
    found = [folder / "crash" for folder in folders if os.access(folder / "crash", os.X_OK)]
    unique: dict[Path, Path] = {}
    for path in found:
        if path.is_file():
            unique.setdefault(path.resolve(), path)
    if not unique:
        raise CrashNotFoundError(
            "no crash on this host: install the package `crash`, or name one by --crash or CRASHDRIVE_CRASH"
        )
    return list(unique.values())
