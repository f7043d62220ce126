"""Paths of many files across mounts, as the kernel's d_path() gives them (fs/d_path.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.fs.dentries import DentryPaths
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crashdrive.linux.survey import Survey

_KIND = "struct mount"
_FIELDS = {"root": ("mnt.mnt_root",), "point": ("mnt_mountpoint",), "above": ("mnt_parent",)}
_DEEPEST = 256


class _Mount(NamedTuple):
    root: int
    point: int
    above: int


class MountPoints:
    """Paths of dentries below mounts; each mount is read once."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._mounts: dict[int, _Mount] = {}
        self._dentries = DentryPaths(survey)

    def bring(self, mounts: Iterable[int | None], dentries: Iterable[int | None] = ()) -> None:
        """Read these mounts, the mounts above them, and dentries; a missing one is noted once."""
        level, new = {mount for mount in mounts if mount} - self._mounts.keys(), list(dentries)
        fields = Fields(self._survey.kernel, _KIND, _FIELDS, _FIELDS)
        for _ in range(_DEEPEST):
            if not level:
                break
            wanted = sorted(level)
            for mount, row in self._survey.addressed(fields, wanted, "mounts"):
                self._mounts[mount] = _Mount(row["root"] or 0, row["point"] or 0, row["above"] or 0)
                new += [row["root"], row["point"]]
            level = {self._mounts[mount].above for mount in wanted} - self._mounts.keys() - {0}
        self._dentries.bring(new)

    def path(self, dentry: int | None, mount: int | None) -> str | None:
        """The path of a dentry below a mount, from its namespace's root on; None where a part is missing."""
        parts: list[str] = []
        for _ in range(_DEEPEST):
            known = self._mounts.get(mount or 0)
            part = None if known is None else self._dentries.path(dentry, known.root)
            if known is None or part is None:
                return None
            if not part.startswith("/"):
                return part  # a dentry in no mounted tree
            parts += [part] if part != "/" else []
            if known.above == mount:
                return "".join(reversed(parts)) or "/"
            dentry, mount = known.point, known.above
        return None

    def point(self, mount: int | None) -> str | None:
        """The path at which a mount is mounted."""
        known = self._mounts.get(mount or 0)
        return None if known is None else self.path(known.root, mount)

    def inside(self, dentry: int | None) -> str | None:
        """The path of a dentry from the root of its filesystem on."""
        return self._dentries.path(dentry)
