"""Cgroups of tasks, as in /proc/PID/cgroup: by ``task_struct.cgroups``, a ``css_set``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.cgroups.roots import Hierarchy, roots
from crashdrive.linux.kernfs import kernfs_paths
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crashdrive.linux.survey import Survey

_LINK = "struct cgrp_cset_link"
_OF_LINK = {"cset": ("cset",), "cgroup": ("cgrp",), "root": ("cgrp->root",), "node": ("cgrp->kn",)}


class Membership(NamedTuple):
    """A cgroup that the tasks of a css_set are in: its hierarchy, its address, its path."""

    hierarchy: Hierarchy
    cgroup: int
    path: str | None


class Memberships(NamedTuple):
    """Cgroups by the address of a css_set, in the order of /proc/PID/cgroup."""

    by_set: Mapping[int, tuple[Membership, ...]]

    def path(self, css_set: int | None) -> str | None:
        """The path in the hierarchy of version 2; None where it can't be read."""
        found = self.by_set.get(css_set or 0, ())
        return next((one.path for one in found if one.hierarchy.unified), None)

    def old(self, css_set: int | None) -> tuple[str, ...]:
        """The paths in hierarchies of version 1, behind their controllers: ``freezer:/half``."""
        found = self.by_set.get(css_set or 0, ())
        return tuple(
            f"{one.hierarchy.label}:{one.path}" for one in found if not one.hierarchy.unified and one.path
        )


def memberships(survey: Survey, css_sets: Iterable[int | None]) -> Memberships:
    """The cgroups of each css_set; none where the kernel was built without cgroups."""
    kernel, wanted = survey.kernel, list(dict.fromkeys(one for one in css_sets if one))
    found = survey.attempt("cgroups", lambda: [_memberships(survey, wanted)]) if wanted else []
    if not wanted or not kernel.has_type(_LINK):
        return Memberships({})
    return found[0] if found else Memberships({})


def _memberships(survey: Survey, wanted: list[int]) -> Memberships:
    kernel = survey.kernel
    known = {one.root: one for one in roots(survey)}
    shift = kernel.offset("struct css_set", "cgrp_links")
    links = kernel.walk_lists([one + shift for one in wanted], _LINK, "cgrp_link")
    survey.walked(links, "cgroups of tasks")
    rows = survey.rows(Fields(kernel, _LINK, _OF_LINK, _OF_LINK), links.addresses, "cgroups of tasks")
    paths = kernfs_paths(survey, [row["node"] for row in rows if row["node"]], "cgroups")
    by_set: dict[int, list[Membership]] = {}
    for number, row in zip(links.walk.lists, rows, strict=True):
        if row["cgroup"] and row["root"] in known:
            one = Membership(known[row["root"]], row["cgroup"], paths.get(row["node"]))
            by_set.setdefault(wanted[number], []).append(one)
    # /proc lists them by their numbers, the newest first
    return Memberships(
        {one: tuple(sorted(rows, key=lambda each: -each.hierarchy.id)) for one, rows in by_set.items()}
    )
