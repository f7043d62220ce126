"""Debian cloud kernels with their debug data, unpacked below .lab/kernels/."""

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit import apt, architectures, places
from labkit.architectures import AMD64, Architecture
from labkit.errors import LabError
from labkit.host import Stopwatch, run, say

SERIES = ("6.1", "6.12")
# of Debian suites that the host doesn't use; made one by one, the sets of deaths and batches lack them
# (sid moves on: once it has another series of the same major number, that one is taken)
SUITES = {"5.10": "bullseye", "7.2": "sid"}
# of other architectures; all of them from Debian 12
FOREIGN = ("6.1-arm64", "6.1-s390x", "6.1-ppc64el")
KNOWN = (*SERIES, *SUITES, *FOREIGN)
# The suites whose compiler and C library are newer than the host's: modules are built in a root of their own.
OWN_TOOLS = ("sid",)
# What builds a module there, beside what linux-headers-* depends on.
BUILD_TOOLS = ("make", "coreutils", "dash", "sed", "grep", "findutils", "mawk")
# Where Debian's packages have what a dump's folder links to: until 6.12, and since 7.0; ppc64el's kernel
# isn't compressed.
LINKS = {
    "vmlinux": ("usr/lib/debug/boot/vmlinux-{release}",),
    "vmlinuz": ("boot/vmlinuz-{release}", "usr/lib/modules/{release}/vmlinuz", "boot/vmlinux-{release}"),
    "modules": ("usr/lib/debug/lib/modules/{release}",),
}


@dataclass(frozen=True)
class Kernel:
    """One unpacked kernel."""

    series: str
    release: str
    package_version: str
    build_id: str

    @property
    def architecture(self) -> Architecture:
        """What it runs on."""
        return architectures.of_name(self.series)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return places.lab() / "kernels" / self.series

    @property
    def modules_root(self) -> Path:
        """The folder of the modules that the guest loads (stripped)."""
        return self.folder / "root" / "lib" / "modules" / self.release

    @property
    def own_tools(self) -> bool:
        """Whether its root has the compiler and the programs that build a module for it."""
        return (self.folder / "root" / "usr" / "bin" / "make").exists()


def known() -> tuple[str, ...]:
    """All series that the lab can make dumps of."""
    return (*SERIES, *SUITES, *FOREIGN)


def newest_release(series: str, packages: Iterable[str], flavour: str = AMD64.flavour) -> str:
    """The newest release of a series among package names that has an image and its debug data."""
    names = set(packages)
    pattern = re.compile(rf"linux-image-({re.escape(series)}\.\S*-{flavour})")
    matches = [match[1] for name in names if (match := pattern.fullmatch(name))]
    releases = [release for release in matches if f"linux-image-{release}-dbg" in names]
    if not releases:
        raise LabError(f"apt offers no {series} cloud kernel with debug data; run apt-get update")
    return max(releases, key=lambda release: [int(digits) for digits in re.findall(r"\d+", release)])


def load(series: str) -> Kernel | None:
    """The kernel of a series if it is there already."""
    try:
        text = (places.lab() / "kernels" / series / "kernel.json").read_text()
    except FileNotFoundError:
        return None
    return Kernel(**json.loads(text))


def ensure(series: str) -> Kernel:
    """The kernel of a series, downloaded and unpacked if need be."""
    return load(series) or _fetch(series)


def _fetch(series: str) -> Kernel:
    architecture, numbers = architectures.of_name(series), architectures.without(series)
    apt.require_apt([f"linux-image-{numbers}*-{architecture.flavour}-dbg"])
    apt.refresh()
    suite = _suite(series)
    release = wanted_release(suite, series)
    clock = Stopwatch()
    with clock.step("all"), places.appearing(places.lab() / "kernels" / series) as work:
        kernel = _unpack(suite, series, release, work)
        (work / "kernel.json").write_text(json.dumps(asdict(kernel), indent=2) + "\n")
    say(f"kernel {release}: {clock.seconds['all']:.0f} s")
    return kernel


def _suite(series: str) -> apt.Suite:
    """Where the packages of a series come from."""
    architecture = architectures.of_name(series)
    if architecture is not AMD64:
        return apt.foreign_suite(architecture)
    return apt.other_suite(SUITES[series]) if series in SUITES else apt.HOST_SUITE


def wanted_release(suite: apt.Suite, series: str) -> str:
    """The release of a series; a suite that moved on gives its newest of the same major number."""
    architecture, numbers = architectures.of_name(series), architectures.without(series)
    major = numbers.partition(".")[0]
    names = suite.cache("pkgnames", f"linux-image-{major}.").split()
    try:
        return newest_release(numbers, names, architecture.flavour)
    except LabError:
        if series not in SUITES:
            raise
    release = newest_release(major, names, architecture.flavour)
    say(f"Debian {SUITES[series]} has kernel {release} instead of {series}")
    return release


def _unpack(suite: apt.Suite, series: str, release: str, work: Path) -> Kernel:
    root, image = work / "root", f"linux-image-{release}"
    # since 7.0 the image is a package that only depends on those with the kernel and its modules
    parts = [name for name in _depends(suite, image) if name.endswith(release)]
    own = SUITES.get(series) in OWN_TOOLS
    native = apt.HOST_SUITE if architectures.of_name(series) is not AMD64 else suite
    suite.download([image, f"{image}-dbg", *parts], work / "debs")
    debs = _build_packages(suite, native, release, work / "debs", own=own)
    if own:
        _linked(root)
    apt.unpack(debs, root)
    shutil.rmtree(work / "debs")
    for name, candidates in LINKS.items():
        _link(work, name, [f"root/{place.format(release=release)}" for place in candidates])
    return Kernel(series, release, apt.version(image, suite), build_id(work / "vmlinux"))


def _linked(root: Path) -> None:
    """Give a root that programs run in the links that packages make when they are installed."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    (root / "usr" / "bin" / "awk").symlink_to("mawk")


def _link(work: Path, name: str, candidates: Sequence[str]) -> None:
    found = next((place for place in candidates if (work / place).exists()), None)
    if not found:
        raise LabError(f"the kernel's packages hold no {candidates[0]}")
    (work / name).symlink_to(found)


def _build_packages(
    suite: apt.Suite, native: apt.Suite, release: str, into: Path, *, own: bool
) -> list[Path]:
    """The packages that building a module for a release takes; all that are in the folder then.

    Its headers, and the programs that run on the host, from ``native``; with ``own`` all that builds it.
    """
    name = f"linux-headers-{release}"
    if own:
        return suite.download(apt.recursive(suite, (name, *BUILD_TOOLS)), into)
    needed = _depends(suite, name)
    common = [package for package in needed if re.fullmatch(r"linux-headers-\S+-common", package)]
    programs = [package for package in needed if package.startswith("linux-kbuild-")]
    suite.download([name, *common], into)
    return native.download(programs, into)


def _depends(suite: apt.Suite, package: str) -> Sequence[str]:
    """The packages that one depends on by name, without those of another architecture than it asked for."""
    text = suite.cache("depends", "--no-recommends", "--no-suggests", package)
    return re.findall(r"Depends: ([^\s:<]+)", text)


def build_id(elf: Path) -> str:
    """The GNU build id of an ELF file, in hexadecimal."""
    found = re.search(r"Build ID: ([0-9a-f]+)", run(["readelf", "--notes", elf]))
    if not found:
        raise LabError(f"{elf} has no build id")
    return found[1]
