"""Crash binaries of several versions, each with the libraries of its own Debian suite."""

import re
import shutil
from pathlib import Path

from labkit import apt, architectures, places
from labkit.architectures import AMD64
from labkit.errors import LabError
from labkit.host import run, say

# Which Debian suite has which version. "sid" moves on: what it has now is found out when downloading.
SUITES = {"7.2.9": "bullseye", "8.0.2": "bookworm", "8.0.6": "trixie", "9.0.2": "sid"}
# Those that `scripts/lab crash` makes unless others are asked for.
USUAL = ("8.0.2", "8.0.6", "9.0.2")
# The loader of bullseye knows no --argv0: its programs run with the host's C library, which is newer.
OLD_LOADERS = ("bullseye",)
PACKAGES = (
    "crash",
    "libc6",
    "libstdc++6",
    "libgcc-s1",
    "libzstd1",
    "liblzo2-2",
    "libsnappy1v5",
    "libncurses6",
    "libncursesw6",
    "libtinfo6",
    "zlib1g",
    "liblzma5",
    "libmpfr6",
    "libgmp10",
)
# A session starts crash through a symlink with a random name, and the prompt must follow that name:
# so the folder comes from where the link leads, the name from how the wrapper was called.
WRAPPER = """#!/bin/sh
folder=$(dirname "$(readlink -f "$0")")
root=$folder/root
path={path}
exec "$root/{loader}" --argv0 "$0" --library-path "$path" "$root/usr/bin/crash" "$@"
"""


def upstream_version(text: str) -> str:
    """The version in `crash --version` or in a package version: `8.0.6-1+b1` -> `8.0.6`."""
    match = re.search(r"\b(\d+\.\d+\.\d+)", text)
    if not match:
        raise LabError(f"no version of crash in {text[:80]!r}")
    return match[1]


def there(version: str) -> Path | None:
    """The path of a version that the lab already has."""
    path = _place(version) / "crash"
    return path if path.exists() else None


def all_there() -> list[Path]:
    """All crash binaries of the lab."""
    return sorted(places.lab().glob("crash*/[0-9]*/crash"))


def _place(version: str) -> Path:
    """The folder of a version; those of other architectures (``8.0.2-arm64``) lie apart."""
    architecture, number = architectures.of_name(version), architectures.without(version)
    kind = "crash" if architecture is AMD64 else f"crash-{architecture.debian}"
    return places.lab() / kind / number


def ensure(version: str) -> Path:
    """The path of a crash of that version (or, from unstable, of the version that replaced it)."""
    if path := there(version):
        return path
    if moved := _moved(version):
        return moved
    return _from_host(version) or _from_elsewhere(version) or _download(version)


def _note(version: str) -> Path:
    return places.lab() / "crash" / f"{version}.is-now"


def _moved(version: str) -> Path | None:
    """What stands in for a version that its suite no longer has, if that was found out before."""
    note = _note(version)
    return there(note.read_text().strip()) if note.exists() else None


def _from_host(version: str) -> Path | None:
    """The host's own crash, if it has this version."""
    own = shutil.which("crash")
    if not own or upstream_version(run([own, "--version"])) != version:
        return None
    with places.appearing(places.lab() / "crash" / version) as work:
        (work / "crash").symlink_to(own)
    return there(version)


def _from_elsewhere(version: str) -> Path | None:
    """Debian 12's crash of another architecture: the program itself below the root of its libraries."""
    architecture = architectures.of_name(version)
    if architecture is AMD64:
        return None
    suite = apt.foreign_suite(architecture)
    found = upstream_version(apt.version("crash", suite))
    if found != architectures.without(version):
        raise LabError(f"no crash {version}; Debian 12 has {found}-{architecture.debian}")
    with places.appearing(_place(version)) as work:
        debs = suite.download(PACKAGES, work / "debs")
        apt.unpack(debs, work / "root")
        shutil.rmtree(work / "debs")
        (work / "crash").symlink_to("root/usr/bin/crash")
    return there(version)


def _download(version: str) -> Path:
    try:
        name = SUITES[version]
    except KeyError:
        raise LabError(f"no crash {version}; the lab knows {', '.join(SUITES)}") from None
    suite = apt.other_suite(name)
    found = upstream_version(apt.version("crash", suite))
    if found != version:
        say(f"Debian {name} has crash {found} instead of {version}")
        (places.lab() / "crash").mkdir(exist_ok=True)
        _note(version).write_text(found + "\n")
    with places.appearing(places.lab() / "crash" / found) as work:
        _unpack(suite, work, apt.HOST_SUITE if name in OLD_LOADERS else suite)
    return places.lab() / "crash" / found / "crash"


def _unpack(suite: apt.Suite, work: Path, c_library: apt.Suite) -> None:
    suite.download([name for name in PACKAGES if name != "libc6"], work / "debs")
    debs = c_library.download(["libc6"], work / "debs")
    apt.unpack(debs, work / "root")
    shutil.rmtree(work / "debs")
    wrapper = work / "crash"
    wrapper.write_text(_wrapper(work / "root"))
    wrapper.chmod(0o755)
    upstream_version(run([wrapper, "--version"]))


def _wrapper(root: Path) -> str:
    """The text of the script that starts a crash with its own libraries."""
    loader = next(root.rglob("ld-linux-x86-64.so.2")).relative_to(root)
    folders = {path.parent.relative_to(root) for path in root.rglob("*.so.*")}
    multiarch = [folder for folder in folders if folder.name == "x86_64-linux-gnu"]
    chosen = sorted(str(folder) for folder in multiarch if "share" not in folder.parts)
    path = ":".join(f'"$root/{folder}"' for folder in chosen)
    return WRAPPER.format(loader=loader, path=path)
