"""What this host has for working on dumps: crash, kernels with debug data, makedumpfile, a tmpfs."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from crashdrive._version import __version__
from crashdrive.dump.identity import vmlinux_identity
from crashdrive.dump.machines import shown_machine
from crashdrive.errors import CrashdriveError
from crashdrive.records import Notice, Record, Report, Table
from crashdrive.session.binaries import Binary, find_binaries, limits, reads
from crashdrive.session.indexing import FIRST_WRITER, gdb_version

_KERNEL_PLACES = (
    "/usr/lib/debug/boot/vmlinux-*",
    "/usr/lib/debug/lib/modules/*/vmlinux",
    "/usr/lib/debug/usr/lib/modules/*/vmlinux",
    "/lib/modules/*/build/vmlinux",
)
_SCRATCH_PLACES = ("/dev/shm", "/run/shm", "/tmp")  # noqa: S108 - asked what they are, nothing is put there
_MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})


class CrashBinary(Record, frozen=True):
    """A crash of this host; ``limits`` is what is known to be lacking in its version, None for nothing.

    ``architecture``: whose dumps it reads, None where it doesn't tell; ``emulator``: what runs it here, where
    it is a program of another architecture.
    """

    path: str
    version: str | None
    gdb_version: str | None
    architecture: str | None
    emulator: str | None
    limits: str | None


class DebugKernel(Record, frozen=True):
    """A vmlinux of this host; ``debug_data`` is whether crash can use it, ``size`` in bytes."""

    path: str
    build_id: str | None
    debug_data: bool
    size: int


class Check(Record, frozen=True):
    """One thing that is needed or useful; ``install`` says what to do where it is missing."""

    what: str
    status: Literal["ok", "missing", "useful"]
    detail: str
    install: str | None = None


def doctor(crash_binaries: tuple[str, ...] = (), debug_dirs: tuple[str, ...] = ()) -> Report:
    """The report of ``crashdrive doctor``; not complete where something that is needed is missing."""
    binaries, problem = _binaries(crash_binaries)
    kernels = list(debug_kernels(debug_dirs))
    checks = [_python(), _crash(binaries, problem), _kernels(kernels), _makedumpfile(), _gdb(), _memory()]
    missing = tuple(
        Notice(kind="missing", message=f"{check.what}: {check.install or check.detail}")
        for check in checks
        if check.status == "missing"
    )
    return Report(
        report="doctor",
        complete=not missing,
        warnings=missing,
        tables=(
            Table(name="checks", rows=checks, title=f"crashdrive {__version__}"),
            Table(name="crash", rows=list(map(_row, binaries)), title=f"crash binaries ({len(binaries)})"),
            Table(name="kernels", rows=kernels, title=f"kernels with debug data ({len(kernels)})"),
        ),
    )


def _binaries(chosen: tuple[str, ...]) -> tuple[tuple[Binary, ...], str]:
    try:
        return find_binaries(chosen), ""
    except CrashdriveError as error:
        return (), str(error)


def debug_kernels(debug_dirs: tuple[str, ...] = ()) -> Iterator[DebugKernel]:
    """The vmlinux files in the usual places and in these folders, each once."""
    seen = set()
    for path in _candidates(debug_dirs):
        real = path.resolve()
        if real in seen:
            continue
        seen.add(real)
        try:
            identity = vmlinux_identity(path)
        except CrashdriveError:
            continue  # a dangling link, a vmlinuz of that name: nothing that crash could use
        yield DebugKernel(
            path=str(path), build_id=identity.build_id, debug_data=identity.debug_data, size=identity.size
        )


def _candidates(debug_dirs: tuple[str, ...]) -> Iterator[Path]:
    for folder in debug_dirs:
        yield from sorted(Path(folder).glob("**/vmlinux*"))
    for pattern in _KERNEL_PLACES:
        yield from sorted(Path("/").glob(pattern.lstrip("/")))


def _python() -> Check:
    return Check(what="python", status="ok", detail=f"{platform.python_version()} ({sys.executable})")


def _crash(binaries: tuple[Binary, ...], problem: str) -> Check:
    usable = [binary for binary in binaries if binary.version]
    if usable:
        versions = ", ".join(f"{b.version} (gdb {b.gdb_version or 'unknown'})" for b in usable)
        if any(not limits(binary) for binary in usable):
            return Check(what="crash", status="ok", detail=versions)
        lacking = "; ".join(f"{binary.version}: {', '.join(limits(binary))}" for binary in usable)
        return Check(what="crash", status="useful", detail=lacking, install="a newer crash beside it")
    detail = problem or "; ".join(
        binary.problem or f"{binary.path} does not say its version" for binary in binaries
    )
    # what keeps a program of another architecture from running says itself what to install
    install = None if any(binary.problem for binary in binaries) else package("crash", "crash")
    return Check(what="crash", status="missing", detail=detail, install=install)


def _row(binary: Binary) -> CrashBinary:
    return CrashBinary(
        path=binary.path,
        version=binary.version,
        gdb_version=binary.gdb_version,
        architecture=None if (number := reads(binary)) is None else shown_machine(number),
        emulator=None if binary.emulation is None else binary.emulation.emulator,
        limits=binary.problem or "; ".join(limits(binary)) or None,
    )


def _kernels(kernels: list[DebugKernel]) -> Check:
    usable = [kernel for kernel in kernels if kernel.debug_data]
    if usable:
        return Check(what="debug kernels", status="ok", detail=f"{len(usable)} in the usual places")
    return Check(
        what="debug kernels",
        status="useful",
        detail="none in the usual places: name VMLINUX or --debug-dir",
        install=package(
            "linux-image-RELEASE-dbg (RELEASE as the dump has it)", "kernel-debuginfo (of the dump's kernel)"
        ),
    )


def _makedumpfile() -> Check:
    path = shutil.which("makedumpfile")
    if path:
        return Check(what="makedumpfile", status="ok", detail=path)
    return Check(
        what="makedumpfile",
        status="useful",
        detail="not found: flattened dumps open slowly, or not at all",
        install=package("makedumpfile", "makedumpfile (or kexec-tools)"),
    )


def _gdb() -> Check:
    path = shutil.which("gdb")
    version = 0 if path is None else gdb_version(path)
    if version >= FIRST_WRITER:
        return Check(what="gdb", status="ok", detail=f"{version} ({path}): its indexes halve crash's starts")
    found = "not found" if path is None else f"{path} is of version {version or 'unknown'}"
    return Check(
        what="gdb",
        status="useful",
        detail=f"{found}: crash starts in twice the time",
        install=package(f"gdb ({FIRST_WRITER} or later)", f"gdb ({FIRST_WRITER} or later)"),
    )


def _memory() -> Check:
    kinds = _mounted()
    for place in _SCRATCH_PLACES:
        if kinds.get(place) in _MEMORY_FILE_SYSTEMS and os.access(place, os.W_OK):
            free = shutil.disk_usage(place).free >> 20
            return Check(what="tmpfs", status="ok", detail=f"{place}, {free} MiB free")
    detail = f"none of {', '.join(_SCRATCH_PLACES)} is a writable tmpfs: bulk memory is slower"
    return Check(what="tmpfs", status="useful", detail=detail, install="mount a tmpfs at /dev/shm")


def _mounted() -> dict[str, str]:
    try:
        lines = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    return {fields[1]: fields[2] for fields in map(str.split, lines) if len(fields) > 2}


def package(debian: str, others: str) -> str:
    """How to install a package here."""
    if shutil.which("apt-get"):
        return f"apt-get install {debian}"
    if shutil.which("dnf"):
        return f"dnf install {others}"
    return f"install {debian}"
