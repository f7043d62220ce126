"""Events of the OOM killer for lack of memory of the whole machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.rules.system._oom_words import told

if TYPE_CHECKING:
    from crashdrive.linux.mm.out_of_memory import OomEvent


@rule(
    id="oom",
    severity="critical",
    looks_at=("memory.oom",),
    message="the machine ran out of memory {count:time|times}",
    threshold="any message of the OOM killer that isn't about a cgroup's limit",
    explanation=(
        "Nothing more could be reclaimed. The task that asked for memory needn't be the one that uses most."
    ),
    advice="See what uses it: processes, slabs, Shmem and Unaccounted in crashdrive report memory.",
    reference="mm/oom_kill.c: out_of_memory()",
)
def oom(events: Iterable[OomEvent]) -> Iterator[Match]:
    return matches((one for one in events if one.constraint != "MEMCG"), told)
