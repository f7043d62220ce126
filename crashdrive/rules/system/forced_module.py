"""A module was loaded by force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.system.taint import Taint


@rule(
    id="forced-module",
    severity="warning",
    looks_at=("sysinfo.taints",),
    message="a module was loaded though it was built for another kernel",
    threshold="the kernel has taint F",
    explanation="The module may know other layouts of structures: it may have damaged memory anywhere.",
    advice="See which one: crashdrive exec VMCORE 'mod -t'.",
    reference="kernel/module/main.c: TAINT_FORCED_MODULE",
)
def forced_module(taints: Iterable[Taint]) -> Iterator[Match]:
    return matches((flag for flag in taints if flag.letter == "F"), lambda flag: flag.meaning)
