"""The programs of the guest: Debian's, unpacked below .lab/userland and copied with their libraries.

There is one root per Debian suite that something is taken from, because a program goes with the
libraries of its own suite.
"""

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from labkit import apt, places
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
FILTER_SUITES = {"6.12": "trixie"}
# Libraries that only maintainer scripts and graphical back ends of the tools want.
UNWANTED = re.compile(r"libperl|libdebian-installer|libtextwrap|libnewt|libslang|libgdbm|libdb5")
LIBRARY_FOLDERS = (
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu/elfutils",
    "usr/lib",
)
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


def packages_needed(listing: str, tools: Sequence[str]) -> list[str]:
    """The packages to unpack, from the output of a recursive `apt-cache depends`."""
    names = set(re.findall(r"^([a-z0-9][a-z0-9.+-]*)$", listing, re.MULTILINE))
    libraries = [name for name in names if name.startswith("lib") and not UNWANTED.match(name)]
    return sorted({*tools, *libraries})


def tools() -> Path:
    """The root of the guest's programs, downloaded if need be."""
    root = places.lab() / "userland" / "host"
    if not all(_has(root, program) for program in GUEST_PROGRAMS):
        _fetch(root, apt.HOST_SUITE, TOOLS)
    return root


def filter_root(series: str, *, old: bool = False) -> Path:
    """The root with the makedumpfile for a kernel series; old: the one that is too old for 6.12."""
    name = None if old else FILTER_SUITES.get(series)
    if not name:
        return tools()
    root = places.lab() / "userland" / name
    if not root.exists():
        suite = apt.private_suite(name, places.lab() / "apt" / name)
        _fetch(root, suite, FILTER_TOOLS)
    return root


def _fetch(root: Path, suite: apt.Suite, packages: Sequence[str]) -> None:
    only = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    options = [f"--no-{kind}" for kind in only]
    listing = suite.cache("depends", "--recurse", *options, *packages)
    with places.appearing(root) as work:
        debs = suite.download(packages_needed(listing, packages), work / "debs")
        apt.unpack(debs, work)
        shutil.rmtree(work / "debs")


def command(root: Path, program: str) -> list[str]:
    """The words that start a program of a root on the host, with the root's own libraries."""
    return [str(_loader(root)), "--library-path", _library_path(root), str(_find(root, program))]


def _loader(root: Path) -> Path:
    name = "ld-linux-x86-64.so.2"
    return next(path for folder in LIBRARY_FOLDERS if (path := root / folder / name).exists())


def _library_path(root: Path) -> str:
    return ":".join(str(root / folder) for folder in LIBRARY_FOLDERS)


_PROGRAM_FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin")


def _has(root: Path, program: str) -> bool:
    return any((root / folder / program).exists() for folder in _PROGRAM_FOLDERS)


def _find(root: Path, program: str) -> Path:
    return next(path for folder in _PROGRAM_FOLDERS if (path := root / folder / program).exists())


def libraries(root: Path, programs: Sequence[Path]) -> dict[str, Path]:
    """Name and file of every shared library that the programs load."""
    loader = _loader(root)
    found = {loader.name: loader}
    for program in programs:
        text = run([loader, "--library-path", _library_path(root), "--list", program])
        for name, file in re.findall(r"^\s*(\S+) => (/\S+)", text, re.MULTILINE):
            found[Path(name).name] = Path(file)
    return found


def add_programs(archive: Archive, root: Path, names: Iterable[str]) -> None:
    """Put programs and their libraries into an initramfs."""
    programs = [_find(root, name) for name in names]
    for program in programs:
        archive.copy(f"usr/sbin/{program.name}", program)
    plugins = sorted((root / "usr/lib/x86_64-linux-gnu/xtables").glob("*.so"))
    wants_plugins = any(program.name.startswith("xtables") for program in programs)
    for plugin in plugins if wants_plugins else ():
        archive.copy(f"usr/lib/x86_64-linux-gnu/xtables/{plugin.name}", plugin)
    for name, file in libraries(root, programs).items():
        archive.copy(f"lib/x86_64-linux-gnu/{name}", file.resolve())
    archive.link("lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
