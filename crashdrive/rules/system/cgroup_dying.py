"""Cgroups that were removed pile up: their memory is charged to them still."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.cgroups.groups import CgroupRow

COUNT = 1000


@rule(
    id="cgroup-dying",
    severity="warning",
    looks_at=("cgroups.cgroups",),
    message="cgroups that were removed pile up",
    threshold=f"{COUNT} dying ones below a hierarchy's root, or more",
    explanation="Pages in the page cache keep them, and every walk over memory cgroups takes longer.",
    advice="See where they are: crashdrive report cgroups --show tree. Dropping the page cache frees them.",
    reference="mm/memcontrol.c: mem_cgroup_css_offline()",
)
def cgroup_dying(cgroups: Iterable[CgroupRow]) -> Iterator[Match]:
    roots = (row for row in cgroups if row.level == 0 and (row.dying_below or 0) >= COUNT)
    return matches(roots, lambda row: f"{row.hierarchy}: {row.dying_below} dying, {row.cgroups_below} alive")
