"""The programs of the guest: Debian's, unpacked below .lab/userland and copied with their libraries."""

import re
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
    "dash",
)
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
    "dash",
)
CAPTURE_PROGRAMS = ("makedumpfile", "dash")


def packages_needed(listing: str) -> list[str]:
    """The packages to unpack, from the output of a recursive `apt-cache depends`."""
    names = set(re.findall(r"^([a-z0-9][a-z0-9.+-]*)$", listing, re.MULTILINE))
    libraries = [name for name in names if name.startswith("lib") and not UNWANTED.match(name)]
    return sorted({*TOOLS, *libraries})


def ensure() -> Path:
    """The root of the unpacked programs, downloaded if need be."""
    root = places.lab() / "userland"
    if not root.exists():
        with places.appearing(root) as work:
            _fetch(work)
    return root


def _fetch(work: Path) -> None:
    only = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    options = [f"--no-{kind}" for kind in only]
    listing = apt.HOST_SUITE.cache("depends", "--recurse", *options, *TOOLS)
    debs = apt.HOST_SUITE.download(packages_needed(listing), work / "debs")
    apt.unpack(debs, work)
    for deb in debs:
        deb.unlink()
    (work / "debs").rmdir()


def _find(root: Path, program: str) -> Path:
    folders = ("bin", "sbin", "usr/bin", "usr/sbin")
    return next(path for folder in folders if (path := root / folder / program).exists())


def libraries(root: Path, programs: Sequence[Path]) -> dict[str, Path]:
    """Name and file of every shared library that the programs load."""
    loader = root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    path = ":".join(str(root / folder) for folder in LIBRARY_FOLDERS)
    found = {"ld-linux-x86-64.so.2": loader}
    for program in programs:
        text = run([loader, "--library-path", path, "--list", program])
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
