"""A module from outside the kernel's tree is in the trace of the crash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.oops.rows import LoadedInTrace


@rule(
    id="out-of-tree-module",
    severity="warning",
    looks_at=("panic.modules",),
    message="the trace of the crash leads through {count:module|modules} from outside the kernel's tree",
    threshold="a module with taint O or P has a frame in the trace",
    explanation="Its source isn't in the kernel's tree: only its maker may be able to find the fault.",
    advice="Ask the module's maker, and whether it happens without it: crashdrive report panic.",
    reference="kernel/panic.c: TAINT_OOT_MODULE, TAINT_PROPRIETARY_MODULE",
)
def out_of_tree_module(modules: Iterable[LoadedInTrace]) -> Iterator[Match]:
    return matches((row for row in modules if row.in_trace and set(row.flags) & {"O", "P"}), _told)


def _told(row: LoadedInTrace) -> str:
    return f"{row.module} ({row.flags})"
