"""Hash tables, with members of what they hold read on the way."""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.kernel.memory.columns import Columns, Plan, Row
from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.structures import lists
from crashdrive.kernel.structures.walk import Walk


def read_table(
    window: Window,
    heads: Sequence[int],
    offset: int,
    plan: Plan | None,
    *,
    nulls: bool,
    base: int | None,
    backed: bool,
) -> tuple[Walk, Columns | None]:
    """All chains of a hash table; the plan's columns of what is in them, decoded while pages are at hand.

    ``nulls``, ``base`` and ``backed`` are those of `lists.hlist_nulls`.
    """
    rows: dict[int, Row | None] = {}

    def visit(addresses: list[int]) -> None:
        if plan is not None:
            rows.update(zip(addresses, plan.reader.decode(window, addresses), strict=True))

    reach = plan.reader.reach if plan is not None else (0, 0)
    if nulls:
        walk = lists.hlist_nulls(window, heads, offset, base=base, backed=backed, reach=reach, visit=visit)
    else:
        walk = lists.hlists(window, heads, offset, backed=backed, reach=reach, visit=visit)
    return walk, None if plan is None else plan.read(window, walk.addresses, rows)
