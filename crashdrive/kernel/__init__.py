"""A C program's image as data: symbols, type layouts, bulk memory, objects, columns and walks."""

from crashdrive.kernel.memory.columns import Columns, Gap
from crashdrive.kernel.objects import Object, addr_of, cast, container_of
from crashdrive.kernel.series import Objects, Table
from crashdrive.kernel.structures.walk import Problem, Walk

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
