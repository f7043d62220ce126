"""Members that moved: the first path of several that a kernel has, found once per kernel.

::

    STATE = ("__state", "state")     # renamed in 5.14
    path = kernel.first_path("struct task_struct", STATE)

A script that asks by what is there runs on many kernels; one that asks for versions doesn't.
"""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.errors import UnknownMemberError
from crashdrive.kernel.types.layouts import Layouts
from crashdrive.kernel.types.model import Type, type_name
from crashdrive.kernel.types.paths import find, target_of


def first_path(layouts: Layouts, kind: Type, alternatives: Sequence[str]) -> str | None:
    """The first of the alternatives that leads somewhere, through pointers too; None if none does."""
    return next((path for path in alternatives if _leads(layouts, kind, path)), None)


def _leads(layouts: Layouts, kind: Type, path: str) -> bool:
    try:
        place = find(layouts, kind, path)
        while place.rest:
            place = find(layouts, target_of(layouts, place), place.rest)
    except UnknownMemberError:
        return False
    return True


def only_path(layouts: Layouts, kind: Type, alternatives: Sequence[str]) -> str:
    """The first of the alternatives that leads somewhere; UnknownMemberError if none does."""
    path = first_path(layouts, kind, alternatives)
    if path is None:
        raise UnknownMemberError(f"{type_name(kind)} has none of {', '.join(alternatives)}")
    return path
