"""Crash binaries of other architectures, which run here by QEMU's user emulation.

A crash reads dumps of its own architecture. That of an arm64 distribution, unpacked with its libraries, runs
on an x86-64 host as ``qemu-aarch64-static -0 NAME -L ROOT ROOT/usr/bin/crash``: ``-0`` sets the name that its
prompt follows, ROOT is the folder below which its loader and libraries lie.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from crashdrive.dump.elf import PT_INTERP, BadElfError, opened_elf
from crashdrive.dump.machines import Machine, machine_of, own_machine, program_machine
from crashdrive.errors import CrashNotFoundError

_MOST_PATH = 4096
_I386, _X86_64 = 3, 62


class Emulation(NamedTuple):
    """How a program of another architecture is run; ``root`` None: it needs none, or the system's own.

    ``loader``: its dynamic loader, where the emulator doesn't find that by itself; None where it does.
    """

    emulator: str
    root: str | None
    loader: str | None = None

    def words(self, name: str, program: str) -> list[str]:
        """The words that start a program under a name of its own; its arguments follow."""
        where = [] if self.root is None else ["-L", self.root]
        loader = [] if self.loader is None else [self.loader, "--argv0", name]
        return [self.emulator, "-0", name, *where, *loader, program]


def emulation(path: Path) -> Emulation | None:
    """How a crash binary is run by emulation; None where it runs as it is, as scripts do.

    CrashNotFoundError, with the cure, where no emulator is here, or its libraries aren't.
    """
    number = program_machine(path)
    own = own_machine()
    if number is None or own is None or number == own or (number, own) == (_I386, _X86_64):
        return None
    machine = machine_of(number)
    if machine is None:
        raise CrashNotFoundError(f"{str(path)!a} is a program of ELF machine {number}, which can't run here")
    return Emulation(_emulator(path, machine), *_root(path, machine))


def _emulator(path: Path, machine: Machine) -> str:
    names = [f"qemu-{machine.name}-static", f"qemu-{machine.name}"]
    for name in names:
        found = shutil.which(name, path=os.environ.get("PATH") or os.defpath)
        if found and found.startswith("/"):
            return found
    raise CrashNotFoundError(
        f"{str(path)!a} is a program of {machine.name}, and no {names[0]} is here to run it: "
        "install the package `qemu-user-static`"
    )


def _root(path: Path, machine: Machine) -> tuple[str | None, str | None]:
    """The nearest folder above a program below which its loader lies, None where that is ``/``.

    And the loader, where a link leads out of the folder to it: that of ppc64el's libc6 is one to ``/lib/``.
    """
    loader = _loader(path)
    if loader is None:
        return None, None
    for folder in path.resolve().parents:
        place = folder.joinpath(loader.lstrip("/"))
        if folder == Path("/"):
            if place.exists():
                return None, None
        elif (inside := _inside(folder, place)) is not None:
            return str(folder), None if inside == place else str(inside)
    raise CrashNotFoundError(
        f"{str(path)!a} is a program of {machine.name}, and its loader {loader} is in no folder above it: "
        f"unpack its libraries beside it (Debian: those of crash:{machine.debian}, libc6:{machine.debian}, "
        f"libstdc++6:{machine.debian}, ..., all by `dpkg -x` into one folder)"
    )


def _inside(folder: Path, place: Path) -> Path | None:
    """A file below a folder, a link from ``/`` on taken as one from the folder on; None where none is."""
    if place.is_symlink() and (target := place.readlink()).is_absolute():
        place = folder.joinpath(*target.parts[1:])
    return place if place.exists() else None


def _loader(path: Path) -> str | None:
    """The dynamic loader that a program names; None for a static one."""
    try:
        with path.open("rb") as file:
            elf = opened_elf(file.fileno())
            for part in elf.segments():
                if part.type == PT_INTERP:
                    name = elf.exactly(part.offset, min(part.file_size, _MOST_PATH))
                    return os.fsdecode(name.split(b"\0")[0])
    except (OSError, BadElfError) as error:
        raise CrashNotFoundError(f"{str(path)!a} is no program that can be run: {error}") from error
    return None
