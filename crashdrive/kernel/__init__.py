"""A C program's image as data: symbols, type layouts, bulk memory, objects, columns and walks.

The names below are loaded when they are first used: what only wants to know which architectures there are,
or under which key something is kept, needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crashdrive.kernel.memory.columns import Columns, Gap
    from crashdrive.kernel.objects import Object, addr_of, cast, container_of
    from crashdrive.kernel.series import Objects, Table
    from crashdrive.kernel.structures.walk import Problem, Walk

_HOMES = {
    "Columns": "memory.columns",
    "Gap": "memory.columns",
    "Object": "objects",
    "Objects": "series",
    "Problem": "structures.walk",
    "Table": "series",
    "Walk": "structures.walk",
    "addr_of": "objects",
    "cast": "objects",
    "container_of": "objects",
}

__all__ = [
    "Columns",
    "Gap",
    "Object",
    "Objects",
    "Problem",
    "Table",
    "Walk",
    "addr_of",
    "cast",
    "container_of",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
