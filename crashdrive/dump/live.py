"""A live kernel in a dump's place: known by its name, told apart by what the kernel says of itself.

crash reads the kernel that it runs on through ``/proc/kcore``, ``/dev/mem`` or the device of its own module.
None of them is read as a dump is: only the notes of ``/proc/kcore`` are looked at, which have VMCOREINFO
(Linux 4.19, commit 23c85094fe18), and nothing of their contents is ever taken for what a file would be.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from crashdrive.dump.elf import BadElfError, ElfFile, notes_in
from crashdrive.errors import DumpError
from crashdrive.text import printable

LIVE: Final = "live"
"""The format of a live kernel, where a dump has ``elf`` or ``kdump``."""
SOURCES: Final = ("/proc/kcore", "/dev/mem", "/dev/crash")
"""What shows a live kernel's memory, by the names that crash takes; the first is on every kernel."""
NOTES, BOOT, RELEASE = "/sys/kernel/notes", "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/osrelease"
NODE, VERSION = "/proc/sys/kernel/hostname", "/proc/version"
_NT_GNU_BUILD_ID = 3
# bytes of /proc/kcore that hold its headers and notes
HEADERS: Final = 64 << 10
_SHORT = 4096


class LiveFacts(NamedTuple):
    """What a running kernel says of itself; ``version`` as /proc/version has it; ``vmcoreinfo`` is
    the note's bytes, empty where it shows none.
    """

    path: str
    boot: str
    release: str | None
    host: str | None
    build_id: str | None
    machine: int | None
    version: str | None = None
    vmcoreinfo: bytes = b""


def live_source(path: str | os.PathLike[str]) -> str | None:
    """Which of `SOURCES` a path is, by whatever name: relative, or through links; None for a dump."""
    if (named := named_source(path)) is not None:
        return named
    try:
        real = os.path.realpath(path)
    except (OSError, ValueError):
        return None
    return real if real in SOURCES else None


def named_source(path: str | os.PathLike[str]) -> str | None:
    """Which of `SOURCES` an absolute path names as it stands; no file is looked at."""
    text = posixpath.normpath(os.fspath(path))
    # two slashes at the start stay, as POSIX lets them mean something else; to Linux they are one
    text = text[1:] if text.startswith("//") else text
    return text if text in SOURCES else None


def live_facts(source: str) -> LiveFacts:
    """What the kernel that runs here says of itself.

    DumpError in one line for a user who may not read its memory, and where it has no such file.
    """
    path = Path(source)
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        others = " or ".join(one for one in SOURCES if one != source)
        raise DumpError(f"{source}: not on this kernel; a live kernel is read by {others}") from error
    except OSError as error:
        # root is refused by lockdown, or by the device: crash says it in its own words
        if os.geteuid():
            why = f"can't be read: {error.strerror}"
            raise DumpError(
                f"{source}: a live kernel's memory {why}; run crashdrive as root (sudo)"
            ) from error
    return facts_of(source, _read_file)


def _read_file(path: str, size: int) -> bytes:
    """The first bytes of a file; none where it can't be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def facts_of(source: str, read: Callable[[str, int], bytes]) -> LiveFacts:
    """What a kernel says of itself: ``read`` gives the first bytes of a file of its host."""
    head = read(SOURCES[0], HEADERS)
    machine, vmcoreinfo = _of_kcore(head) if head else (None, b"")
    return LiveFacts(
        path=source,
        boot=_line(read(BOOT, _SHORT)) or "",
        release=_line(read(RELEASE, _SHORT)),
        host=_line(read(NODE, _SHORT)),
        build_id=_build_id(read(NOTES, HEADERS)),
        machine=machine,
        version=_line(read(VERSION, _SHORT)),
        vmcoreinfo=vmcoreinfo,
    )


def running_build_id() -> str | None:
    """The build id of the kernel that runs here; None where it doesn't tell."""
    return _build_id(_read_file(NOTES, HEADERS))


def _line(data: bytes) -> str | None:
    return printable(data.decode("utf-8", "backslashreplace").strip()) or None


def _build_id(notes: bytes) -> str | None:
    """The build id among a kernel's notes; the byte order is the machine's, as a type of 3 tells."""
    for order in "<>":
        try:
            for note in notes_in(notes, order):
                if note.name == b"GNU" and note.type == _NT_GNU_BUILD_ID and note.description:
                    return note.description.hex()
        except BadElfError:
            continue
    return None


def _of_kcore(head: bytes) -> tuple[int | None, bytes]:
    """ELF's number of the machine, and VMCOREINFO, by the headers of /proc/kcore."""
    try:
        elf = ElfFile(lambda offset, size: head[offset : offset + size])
        notes = elf.notes_of_segments()
    except BadElfError:
        return None, b""
    return elf.machine, next((one.description for one in notes if one.name == b"VMCOREINFO"), b"")
