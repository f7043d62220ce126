"""What is measured on, in words: a figure without its machine says nothing."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

import crashdrive
from crashdrive.session.binaries import inspect


def machine() -> dict[str, str]:
    """Processor, memory, system, load before, and the versions of all that is compared."""
    model = _first("/proc/cpuinfo", r"model name\s*: (.*)")
    memory = int(_first("/proc/meminfo", r"MemTotal: +(\d+)") or 0)
    return {
        "processor": f"{model}, {os.cpu_count()} cores",
        "memory": f"{memory >> 20} GiB",
        "system": f"{platform.freedesktop_os_release().get('PRETTY_NAME', '?')}, Linux {platform.release()}",
        "load before": " ".join(f"{one:.2f}" for one in os.getloadavg()),
        "python": platform.python_version(),
        "crashdrive": f"{crashdrive.__version__} {_commit()}".strip(),
        "drgn": _drgn(),
    }


def crash_version(path: str) -> str:
    """A crash binary in words."""
    return f"{path} ({inspect(Path(path)).version or 'unknown version'})"


def _first(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found[1] if found else ""


def _commit() -> str:
    said = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],  # noqa: S607 - the user's git
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return said.stdout.strip()


def _drgn() -> str:
    try:
        import drgn  # noqa: PLC0415 - it may be missing
    except ImportError:
        return "missing"
    return str(getattr(drgn, "__version__", "unknown version"))
