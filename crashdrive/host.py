"""What this host has for working on dumps: crash, kernels with debug data, makedumpfile, a tmpfs."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from crashdrive._version import __version__
from crashdrive.dump.find import find_vmlinux
from crashdrive.dump.identity import dump_identity, vmlinux_identity
from crashdrive.dump.machines import Machine, are_alike, machine_of, own_machine, shown_machine
from crashdrive.errors import CrashdriveError
from crashdrive.records import Notice, Record, Report, Table
from crashdrive.session.binaries import Binary, find_binaries, fitting, limits, reads
from crashdrive.session.indexing import FIRST_WRITER, gdb_version

_KERNEL_PLACES = (
    "/usr/lib/debug/boot/vmlinux-*",
    "/usr/lib/debug/lib/modules/*/vmlinux",
    "/usr/lib/debug/usr/lib/modules/*/vmlinux",
    "/lib/modules/*/build/vmlinux",
)
_SCRATCH_PLACES = ("/dev/shm", "/run/shm", "/tmp")  # noqa: S108 - asked what they are, nothing is put there
# a release that can stand in a command of a shell
_RELEASE = re.compile(r"[0-9][A-Za-z0-9._+~-]*")
_RPM_RELEASE = re.compile(r"\.(el|fc|amzn|oe|an)\d+")
_DEBIAN_RELEASE = re.compile(r"-(amd64|arm64|armmp|686|686-pae|ppc64el|powerpc64le|s390x|riscv64|loong64)$")
_SHOWN = ("what", "status", "detail", "install")
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
    """One thing that is needed or useful; ``install`` says what to do where it is missing.

    ``commands``: lines of a shell that do so, as they are; empty where a name has to be filled in first.
    """

    what: str
    status: Literal["ok", "missing", "useful"]
    detail: str
    install: str | None = None
    commands: tuple[str, ...] = ()


def doctor(
    crash_binaries: tuple[str, ...] = (), debug_dirs: tuple[str, ...] = (), dumps: tuple[str, ...] = ()
) -> Report:
    """The report of ``crashdrive doctor``; not complete where something that is needed is missing.

    ``dumps``: what is needed for these is looked for, too.
    """
    binaries, problem = _binaries(crash_binaries)
    kernels = list(debug_kernels(debug_dirs))
    checks = [_python(), _crash(binaries, problem), _kernels(kernels), _makedumpfile(), _gdb(), _memory()]
    checks += [check for dump in dumps for check in _for_dump(dump, binaries, debug_dirs)]
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
            Table(name="checks", rows=checks, columns=_SHOWN, title=f"crashdrive {__version__}"),
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
    if any(binary.problem for binary in binaries):
        return Check(what="crash", status="missing", detail=detail)
    return Check(
        what="crash", status="missing", detail=detail,
        install=package("crash", "crash"), commands=installing("crash"),
    )  # fmt: skip


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
        commands=installing("makedumpfile"),
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
        # one that is too old is the distribution's own, mostly
        commands=installing("gdb") if path is None else (),
    )


def _for_dump(path: str, binaries: tuple[Binary, ...], debug_dirs: tuple[str, ...]) -> Iterator[Check]:
    """Its vmlinux, and a crash that reads its architecture; the dump itself where it is none."""
    try:
        dump = dump_identity(path)
    except CrashdriveError as error:
        yield Check(what="dump", status="missing", detail=str(error))
        return
    try:
        vmlinux = find_vmlinux(dump, debug_dirs)
    except CrashdriveError:
        detail = (
            f"kernel {dump.osrelease or 'unknown'}, build id {dump.build_id or 'unknown'}: not found; "
            "name it, or its folder by --debug-dir"
        )
        foreign = None if are_alike(dump.machine, own_machine()) else machine_of(dump.machine)
        commands, hint = kernel_package(dump.osrelease or "", foreign)
        install = "; ".join(commands) or hint
        yield Check(
            what=f"vmlinux of {path}", status="missing", detail=detail, install=install, commands=commands
        )
    else:
        yield Check(what=f"vmlinux of {path}", status="ok", detail=vmlinux.path)
    if dump.machine is None or not binaries:
        return
    try:
        reading = fitting(binaries, dump.machine, path)
    except CrashdriveError as error:
        yield Check(what=f"crash for {path}", status="missing", detail=str(error))
    else:
        yield Check(what=f"crash for {path}", status="ok", detail=", ".join(one.path for one in reading))


def _memory() -> Check:
    kinds = _mounted()
    for place in _SCRATCH_PLACES:
        if kinds.get(place) in _MEMORY_FILE_SYSTEMS and os.access(place, os.W_OK):
            free = shutil.disk_usage(place).free >> 20
            return Check(what="tmpfs", status="ok", detail=f"{place}, {free} MiB free")
    detail = f"none of {', '.join(_SCRATCH_PLACES)} is a writable tmpfs: bulk memory is slower"
    return Check(
        what="tmpfs", status="useful", detail=detail, install="mount a tmpfs at /dev/shm",
        commands=_as_root("mkdir -p /dev/shm", "mount -t tmpfs tmpfs /dev/shm"),
    )  # fmt: skip


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


def installing(name: str) -> tuple[str, ...]:
    """The command that installs a package here; none where no package manager is known."""
    for manager in ("apt-get", "dnf"):
        if shutil.which(manager):
            return _as_root(f"{manager} install {name}")
    return ()


def kernel_package(release: str, foreign: Machine | None = None) -> tuple[tuple[str, ...], str]:
    """The commands that install debug data of a kernel on this host, and words for where there are none.

    ``foreign``: the kernel's architecture where it isn't this host's.
    """
    if not _RELEASE.fullmatch(release):  # out of a dump: it must not become part of a command
        return (), "the debug package of the dump's kernel; name its vmlinux, or its folder by --debug-dir"
    if _RPM_RELEASE.search(release):
        if shutil.which("dnf") and foreign is None:
            return _as_root(f"dnf debuginfo-install kernel-{release}"), ""
        return (), (
            f"unpack kernel-debuginfo-{release}.rpm (rpm2cpio FILE | cpio -idm), "
            "and name the folder by --debug-dir"
        )
    # Ubuntu's: of an archive of their own, and named otherwise than Debian's
    suffix = "dbg" if _DEBIAN_RELEASE.search(release) else "dbgsym"
    name = f"linux-image-{release}-{suffix}"
    if shutil.which("apt-get") and suffix == "dbg":
        if foreign is None:
            return installing(name), ""
        add = f"dpkg --add-architecture {foreign.debian}"
        return _as_root(add, "apt-get update", f"apt-get install {name}:{foreign.debian}"), ""
    return (), f"unpack {name} (dpkg-deb -x FILE FOLDER) and name the folder by --debug-dir"


def _as_root(*commands: str) -> tuple[str, ...]:
    return commands if os.geteuid() == 0 else tuple(f"sudo {command}" for command in commands)


def mending(report: Report) -> Iterator[str]:
    """A program of sh that does what the report of `doctor` says is to be done: comments and commands."""
    for check in report.table("checks").rows:
        if check.status == "ok":
            continue
        yield f"# {check.what}: {check.detail}"
        yield from check.commands or ([f"# {check.install}"] if check.install else [])
