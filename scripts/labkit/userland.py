"""The programs of the guest: Debian's, unpacked below .lab/userland and copied with their libraries.

There is one root per Debian suite that something is taken from, because a program goes with the
libraries of its own suite.
"""

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit import apt, architectures, places
from labkit.architectures import AMD64, Architecture
from labkit.cpio import Archive
from labkit.host import run

TOOLS = (
    "iproute2",
    "nftables",
    "iptables",
    "conntrack",
    "ethtool",
    "kexec-tools",
    "makedumpfile",
    "e2fsprogs",
    "net-tools",
    "dash",
)
FILTER_TOOLS = ("makedumpfile", "dash")
# From 6.10 on a page's type lies elsewhere, and makedumpfile before 1.7.6 takes slab pages for pages of
# processes and leaves them out: Debian 12's own 6.12 takes Debian 13's makedumpfile.
FILTER_SUITES = {"6.12": "trixie", "7.2": "sid"}
# Libraries that only maintainer scripts and graphical back ends of the tools want.
UNWANTED = re.compile(r"libperl|libdebian-installer|libtextwrap|libnewt|libslang|libgdbm|libdb5")
GUEST_PROGRAMS = (
    "ip",
    "tc",
    "ss",
    "bridge",
    "nft",
    "xtables-legacy-multi",
    "xtables-nft-multi",
    "conntrack",
    "ethtool",
    "kexec",
    "mke2fs",
    "netstat",
    "dash",
)


def packages_needed(names: Iterable[str], tools: Sequence[str]) -> list[str]:
    """The packages to unpack, of all that the tools depend on."""
    libraries = [name for name in names if name.startswith(("lib", "zlib")) and not UNWANTED.match(name)]
    return sorted({*tools, *libraries})


@dataclass(frozen=True)
class Root:
    """A folder with unpacked packages of one architecture."""

    path: Path
    architecture: Architecture

    @property
    def emulator(self) -> list[str]:
        """The words that go before a program of it on this host."""
        return [self.architecture.emulator] if self.architecture.emulator else []

    @property
    def busybox(self) -> Path:
        """The static busybox of the guest: the host's own, where the guest is of its kind."""
        return self.path / "bin" / "busybox" if self.emulator else Path("/bin/busybox")


def tools(architecture: Architecture = AMD64) -> Root:
    """The root of the guest's programs, downloaded if need be."""
    foreign = architecture is not AMD64
    root = Root(places.lab() / "userland" / (architecture.debian if foreign else "host"), architecture)
    if not all(_has(root, program) for program in GUEST_PROGRAMS):
        suite = apt.foreign_suite(architecture) if foreign else apt.HOST_SUITE
        _fetch(root.path, suite, (*TOOLS, *(("busybox-static",) if foreign else ())))
    return root


def filter_root(series: str, *, old: bool = False) -> Root:
    """The root with the makedumpfile for a kernel series; old: the one that is too old for 6.12."""
    name = None if old else FILTER_SUITES.get(series)
    if not name:
        return tools(architectures.of_name(series))
    root = places.lab() / "userland" / name
    if not root.exists():
        suite = apt.other_suite(name)
        _fetch(root, suite, FILTER_TOOLS)
    return Root(root, AMD64)


def _fetch(root: Path, suite: apt.Suite, packages: Sequence[str]) -> None:
    with places.appearing(root) as work:
        debs = suite.download(packages_needed(apt.recursive(suite, packages), packages), work / "debs")
        apt.unpack(debs, work)
        shutil.rmtree(work / "debs")


def command(root: Root, program: str) -> list[str]:
    """The words that start a program of a root on the host, with the root's own libraries."""
    return [*_loading(root), str(_find(root, program))]


def _loading(root: Root) -> list[str]:
    return [*root.emulator, str(_loader(root)), "--library-path", _library_path(root)]


def _loader(root: Root) -> Path:
    name, folders = root.architecture.loader, root.architecture.library_folders
    return next(path for folder in folders if (path := root.path / folder / name).exists())


def _library_path(root: Root) -> str:
    return ":".join(str(root.path / folder) for folder in root.architecture.library_folders)


_PROGRAM_FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin")


def _has(root: Root, program: str) -> bool:
    return any((root.path / folder / program).exists() for folder in _PROGRAM_FOLDERS)


def _find(root: Root, program: str) -> Path:
    return next(path for folder in _PROGRAM_FOLDERS if (path := root.path / folder / program).exists())


def libraries(root: Root, programs: Sequence[Path]) -> dict[str, Path]:
    """Name and file of every shared library that the programs load."""
    loader = _loader(root)
    found = {loader.name: loader}
    for program in programs:
        text = run([*_loading(root), "--list", program])
        for name, file in re.findall(r"^\s*(\S+) => (/\S+)", text, re.MULTILINE):
            found[Path(name).name] = Path(file)
    return found


def add_programs(archive: Archive, root: Root, names: Iterable[str]) -> None:
    """Put programs and their libraries into an initramfs."""
    programs = [_find(root, name) for name in names]
    for program in programs:
        archive.copy(f"usr/sbin/{program.name}", program)
    multiarch, loader = root.architecture.multiarch, root.architecture.loader
    plugins = sorted((root.path / "usr/lib" / multiarch / "xtables").glob("*.so"))
    wants_plugins = any(program.name.startswith("xtables") for program in programs)
    for plugin in plugins if wants_plugins else ():
        archive.copy(f"usr/lib/{multiarch}/xtables/{plugin.name}", plugin)
    for name, file in libraries(root, programs).items():
        archive.copy(f"lib/{multiarch}/{name}", file.resolve())
    archive.link(f"{root.architecture.loader_folder}/{loader}", f"/lib/{multiarch}/{loader}")
