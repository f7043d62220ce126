"""``tree``: the elements of a tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, overload

from crashdrive.commands._checked import member_offset, place, shown
from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.grammar.walks import Element
from crashdrive.parsers.tree import MapleRange, MapleTree
from crashdrive.records import Answer
from crashdrive.session.result import Runner

Kind = Literal["rbtree", "radix", "xarray", "maple"]


@overload
def tree(
    crash: Runner,
    start: int | str,
    kind: Kind = ...,
    *,
    node: int | str | None = ...,
    root: int | str | None = ...,
    positions: bool = ...,
    show: str | Iterable[str] = ...,
    exact: bool = ...,
) -> Answer[Element]: ...
@overload
def tree(
    crash: Runner,
    start: int | str,
    kind: Literal["maple"],
    *,
    root: int | str | None = ...,
    ranges: Literal[True],
) -> Answer[MapleTree | MapleRange]: ...
def tree(  # noqa: PLR0913 - one keyword per option
    crash: Runner,
    start: int | str,
    kind: Kind = "rbtree",
    *,
    node: int | str | None = None,
    root: int | str | None = None,
    positions: bool = False,
    show: str | Iterable[str] = (),
    exact: bool = False,
    ranges: bool = False,
) -> Answer[Any]:
    """The elements of the tree at ``start``, an address or a symbol.

    ``node``: where the rb_node is in each element, ``root``: where the tree's root is in what lies at
    ``start``, both in bytes or as ``vmap_area.rb_node``. ``positions``: with each element's
    position. ``show``, ``exact``: see `list`. ``ranges``: the tree's own nodes and ranges, of a maple tree
    alone (`MapleTree`, `MapleRange`). Maple trees need crash 8.0.3. Source: crash's ``tree``.
    """
    if kind not in ("rbtree", "radix", "xarray", "maple"):
        raise ArgumentError(f"{kind!a} is no kind of tree (such as rbtree)")
    if ranges and (kind != "maple" or node is not None or positions or show):
        raise ArgumentError("tree: ranges are those of a maple tree, without node, positions and show")
    letter = "s" if exact else "S"
    return call(
        crash,
        line(
            f"tree -t {kind}",
            "" if node is None else f"-o {member_offset(node)}",
            "" if root is None else f"-r {member_offset(root)}",
            *(f"-{letter} {one}" for one in shown(show)),
            flag("p", positions),
            flag("v", ranges),
            place(start),
        ),
    )
