"""``tree``: the elements of a tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from crashdrive.commands._checked import member_offset, place, shown
from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.grammar.walks import Element
from crashdrive.records import Answer
from crashdrive.session.result import Runner

Kind = Literal["rbtree", "radix", "xarray", "maple"]


def tree(
    crash: Runner,
    start: int | str,
    kind: Kind = "rbtree",
    *,
    node: int | str | None = None,
    root: int | str | None = None,
    positions: bool = False,
    show: str | Iterable[str] = (),
    exact: bool = False,
) -> Answer[Element]:
    """The elements of the tree at ``start``, an address or a symbol.

    ``node``: where the rb_node is in each element, ``root``: where the tree's root is in what lies at
    ``start``, both in bytes or as ``vmap_area.rb_node``. ``positions``: with each element's
    position. ``show``, ``exact``: see `list`. Maple trees need crash 8.0.3. Source: crash's ``tree``.
    """
    if kind not in ("rbtree", "radix", "xarray", "maple"):
        raise ArgumentError(f"{kind!a} is no kind of tree (such as rbtree)")
    letter = "s" if exact else "S"
    return call(
        crash,
        line(
            f"tree -t {kind}",
            "" if node is None else f"-o {member_offset(node)}",
            "" if root is None else f"-r {member_offset(root)}",
            *(f"-{letter} {one}" for one in shown(show)),
            flag("p", positions),
            place(start),
        ),
    )
