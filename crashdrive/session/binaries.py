"""Which crash binaries this host has."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from crashdrive.dump.machines import (
    are_alike,
    machine_of,
    number_of,
    own_machine,
    program_machine,
    shown_machine,
)
from crashdrive.errors import CrashNotFoundError
from crashdrive.records import Record
from crashdrive.session.foreign import Emulation, emulation

VERSION_SECONDS = 10.0
_EMULATED_SECONDS = 60.0
# crash says the name that it was started by, and then its version
_VERSION = re.compile(r"\s*\S+ (\d+(?:\.\d+)+\S*)\n")
# what it was built to read: its own architecture, or another one (make target=ARM64)
_TARGET = re.compile(r"^ *build_target: (\w+)$", re.MULTILINE)
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
    """A crash binary: its path, its version (``8.0.2``) and that of the gdb inside it, where known.

    ``emulation``: how a program of another architecture is run; None where this host runs it. ``problem``:
    why it can't be run, with the cure.
    """

    path: str
    version: str | None
    gdb_version: str | None
    emulation: Emulation | None = None
    problem: str | None = None

    def command(self, program: str) -> list[str]:
        """The words that start it as a program of this name."""
        return [program] if self.emulation is None else self.emulation.words(program, program)


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
    try:
        how = emulation(path)
    except CrashNotFoundError as error:
        return Binary(path=str(path), version=None, gdb_version=None, problem=str(error))
    version, gdb = told_versions(_said(path, how, "-v"))
    return Binary(path=str(path), version=version, gdb_version=gdb, emulation=how)


def told_versions(text: str) -> tuple[str | None, str | None]:
    """The versions of crash and of its gdb, out of what ``crash -v`` says."""
    version, gdb = _VERSION.match(text), _GDB_VERSION.search(text)
    if version is None or gdb is None:  # some other program
        return None, gdb and gdb[1]
    return version[1], gdb[1]


def reads(binary: Binary) -> int | None:
    """ELF's number of the architecture whose dumps a crash reads; None where it doesn't tell."""
    if binary.emulation is not None or binary.problem is not None:
        return program_machine(binary.path)
    target = _TARGET.search(_said(Path(binary.path), None, "--buildinfo"))
    return number_of(target[1].lower()) if target else None


def fitting(binaries: Sequence[Binary], machine: int, dump: str) -> tuple[Binary, ...]:
    """Those that read dumps of an architecture; CrashNotFoundError, with the cure, where none does.

    A crash that runs without emulation is taken to read dumps of this host's architecture unasked.
    """
    own = are_alike(machine, own_machine())
    fit, others = list[Binary](), dict[str, int]()
    for binary in binaries:
        native = own and binary.emulation is None and binary.problem is None
        number = own_machine() if native else reads(binary)
        if are_alike(number, machine):
            fit.append(binary)
        elif number is not None:
            others[binary.path] = number
    if runs := [binary for binary in fit if binary.problem is None]:
        return tuple(runs)
    if fit:
        raise CrashNotFoundError(f"{fit[0].problem}")
    told = ", ".join(f"{path!a} reads {shown_machine(number)}" for path, number in others.items())
    raise _unread(dump, machine, told)


def find_fitting(chosen: Sequence[str], machine: int, dump: str) -> tuple[Binary, ...]:
    """The binaries to try on a dump of an architecture, in order; CrashNotFoundError as in `fitting`."""
    try:
        found = find_binaries(chosen)
    except CrashNotFoundError as error:
        if chosen or are_alike(machine, own_machine()):
            raise
        raise _unread(dump, machine, "no crash is here") from error
    return fitting(found, machine, dump)


def _unread(dump: str, machine: int, why: str) -> CrashNotFoundError:
    what = f"{dump!a} is a dump of {shown_machine(machine)}, and {why}"
    return CrashNotFoundError(f"{what}: {cure(machine)}")


def cure(number: int) -> str:
    """What brings a crash that reads dumps of an architecture."""
    if are_alike(number, own_machine()):
        return "install the package `crash`, or name another one by --crash"
    machine = machine_of(number)
    if machine is None:
        return "name a crash of that architecture by --crash"
    packages = f"Debian's crash:{machine.debian} and its libraries, unpacked, run by qemu-user-static"
    target = f", or one built here by `make target={machine.target}`" if machine.target else ""
    return f"name a crash of that architecture by --crash ({packages}){target}"


def limits(binary: Binary) -> tuple[str, ...]:
    """What is known to be lacking in a crash of this version, whatever the dump."""
    has = {"crash": _numbers(binary.version), "gdb": _numbers(binary.gdb_version)}
    return tuple(what for program, first, what in _LIMITS if has[program] and has[program] < first)


def _numbers(version: str | None) -> tuple[int, ...]:
    """A version's numbers, to compare; those behind another character are left out."""
    found = re.match(r"\d+(?:\.\d+)*", version or "")
    return tuple(map(int, found[0].split("."))) if found else ()


def _said(path: Path, how: Emulation | None, option: str) -> str:
    """What a binary prints with an option alone; empty where it doesn't end in time."""
    import subprocess  # who knows the answer already pays nothing for it

    environment = {"PATH": os.defpath, "HOME": "/nonexistent", "LC_ALL": "C", "TERM": "dumb"}
    words = [str(path)] if how is None else how.words(str(path), str(path))
    patience = VERSION_SECONDS if how is None else _EMULATED_SECONDS
    try:
        done = subprocess.run(
            [*words, option], capture_output=True, timeout=patience, check=False,
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
