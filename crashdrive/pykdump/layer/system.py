"""``sys_info``: what is known of the dump; what crash's ``sys`` prints is asked when it is looked at."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from crashdrive.pykdump.layer.generic import Bunch
from crashdrive.pykdump.run import Run, current

_NUMBERS = re.compile(r"\d+(?:\.\d+){0,2}")
_ARCHITECTURES = {
    "62": "x86_64",
    "183": "aarch64",
    "21": "ppc64",
    "22": "s390x",
    "243": "riscv64",
    "3": "i686",
}


class KernelRev(str):
    """A kernel's version, compared by its numbers."""

    __slots__ = ("ov",)

    def __init__(self, s: str) -> None:
        self.ov = self.conv(s)

    @staticmethod
    def conv(s: str) -> int:
        """The version as one number."""
        found = _NUMBERS.match(s)
        numbers = [int(part) for part in found[0].split(".")] if found else []
        major, minor, patch = (*numbers, 0, 0, 0)[:3]
        return major * 100000 + minor * 1000 + patch

    def __lt__(self, s: str) -> bool:
        return self.ov < self.conv(s)

    def __le__(self, s: str) -> bool:
        return self.ov <= self.conv(s)

    def __gt__(self, s: str) -> bool:
        return self.ov > self.conv(s)

    def __ge__(self, s: str) -> bool:
        return self.ov >= self.conv(s)


class SysInfo(Bunch):
    """The dump's facts: PyKdump's own (``CPUS``, ``HZ``, ``kernel``, ...) and the lines of ``sys``."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        dict.update(self, _known(run))
        self.__dict__["_run"] = run
        self.__dict__["_asked"] = False

    def _ask(self) -> None:
        """Have the lines of crash's ``sys``; what is known already stays."""
        if self.__dict__["_asked"]:
            return
        self.__dict__["_asked"] = True
        key = "UNKNOWN"
        found: dict[str, str] = {}
        for line in self.__dict__["_run"].commands.run("sys").splitlines():
            name, colon, value = line.partition(":")
            if colon:
                key = name.strip()
                found[key] = value.strip()
            elif key in found:
                found[key] += "|" + line.strip()
        if "DUMPFILES" in found:
            found.setdefault("DUMPFILE", ",".join(one.split()[0] for one in found["DUMPFILES"].split("|")))
        for name, value in found.items():
            if name != "CPUS":
                dict.__setitem__(self, name, value)

    def __missing__(self, key: str) -> Any:
        self._ask()
        if dict.__contains__(self, key):
            return dict.__getitem__(self, key)
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        if not dict.__contains__(self, key):
            self._ask()
        return dict.__contains__(self, key)

    def get(self, key: str, default: Any = None) -> Any:
        """A fact, or the default."""
        return self[key] if key in self else default  # noqa: SIM401 - this is what get is made of

    def __iter__(self) -> Iterator[str]:
        self._ask()
        return dict.__iter__(self)

    def __len__(self) -> int:
        self._ask()
        return dict.__len__(self)

    def keys(self) -> Any:
        """The names of all facts."""
        self._ask()
        return dict.keys(self)

    def items(self) -> Any:
        """All facts."""
        self._ask()
        return dict.items(self)

    def values(self) -> Any:
        """The facts without names."""
        self._ask()
        return dict.values(self)


def _known(run: Run) -> dict[str, Any]:
    """What is known without crash's tables."""
    kernel, identity = run.kernel, run.kernel.session.identity
    release = identity.get("osrelease", "")
    found: dict[str, Any] = {
        "CPUS": len(kernel.cpus),
        "HZ": kernel.hz,
        "kernel": KernelRev(_numbers(release)),
        "livedump": False,
        "pointersize": kernel.pointer_size,
        "pointermask": (1 << 8 * kernel.pointer_size) - 1,
        "machine": _ARCHITECTURES.get(identity.get("machine", ""), "unknown"),
        "DebugDir": os.path.dirname(identity.get("vmlinux", "")) or ".",  # noqa: PTH120 - text, as it was given
    }
    if release:
        found["RELEASE"] = release
    if dump := identity.get("vmcore"):
        found["DUMPFILE"] = dump
    found["debuginfo"] = debuginfo_folders(release, found["DebugDir"])
    return found


def _numbers(release: str) -> str:
    """A release's three numbers: ``6.1.0`` of ``6.1.0-56-cloud-amd64``."""
    found = _NUMBERS.match(release)
    return ".".join([*(found[0].split(".") if found else ()), "0", "0", "0"][:3])


def debuginfo_folders(release: str, own: str) -> list[str]:
    """Where debug data of modules may be."""
    return [
        f"/usr/lib/debug/lib/modules/{release}",
        f"/usr/lib/kernel-image-{release}-dbg/lib/modules/{release}/",
        own,
        f"/lib/modules/{release}",
    ]


def sys_info() -> SysInfo:
    """The run's."""
    run = current()
    found: SysInfo = run.kept.setdefault("sys_info", None) or SysInfo(run)
    run.kept["sys_info"] = found
    return found
