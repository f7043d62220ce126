"""Paths in kernfs, as those of cgroups (``struct kernfs_node``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crashdrive.linux.survey import Survey

_NODE = "struct kernfs_node"
# renamed in 6.15 (633488947ef6)
_FIELDS = {"parent": ("parent", "__parent"), "name": ("name",)}
_DEEPEST = 256


def kernfs_paths(survey: Survey, nodes: Sequence[int], what: str) -> dict[int, str | None]:
    """The path of each node from its hierarchy's root on; None where a part of it can't be read."""
    fields = Fields(survey.kernel, _NODE, _FIELDS, _FIELDS)
    known: dict[int, Mapping[str, int | None]] = {}
    level = list(dict.fromkeys(nodes))
    for _ in range(_DEEPEST):
        if not level:
            break
        known.update(survey.addressed(fields, level, what))
        above = dict.fromkeys(known[node]["parent"] for node in level)
        level = [node for node in above if node and node not in known]
    names = texts(survey, (row["name"] for row in known.values()), what)
    return {node: _path(node, known, names) for node in dict.fromkeys(nodes)}


def _path(
    node: int | None, known: Mapping[int, Mapping[str, int | None]], names: Mapping[int | None, str | None]
) -> str | None:
    parts: list[str] = []
    for _ in range(_DEEPEST):
        row = known.get(node or 0)
        if row is None or row["parent"] is None:
            return None
        if not row["parent"]:
            return "/" + "/".join(reversed(parts))
        name = names[row["name"]]
        if name is None:
            return None
        parts.append(name)
        node = row["parent"]
    return None
