"""Hierarchies of cgroups: that of version 2, and those of version 1 with their controllers."""

from __future__ import annotations

import struct
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

_ROOT, _SUBSYS = "struct cgroup_root", "struct cgroup_subsys"
_FIELDS = {
    "id": ("hierarchy_id",),
    "mask": ("subsys_mask",),
    "name": ("name",),
    "count": ("nr_cgrps.counter",),
    "cgroup": ("cgrp.self.cgroup",),
}


class Controller(Record, frozen=True):
    """A controller: its number, its name in version 1 (``blkio``) and in version 2 (``io``)."""

    id: int
    old_name: str | None
    name: str | None
    address: Address


class Hierarchy(Record, frozen=True):
    """A tree of cgroups. ``unified``: that of version 2; ``label``: as /proc/PID/cgroup calls it."""

    id: int
    unified: bool
    controllers: tuple[str, ...]
    name: str | None
    cgroups: int | None
    root_cgroup: Address
    root: Address

    @property
    def label(self) -> str:
        """Its controllers, and ``name=``; empty for version 2."""
        if self.unified:
            return ""
        return ",".join([*self.controllers, *([f"name={self.name}"] if self.name else [])])


def controllers(survey: Survey) -> list[Controller]:
    """The controllers that the kernel was built with, by number."""
    kernel = survey.kernel
    if not kernel.symbols.has("cgroup_subsys"):
        return []
    count, size = kernel.variable_size("cgroup_subsys") // kernel.pointer_size, kernel.pointer_size
    first = kernel.symbols.address("cgroup_subsys")
    places = [kernel.read_pointer(first + at * size) for at in range(count)]
    fields = Fields(kernel, _SUBSYS, {"old": ("legacy_name", "name"), "name": ("name",), "id": ("id",)})
    rows = survey.rows(fields, places, "controllers of cgroups")
    names = texts(survey, [row[key] for row in rows for key in ("old", "name")], "controllers of cgroups")
    return [
        Controller(id=at, old_name=names[row["old"]], name=names[row["name"]], address=place)
        for at, (place, row) in enumerate(zip(places, rows, strict=True))
    ]


def hierarchies(survey: Survey) -> list[Hierarchy]:
    """All hierarchies (``cgroup_roots``), that of version 2 first, with the controllers that it shows."""
    return roots(survey, _hidden(survey))


def roots(survey: Survey, hidden: int = 0) -> list[Hierarchy]:
    """All hierarchies, that of version 2 with all controllers but those in the mask ``hidden``."""
    kernel = survey.kernel
    unified = kernel.symbols.address("cgrp_dfl_root")
    found = kernel.walk_list(kernel.symbols.address("cgroup_roots"), _ROOT, "root_list")
    survey.walked(found, "hierarchies of cgroups")
    known = controllers(survey)
    rows = survey.addressed(
        Fields(kernel, _ROOT, _FIELDS, ("id",)), found.addresses, "hierarchies of cgroups"
    )
    offset = kernel.offset(_ROOT, "cgrp")
    made = [
        Hierarchy(
            id=row["id"],
            unified=root == unified,
            controllers=tuple(
                (one.name if root == unified else one.old_name) or str(one.id)
                for one in known
                if ((row["mask"] or 0) & ~(hidden if root == unified else 0)) >> one.id & 1
            ),
            name=row["name"] or None,
            cgroups=row["count"],
            root_cgroup=root + offset,
            root=root,
        )
        for root, row in rows
        if row["id"] is not None
    ]
    return sorted(made, key=lambda one: (not one.unified, one.id))


def _hidden(survey: Survey) -> int:
    """The mask of controllers that version 2 doesn't show: they support version 1 alone, or are always on."""
    kernel = survey.kernel
    names = ("cgrp_dfl_inhibit_ss_mask", "cgrp_dfl_implicit_ss_mask")
    raw = [kernel.read(kernel.symbols.address(name), 2) for name in names if kernel.symbols.has(name)]
    return reduce(or_, (int(value) for one in raw for value in struct.unpack(f"{kernel.order}H", one)), 0)
