"""Debian cloud kernels with their debug data, unpacked below .lab/kernels/."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit import apt, architectures, places
from labkit.architectures import AMD64, Architecture
from labkit.errors import LabError
from labkit.host import Stopwatch, run, say

SERIES = ("6.1", "6.12")
# of Debian suites that the host doesn't use; made one by one, the sets of deaths and batches lack them
SUITES = {"5.10": "bullseye"}
# of other architectures; all of them from Debian 12
FOREIGN = ("6.1-arm64", "6.1-s390x")
KNOWN = (*SERIES, *SUITES, *FOREIGN)


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
    names = suite.cache("pkgnames", f"linux-image-{numbers}").split()
    release = newest_release(numbers, names, architecture.flavour)
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


def _unpack(suite: apt.Suite, series: str, release: str, work: Path) -> Kernel:
    root, image = work / "root", f"linux-image-{release}"
    headers, programs = _headers(suite, release)
    suite.download([image, f"{image}-dbg", *headers], work / "debs")
    # what builds modules runs on the host
    native = apt.HOST_SUITE if architectures.of_name(series) is not AMD64 else suite
    debs = native.download(programs, work / "debs")
    apt.unpack(debs, root)
    for deb in debs:
        deb.unlink()
    (work / "debs").rmdir()
    _link(work, "vmlinux", f"root/usr/lib/debug/boot/vmlinux-{release}")
    _link(work, "vmlinuz", f"root/boot/vmlinuz-{release}")
    _link(work, "modules", f"root/usr/lib/debug/lib/modules/{release}")
    return Kernel(series, release, apt.version(image, suite), build_id(work / "vmlinux"))


def _link(work: Path, name: str, to: str) -> None:
    if not (work / to).exists():
        raise LabError(f"the kernel's packages hold no {to}")
    (work / name).symlink_to(to)


def _headers(suite: apt.Suite, release: str) -> tuple[list[str], list[str]]:
    """The packages that building a module for a release takes: its own, and the host's."""
    name = f"linux-headers-{release}"
    text = suite.cache("depends", "--no-recommends", "--no-suggests", name)
    common = re.findall(r"Depends: (linux-headers-\S+-common)", text)
    return [name, *common], re.findall(r"Depends: (linux-kbuild-[^\s:]+)", text)


def build_id(elf: Path) -> str:
    """The GNU build id of an ELF file, in hexadecimal."""
    found = re.search(r"Build ID: ([0-9a-f]+)", run(["readelf", "--notes", elf]))
    if not found:
        raise LabError(f"{elf} has no build id")
    return found[1]
