"""``LinuxDump.trees``: red-black trees, radix trees and XArrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crashdrive.pykdump.layer.access import readSU
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.run import current

_NODE = "struct rb_node"


def rb_first(root: Any) -> Any:
    """The first node of a ``struct rb_root``; None of an empty tree."""
    node = root.rb_node
    while node and node.rb_left:
        node = node.rb_left
    return node or None


def rb_parent(r: Any) -> Any:
    """The node above."""
    field = "__rb_parent_color" if r.hasField("__rb_parent_color") else "rb_parent_color"
    return readSU(_NODE, getattr(r, field) & ~3)


def rb_next(node: Any) -> Any:
    """The node behind; None behind the last one."""
    if node.rb_right:
        node = node.rb_right
        while node.rb_left:
            node = node.rb_left
        return node
    above = rb_parent(node)
    while above and node == above.rb_right:
        node, above = above, rb_parent(above)
    return above or None


def for_all_rbtree(root: Any, sname: str | None = None, smember: str | None = None) -> Iterator[Any]:
    """All nodes of a tree in its order; with a type's name the structures that have them as a member."""
    if sname is not None and smember is not None:
        found = current().kernel.walk_rbtree(int(root), sname, smember)
        yield from (readSU(sname, int(address)) for address in found.addresses)
        return
    node = rb_first(root)
    while node:
        yield node
        node = rb_next(node)


def ffs(x: int) -> int:
    """The number of the lowest bit that is set, the first one being 1; 0 where none is."""
    return (int(x) & -int(x)).bit_length()


def walk_page_tree(ptree: Any, checkfordups: bool = False) -> list[Any]:  # noqa: FBT001, FBT002, ARG001 - PyKdump's call
    """The entries of a ``struct radix_tree_root``, or of an XArray."""
    return [entry for _, entry in current().kernel.walk_xarray(int(ptree))]


def xarray_for_each(xa: Any) -> Iterator[tuple[int, int]]:
    """(index, entry) of an XArray."""
    yield from current().kernel.walk_xarray(int(xa))


radix_tree_for_each = xarray_for_each


def radix_tree_lookup_element(root: Any, index: int) -> Any:
    """The entry at an index; None where there is none."""
    return dict(current().kernel.walk_xarray(int(root))).get(int(index))


__getattr__ = lazy_names(__name__, {})
