"""From what the user names to what crash is given: the two told apart, a vmlinux found, the pair checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from crashdrive.dump.identity import (
    DumpIdentity,
    VmlinuxIdentity,
    dump_identity,
    vmlinux_build_id,
    vmlinux_identity,
)
from crashdrive.dump.kernels import Kernels
from crashdrive.dump.live import LIVE, SOURCES, running_build_id
from crashdrive.dump.machines import are_alike, shown_machine
from crashdrive.errors import CrashdriveError, DumpError, VmlinuxError
from crashdrive.records import Record


class Target(Record, frozen=True):
    """What crash will be started on: the vmlinux, given or found, and what the dump says of itself."""

    vmlinux: VmlinuxIdentity
    dump: DumpIdentity


def find_target(vmlinux: str | None, vmcore: str | None, debug_dirs: Sequence[str] = ()) -> Target:
    """Check the pair; a vmlinux that wasn't named is looked for by the dump's build id.

    The two may come in either order, as crash takes them; the vmlinux of the kernel that runs here, alone,
    means that kernel. DumpError and VmlinuxError name the file, what is
    wrong with it, and for a vmlinux that wasn't found where it was looked for.
    """
    first, second = _in_order(vmlinux, vmcore)
    dump = dump_identity(second)
    if dump.size == 0 and dump.format != LIVE:
        raise DumpError(f"{second!a} is empty")
    found = vmlinux_identity(first) if first else find_vmlinux(dump, debug_dirs)
    check_pair(found, dump)
    return Target(vmlinux=found, dump=dump)


def _in_order(vmlinux: str | None, vmcore: str | None) -> tuple[str | None, str]:
    if vmcore is None and vmlinux is None:
        raise DumpError("no dump was named")
    if vmcore is None or vmlinux is None:
        only = vmcore or vmlinux
        assert only is not None  # noqa: S101 - for the type checker; one of the two is there
        return (only, SOURCES[0]) if is_running(only) else (None, only)
    return (vmcore, vmlinux) if _is_vmlinux(vmcore) and not _is_vmlinux(vmlinux) else (vmlinux, vmcore)


def _is_vmlinux(path: str) -> bool:
    try:
        vmlinux_identity(path)
    except CrashdriveError:
        return False
    return True


def is_running(path: str) -> bool:
    """Whether a file is the vmlinux of the kernel that runs here, by its build id."""
    try:
        build_id = vmlinux_identity(path).build_id
    except CrashdriveError:
        return False
    return build_id is not None and build_id == running_build_id()


def check_pair(vmlinux: VmlinuxIdentity, dump: DumpIdentity) -> None:
    """VmlinuxError for a vmlinux of another architecture or build than the dump, or without debug data."""
    if not are_alike(vmlinux.machine, dump.machine):
        kinds = shown_machine(vmlinux.machine), shown_machine(dump.machine or 0)
        raise VmlinuxError(f"{vmlinux.path!a} is of {kinds[0]}, the dump {dump.path!a} is of {kinds[1]}")
    if vmlinux.build_id and dump.build_id and vmlinux.build_id != dump.build_id:
        raise VmlinuxError(
            f"{vmlinux.path!a} is of another build than the dump {dump.path!a}: "
            f"build id {vmlinux.build_id}, the dump's kernel {dump.osrelease or ''} has {dump.build_id}"
        )
    if not vmlinux.debug_data:
        raise VmlinuxError(
            f"{vmlinux.path!a} has no debug data: install the kernel's debug package "
            f"(Debian: linux-image-{dump.osrelease or 'RELEASE'}-dbg) and name its vmlinux"
        )


def find_vmlinux(
    dump: DumpIdentity, debug_dirs: Sequence[str] = (), kernels: Kernels | None = None
) -> VmlinuxIdentity:
    """The vmlinux with debug data and the dump's build id; VmlinuxError names where it was looked for.

    ``debug_dirs`` are searched at the places where packages put kernels, then as deep as they are.
    ``kernels``: those below ``debug_dirs``, for who looks for many.
    """
    looked: list[Path] = []
    for path in candidates(dump, debug_dirs):
        looked.append(path)
        if not path.is_file():
            continue
        identity = _fitting(path, dump)
        if identity is not None:
            return identity
    deep = (kernels or Kernels(debug_dirs)).fitting(dump) if debug_dirs else None
    if deep is not None:
        return deep
    looked += [Path(folder) / "**" / "vmlinux*" for folder in debug_dirs]
    places = ", ".join(ascii(str(path)).strip("'") for path in looked) or "nowhere: the dump names no kernel"
    raise VmlinuxError(
        f"no vmlinux for {dump.path!a} (kernel {dump.osrelease or 'unknown'}, build id "
        f"{dump.build_id or 'unknown'}): looked for {places}; name it, or its folder by --debug-dir"
    )


def _fitting(path: Path, dump: DumpIdentity) -> VmlinuxIdentity | None:
    """Its identity if it is the dump's; without a build id in the dump the release in its path has to do."""
    try:
        if dump.build_id and vmlinux_build_id(path) != dump.build_id:
            return None
        identity = vmlinux_identity(path)
    except CrashdriveError:
        return None
    return identity if identity.debug_data else None


def candidates(dump: DumpIdentity, debug_dirs: Sequence[str]) -> Iterator[Path]:
    """Where packages put the vmlinux of a dump's kernel, those in ``debug_dirs`` first."""
    named = dump.osrelease and "/" not in dump.osrelease and dump.osrelease not in {".", ".."}
    release = dump.osrelease if named else None
    folders = [Path(folder) for folder in debug_dirs]
    if dump.build_id:
        beside = Path(dump.path).absolute().parent
        names = ["vmlinux", *([f"vmlinux-{release}"] if release else [])]
        for folder in [*folders, beside]:
            yield from (folder / name for name in names)
    usr = Path("/usr/lib/debug")
    for folder in [*folders, usr]:
        if release:
            yield folder / "boot" / f"vmlinux-{release}"
            yield folder / "lib/modules" / release / "vmlinux"
            yield folder / release / "vmlinux"
        if dump.build_id and len(dump.build_id) > 2:
            yield folder / ".build-id" / dump.build_id[:2] / f"{dump.build_id[2:]}.debug"
