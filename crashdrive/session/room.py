"""How much memory a process of ours may still take."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

# bytes; what crash takes on a kernel of a distribution, where its size can't be told
_CRASH_BYTES = 400 << 20
_CGROUPS = Path("/sys/fs/cgroup")


def room_for_another(pid: int | None) -> bool:
    """Whether a second process may grow as large as this one, with half as much again to spare."""
    wanted = resident(pid) or _CRASH_BYTES
    return all(free > wanted * 3 // 2 for free in (_host(), *_groups()) if free is not None)


def resident(pid: int | None) -> int | None:
    """Bytes of memory that a process has in use; None where that can't be told."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def _host() -> int | None:
    """What the host has free, or can free at once."""
    with suppress(OSError):
        found = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
        return int(found[1]) << 10 if found else None
    return None


def _groups() -> list[int]:
    """What our control group (version 2) and those above it leave to us, where they have a limit."""
    with suppress(OSError):
        found = re.search(r"^0::(/.*)$", Path("/proc/self/cgroup").read_text(), re.MULTILINE)
        if found:
            group = _CGROUPS / found[1].lstrip("/")
            return [free for each in (group, *group.parents) if (free := _left(each)) is not None]
    return []


def _left(group: Path) -> int | None:
    with suppress(OSError, ValueError):
        most, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        cached = re.search(r"^inactive_file (\d+)$", (group / "memory.stat").read_text(), re.MULTILINE)
        return most - used + (int(cached[1]) if cached else 0)
    return None
