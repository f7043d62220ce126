"""``LinuxDump.idr``: tables of ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.run import current


def idr_for_each(idp: Any) -> Iterator[tuple[int, int]]:
    """(id, pointer) of a ``struct idr``."""
    yield from current().kernel.walk_idr(int(idp), values=True)


def idr_find(idr: Any, _id: int) -> int | None:
    """The pointer of an id; None where there is none."""
    return dict(current().kernel.walk_idr(int(idr), values=True)).get(int(_id))


idr_find_slowpath = idr_find
__getattr__ = lazy_names(__name__, {})
