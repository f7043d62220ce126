"""Cgroups with tasks that are frozen: the tasks don't run until the cgroup is thawed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.cgroups.groups import CgroupRow


@rule(
    id="cgroup-frozen",
    severity="info",
    looks_at=("cgroups.cgroups",),
    message="{count:cgroup is frozen: its|cgroups are frozen: their} tasks don't run",
    threshold="cgroup.freeze or freezer.state of a cgroup that has tasks",
    explanation=(
        "Checkpoints and container tools freeze cgroups. A frozen task keeps the locks that it holds."
    ),
    advice="See whether others wait for them: crashdrive report hang.",
    reference="kernel/cgroup/freezer.c: cgroup_do_freeze()",
)
def cgroup_frozen(cgroups: Iterable[CgroupRow]) -> Iterator[Match]:
    return matches((row for row in cgroups if row.frozen in {"frozen", "freezing"} and row.threads), _told)


def _told(row: CgroupRow) -> str:
    tasks = f"{row.threads} task{'' if row.threads == 1 else 's'}"
    return f"{row.hierarchy} {row.path or '(unknown)'}: {row.frozen}, {tasks}"
