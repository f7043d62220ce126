"""Debian packages: installed ones the host needs, downloaded ones that only the lab uses."""

import functools
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit import places
from labkit.architectures import AMD64, Architecture
from labkit.errors import LabError
from labkit.host import run, say

# The programs that the lab runs on the host, and the package of each.
HOST_PROGRAMS = {
    "gcc": "gcc",
    "make": "make",
    "setpriv": "util-linux",
}
HOST_FILES = {
    "/bin/busybox": "busybox-static",
    "/usr/include/stdio.h": "libc6-dev",
}


def missing_packages(architecture: Architecture = AMD64) -> list[str]:
    """The Debian packages that this host lacks for making dumps of an architecture."""
    wanted = {**HOST_PROGRAMS, **dict(architecture.host_programs)}
    programs = [pkg for name, pkg in wanted.items() if not shutil.which(name)]
    files = {**HOST_FILES, **dict(architecture.host_files)}
    return programs + [pkg for name, pkg in files.items() if not Path(name).exists()]


def require_apt(packages: Iterable[str]) -> None:
    """LabError that names the packages unless this is a Debian host with apt-get."""
    if not shutil.which("apt-get"):
        raise LabError(f"no apt-get here; a Debian host needs: {' '.join(packages)}")


def install(packages: Sequence[str]) -> None:
    """Install Debian packages on the host, after saying which."""
    if not packages:
        return
    require_apt(packages)
    if os.geteuid():
        raise LabError(f"run as root, or install these packages first: {' '.join(packages)}")
    say(f"installing Debian packages: {' '.join(packages)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "install", "-y", "--no-install-recommends", *packages], env=quiet)


@functools.cache
def refresh() -> None:
    """Renew the host's package lists, once: a new machine's are old, or lack those of a suite's updates.

    Without root, and where no mirror answers, the lists stay as they are.
    """
    if os.geteuid() or not shutil.which("apt-get"):
        return
    try:
        run(["apt-get", "update"])
    except LabError as error:
        say(f"package lists could not be renewed, those that are here are used: {error}")


@dataclass(frozen=True)
class Suite:
    """An apt of our own for one Debian suite, beside the host's."""

    options: tuple[str, ...] = ()

    def cache(self, *words: str) -> str:
        """Output of an apt-cache command."""
        return run(["apt-cache", *self.options, *words])

    def download(self, packages: Sequence[str], into: Path) -> list[Path]:
        """Download packages into a folder and return the files."""
        require_apt(packages)
        into.mkdir(parents=True, exist_ok=True)
        say(f"downloading {' '.join(packages)}")
        # _apt may not write below a private home; root downloads anyway, so don't drop privileges.
        sandbox = ("-o", "APT::Sandbox::User=root")
        run(["apt-get", *self.options, *sandbox, "download", *packages], cwd=into)
        return sorted(into.glob("*.deb"))


HOST_SUITE = Suite()


def mirror() -> str:
    """The Debian mirror that this host's apt uses."""
    rows = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)"]).splitlines()
    found = [row.split()[0] for row in rows if re.search(r"/debian/? main$", row)]
    if not found:
        raise LabError("this host's apt configuration names no Debian mirror")
    return found[0]


def private_suite(name: str, state: Path, architecture: Architecture = AMD64) -> Suite:
    """Set up (and update) apt state of our own for a Debian suite that the host doesn't use.

    Packages of another architecture than the host's are only downloaded: dpkg knows nothing of them.
    """
    require_apt(["apt"])
    for folder in ("lists/partial", "cache/archives/partial", "parts"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (state / "sources.list").write_text(f"deb [signed-by={keyring}] {mirror()} {name} main\n")
    (state / "status").touch()
    settings = {
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": state / "parts",
        "Dir::State": state,
        "Dir::State::Lists": state / "lists",
        "Dir::State::Status": state / "status",
        "Dir::Cache": state / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "APT::Architecture": architecture.debian,
        "APT::Architectures": architecture.debian,
    }
    suite = Suite(tuple(word for key, val in settings.items() for word in ("-o", f"{key}={val}")))
    run(["apt-get", *suite.options, "update"])
    return suite


@functools.cache
def other_suite(name: str) -> Suite:
    """Packages of a Debian suite that the host doesn't use, for the host's architecture."""
    return private_suite(name, places.lab() / "apt" / name)


def foreign_suite(architecture: Architecture) -> Suite:
    """Debian 12's packages of another architecture."""
    name = f"bookworm-{architecture.debian}"
    return _of_architecture("bookworm", places.lab() / "apt" / name, architecture)


@functools.cache
def _of_architecture(name: str, state: Path, architecture: Architecture) -> Suite:
    return private_suite(name, state, architecture)


def recursive(suite: Suite, packages: Iterable[str]) -> list[str]:
    """Packages with all that they depend on, by name."""
    only = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    options = [f"--no-{kind}" for kind in only]
    listing = suite.cache("depends", "--recurse", *options, *packages)
    return sorted(set(re.findall(r"^([a-z0-9][a-z0-9.+-]*)$", listing, re.MULTILINE)))


def unpack(debs: Iterable[Path], root: Path) -> None:
    """Unpack .deb files on top of each other."""
    root.mkdir(parents=True, exist_ok=True)
    for deb in debs:
        run(["dpkg-deb", "-x", deb, root])


def version(package: str, suite: Suite = HOST_SUITE) -> str:
    """The version that apt would download."""
    match = re.search(r"^Version: (\S+)", suite.cache("show", "--no-all-versions", package), re.MULTILINE)
    if not match:
        raise LabError(f"apt knows no package {package}; run apt-get update")
    return match[1]
