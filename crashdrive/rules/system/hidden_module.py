"""Modules in memory that aren't on the list of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.modules.details import ModuleRow


@rule(
    id="hidden-module",
    severity="critical",
    looks_at=("modules.modules",),
    message="{count:module is|modules are} in memory and not on the list of modules",
    threshold="the tree of modules' addresses or /sys/module has a module that the list lacks",
    explanation="lsmod doesn't show it, and crash doesn't know it. Root kits hide that way.",
    advice="Find out where it comes from; don't trust what this kernel says of itself.",
    reference="kernel/module/main.c: modules, mod_tree",
)
def hidden_module(modules: Iterable[ModuleRow]) -> Iterator[Match]:
    return matches((one for one in modules if not one.listed and one.state != "Unformed"), _told)


def _told(one: ModuleRow) -> str:
    place = "" if one.base is None else f" at {int(one.base):x}"
    return f"{one.name}{place}, {one.size} bytes, {one.state}"
