"""Red-black trees, each level fetched in one round trip. Source: include/linux/rbtree.h."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.structures.walk import Problem, Timer, Walk, suspicion, walk


class RbOffsets(NamedTuple):
    """Offsets of the links in ``struct rb_node``; its first word holds parent and colour."""

    parent: int
    left: int
    right: int


class _Links(NamedTuple):
    left: int
    right: int

    def without(self, child: int) -> _Links:
        """The links less one that can't be followed."""
        return _Links(0 if self.left == child else self.left, 0 if self.right == child else self.right)


def rbtree(
    window: Window, root: int, offset: int, links: RbOffsets, *, reach: tuple[int, int] = (0, 0)
) -> Walk:
    """Containers in a red-black tree, in its order; ``root`` is the first node's address, 0 for none.

    ``offset`` is where the node lies in its container. Every node's parent pointer is held against the node
    that led to it; what can't be followed is left out with all below it, and the walk isn't complete.
    """
    nodes: dict[int, _Links] = {}
    problems: list[Problem] = []
    level = [(root, 0)] if root else []
    low = min(reach[0] - offset, 0)
    high = max(reach[1] - offset, max(links) + window.pointer_size)
    timer = Timer(window)
    while level and not timer.is_up(level[0][0], len(level), problems):
        window.fetch(
            (node + low, high - low) for node, _ in level if not suspicion(node, window.pointer_size)
        )
        below: list[tuple[int, int]] = []
        for node, parent in level:
            if _take(window, node, parent, links, nodes, problems):
                below += _children(node, nodes[node])
            elif parent:
                nodes[parent] = nodes[parent].without(node)
        level = below
    return walk([node - offset for node in _in_order(root, nodes)], problems)


def _children(node: int, links: _Links) -> list[tuple[int, int]]:
    return [(child, node) for child in links if child]


def _take(
    window: Window, node: int, parent: int, at: RbOffsets, nodes: dict[int, _Links], problems: list[Problem]
) -> bool:
    """Note a node's links; False, and a problem, where it is none."""
    kind = suspicion(node, window.pointer_size)
    up = window.word(node + at.parent) if kind is None else None
    left = window.word(node + at.left) if kind is None else None
    right = window.word(node + at.right) if kind is None else None
    if kind is None and (up is None or left is None or right is None):
        kind = "hole"
    elif kind is None and node in nodes:
        kind = "loop"
    elif kind is None and up is not None and up & ~3 != parent:
        kind = "node"
    if kind is not None or left is None or right is None:
        said = _SAID.get(kind or "", kind)
        problems.append(
            Problem(kind=kind or "hole", address=node, message=f"node {node:#x} below {parent:#x} {said}")
        )
        return False
    nodes[node] = _Links(left, right)
    return True


_SAID = {
    "hole": "is not in the dump",
    "loop": "was there before",
    "node": "has another parent",
    "poison": "is poison",
    "unaligned": "is no aligned pointer",
}


def _in_order(root: int, nodes: dict[int, _Links]) -> Sequence[int]:
    found: list[int] = []
    waiting: list[int] = []
    node = root
    while node in nodes or waiting:
        if node in nodes:
            waiting.append(node)
            node = nodes[node].left
        else:
            last = waiting.pop()
            found.append(last)
            node = nodes[last].right
    return found
