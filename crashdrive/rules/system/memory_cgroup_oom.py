"""Cgroups that reached their memory limit, with nothing left to reclaim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.system._oom_words import told
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.mm.cgroups import CgroupMemory
    from crashdrive.linux.mm.out_of_memory import OomEvent


@rule(
    id="memory-cgroup-oom",
    severity="critical",
    looks_at=("memory.oom", "memory.cgroups"),
    message="a cgroup ran out of memory: it reached its limit",
    threshold="any message of the OOM killer about a cgroup, or a count of such in a cgroup",
    explanation="The machine may have memory enough: the limit (memory.max) of a cgroup was met.",
    advice="Table cgroups of crashdrive report memory: raise the limit, or find who leaks.",
    reference="mm/memcontrol.c: mem_cgroup_oom()",
)
def memory_cgroup_oom(events: Iterable[OomEvent], groups: Iterable[CgroupMemory]) -> Iterator[Match]:
    lines = [f"{one.cgroup}: {told(one)}" for one in events if one.constraint == "MEMCG"]
    # parent groups count an event, too: the group with the limit is shown
    met = (one for one in groups if (one.oom_events or one.oom_kills) and one.limit_bytes is not None)
    lines += [
        f"{one.cgroup}: {counted(one.oom_kills or 0, 'task', 'tasks')} killed, limit {one.limit_bytes} bytes"
        for one in met
    ]
    return matches(lines, str)
