"""``LinuxDump.fs``: mounts and names."""

from __future__ import annotations

import os
from typing import Any

from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.memo import kept
from crashdrive.pykdump.layer.structs import SmartString
from crashdrive.pykdump.run import current


def getMount() -> list[tuple[int, int, str, str, str]]:
    """All mounts of the first process: (mount as crash prints it, super block, type, device, where)."""
    known = kept("mounts")
    if "all" not in known:
        found = []
        for line in current().commands.run("mount").splitlines()[1:]:
            mount, block, kind, device, *where = line.split(maxsplit=4)
            point = os.path.normpath(where[0].strip()) if where else ""
            found.append((int(mount, 16), int(block, 16), kind, device, point))
        known["all"] = found
    mounts: list[tuple[int, int, str, str, str]] = known["all"]
    return mounts


def sb2Vfsmnt(sbaddr: Any) -> int:
    """The first mount of a super block; 0 where there is none."""
    return next((mount for mount, block, *_ in getMount() if block == int(sbaddr)), 0)


def get_dentry_name(dentry: Any) -> Any:
    """A dentry's own name."""
    length, place = int(dentry.d_name.len), int(dentry.d_name.name)
    return SmartString(current().pages.readmem(place, length), place) if length and place else ""


def IS_ROOT(x: Any) -> bool:
    """Whether a dentry is the root of its tree."""
    return bool(x == x.d_parent)


def sb_frozen(sb: Any) -> bool:
    """Whether a filesystem is frozen."""
    return bool(getattr(sb, "s_frozen", 0)) or bool(sb.s_writers.frozen)


__getattr__ = lazy_names(__name__, {})
