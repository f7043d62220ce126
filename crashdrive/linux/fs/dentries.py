"""Paths of many dentries from the root of their filesystem, read level by level for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crashdrive.linux.survey import Survey

_KIND = "struct dentry"
# a union of its own since 6.15 (d9e11fb6d8ec)
_FIELDS = {"above": ("d_parent",), "name": ("d_name.name", "__d_name.name")}
_MOST_PARTS = 512


class _Part(NamedTuple):
    above: int
    name: str | None


class DentryPaths:
    """Paths of dentries from the root of their filesystem; each dentry is read once."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._parts: dict[int, _Part] = {}
        self._fields = Fields(survey.kernel, _KIND, _FIELDS, ("above", "name"))

    def bring(self, dentries: Iterable[int | None]) -> None:
        """Read these dentries and all above them; a missing one is noted once."""
        level = {dentry for dentry in dentries if dentry} - self._parts.keys()
        for _ in range(_MOST_PARTS):
            if not level:
                return
            wanted = sorted(level)
            rows = self._survey.rows(self._fields, wanted, "names of files")
            names = texts(self._survey, (row["name"] for row in rows), "names of files")
            for dentry, row in zip(wanted, rows, strict=True):
                self._parts[dentry] = _Part(row["above"] or 0, names[row["name"]])
            level = {part.above for part in map(self._parts.__getitem__, wanted) if part.above}
            level -= self._parts.keys()

    def path(self, dentry: int | None, root: int | None = None) -> str | None:
        """The path of a dentry that `bring` read, from ``root`` on where one is given.

        None where a part of it is missing. A path that is too long, as in a loop of damaged dentries, begins
        with ``...``.
        """
        parts: list[str] = []
        for _ in range(_MOST_PARTS):
            if dentry == root:
                return "/" + "/".join(reversed(parts))
            part = self._parts.get(dentry or 0)
            if part is None or part.name is None:
                return None
            if part.above == dentry:
                # a root's name is a slash; a dentry in no tree (a pipe's) is its own root
                return "/" + "/".join(reversed(parts)) if part.name == "/" else part.name
            parts.append(part.name)
            dentry = part.above
        return ".../" + "/".join(reversed(parts))
