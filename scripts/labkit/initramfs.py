"""The guest's and the capture kernel's initramfs."""

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from labkit import deathmodules, deaths, modules, places, userland
from labkit.architectures import AMD64, Architecture
from labkit.cpio import Archive
from labkit.host import run
from labkit.kernels import Kernel
from labkit.userland import Root

GUEST = Path(__file__).parent / "guest"
# Those that a kernel lacks are left out: s390x has virtio_ccw.
DISK_MODULES = ("virtio_pci", "virtio_ccw", "virtio_blk")
GUEST_MODULES = (GUEST / "modules.list").read_text().split()
# One that isn't of the kernel's tree.
IDLE_MODULE = "lab_null"
# VMCOREINFO for an ELF dump, and what ext4 needs.
LEAN_MODULES = ("qemu_fw_cfg", "crc32c_generic")
LEAN_PROGRAMS = ("ip", "kexec", "mke2fs", "dash")


def busybox_applets(root: Root) -> list[str]:
    """The commands that the guest's busybox-static knows."""
    return run([*root.emulator, root.busybox, "--list"]).split()


def guest_program(architecture: Architecture = AMD64) -> Path:
    """The static C program of the guest, compiled if its sources changed."""
    sources = sorted(GUEST.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    kind = "" if architecture is AMD64 else f"{architecture.debian}-"
    target = places.lab() / "guest" / f"labguest-{kind}{digest}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        units = [source for source in sources if source.suffix == ".c"]
        with tempfile.TemporaryDirectory(dir=target.parent) as work:
            built = Path(work) / "labguest"
            run([architecture.compiler, "-static", "-O1", "-Wall", "-pthread", "-o", built, *units])
            built.rename(target)
    return target


def _basis(root: Root) -> Archive:
    archive = Archive()
    for folder in ("proc", "sys", "dev", "tmp", "run", "mnt", "root", "lab/modules"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)
    archive.copy("bin/busybox", root.busybox)
    return archive


def _add_applets(archive: Archive, root: Root) -> None:
    """Busybox's commands, where there is no real program of that name."""
    for applet in busybox_applets(root):
        if f"usr/sbin/{applet}" not in archive:
            archive.link(f"bin/{applet}", "/bin/busybox")


def _add_modules(archive: Archive, kernel: Kernel, names: Iterable[str]) -> None:
    available = modules.find_modules(kernel.modules_root) | deathmodules.built(kernel.folder / "modules")
    order = modules.closure(names, available)
    for name, data in order:
        archive.data(f"lab/modules/{name}.ko", data)
    archive.data("lab/modules.order", "\n".join(name for name, _ in order).encode())


def capture(kernel: Kernel, filter_root: Root) -> bytes:
    """The initramfs that saves a dead kernel's memory with the makedumpfile of a root."""
    archive = _basis(filter_root)
    archive.copy("init", GUEST / "capture.sh")
    _add_modules(archive, kernel, DISK_MODULES)
    userland.add_programs(archive, filter_root, userland.FILTER_TOOLS)
    _add_applets(archive, filter_root)
    return archive.bytes()


def _add_scene(archive: Archive, kernel: Kernel, root: Root) -> None:
    archive.copy("lab/truth.sh", GUEST / "truth.sh")
    for script in sorted((GUEST / "scene").glob("*.sh")):
        archive.copy(f"lab/scene/{script.name}", script)
    _add_modules(archive, kernel, (*DISK_MODULES, *GUEST_MODULES, IDLE_MODULE))
    userland.add_programs(archive, root, userland.GUEST_PROGRAMS)


def _add_death(archive: Archive, kernel: Kernel, root: Root, name: str) -> None:
    death, own = deaths.DEATHS[name], deaths.module(name)
    archive.copy("lab/lean.sh", GUEST / "lean.sh")
    archive.data("lab/settings", "\n".join(death.settings).encode())
    script = GUEST / "deaths" / f"{name}.sh"
    if script.exists():
        archive.copy("lab/death.sh", script)
    names = (*DISK_MODULES, *LEAN_MODULES, *death.modules, *([own] if own else []))
    _add_modules(archive, kernel, names)
    userland.add_programs(archive, root, LEAN_PROGRAMS)


def guest(kernel: Kernel, death: str | None, captured_with: Root | None) -> bytes:
    """The initramfs of the guest that dies: a lean one for a death, or with the whole scene.

    With the capture kernel if a root for that is given.
    """
    root = userland.tools(kernel.architecture)
    archive = _basis(root)
    archive.copy("init", GUEST / "init.sh")
    archive.copy("usr/bin/labguest", guest_program(kernel.architecture))
    if death:
        _add_death(archive, kernel, root, death)
    else:
        _add_scene(archive, kernel, root)
    if captured_with:
        archive.copy("lab/capture.vmlinuz", kernel.folder / "vmlinuz")
        archive.data("lab/capture.cpio", capture(kernel, captured_with))
    _add_applets(archive, root)
    return archive.bytes()


def staying(kernel: Kernel, names: Iterable[str], init: Path) -> bytes:
    """The initramfs of a guest whose root is its disk."""
    root = userland.tools(kernel.architecture)
    archive = _basis(root)
    archive.copy("init", init)
    _add_modules(archive, kernel, names)
    _add_applets(archive, root)
    return archive.bytes()
