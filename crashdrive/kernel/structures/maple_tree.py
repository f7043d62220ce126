"""Maple trees (6.1 on, 54a611b60590), each level fetched in one round trip.

Source: include/linux/maple_tree.h, lib/maple_tree.c. A pointer to a node carries the node's type in its low
bits; a node is 256 bytes and aligned to them. Pivots are the last indices of their slots; the last slot ends
where the node itself does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.structures.walk import HARMLESS, Problem, Timer, fail, suspicion
from crashdrive.kernel.structures.xarray import ZERO_ENTRY

_NODE_MASK = 255
_TYPE_SHIFT, _TYPE_MASK = 3, 15


class Range(NamedTuple):
    """An entry and the indices that it covers, both ends included."""

    first: int
    last: int
    entry: int


class Ranges(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of a maple tree by index; ``problems`` says what is missing, if anything is."""

    ranges: tuple[Range, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return all(p.kind in HARMLESS for p in self.problems)

    def check(self) -> Ranges:
        """Itself; FaultError or CorruptError (with the entries ``found``) where it isn't complete."""
        if not self.complete:
            fail(self.problems, [found.entry for found in self.ranges])
        return self

    def __len__(self) -> int:
        return len(self.ranges)

    def __iter__(self) -> Iterator[Range]:
        return iter(self.ranges)


class MapleShape(NamedTuple):
    """One type of node: where pivots and slots are, how many; ``end`` is the offset of ``meta.end``.

    ``always`` where meta.end is always valid (arange_64); else it is only when the last pivot is 0.
    """

    pivots: int
    pivot_count: int
    slots: int
    slot_count: int
    end: int
    leaf: bool
    always: bool


class _Node(NamedTuple):
    encoded: int
    first: int
    last: int
    parent: int


def maple_tree(window: Window, root: int, shapes: Mapping[int, MapleShape], size: int) -> Ranges:
    """All ranges below ``root``, the value of ``ma_root``; ``shapes`` by the numbers of enum maple_type."""
    if not _is_node(root):
        return Ranges(ranges=(Range(0, 0, root),) if root and root != ZERO_ENTRY else ())
    found: list[Range] = []
    problems: list[Problem] = []
    seen: set[int] = set()
    level = [_Node(root, 0, window.limit - 1, 0)]
    timer = Timer(window)
    while level and not timer.is_up(level[0].encoded, len(level), problems):
        window.fetch((node.encoded & ~_NODE_MASK, size) for node in level)
        below: list[_Node] = []
        for node in level:
            problem = _expand(window, node, shapes, size, seen, found, below)
            problems += [problem] if problem else []
        level = below
    return Ranges(ranges=tuple(sorted(found)), problems=tuple(problems))


def _is_node(entry: int) -> bool:
    return entry & 3 == 2 and entry > 4096


def _expand(
    window: Window,
    node: _Node,
    shapes: Mapping[int, MapleShape],
    size: int,
    seen: set[int],
    found: list[Range],
    below: list[_Node],
) -> Problem | None:
    """A node's slots into ``found`` or ``below``; the problem where it can't be read."""
    address = node.encoded & ~_NODE_MASK
    shape = shapes.get(node.encoded >> _TYPE_SHIFT & _TYPE_MASK)
    kind = suspicion(address, window.pointer_size) or (None if shape else "node")
    kind = kind or ("loop" if address in seen else None)
    raw = None if kind else window.bytes(address, size)
    if raw is None or shape is None:
        return _problem(kind or "hole", address, node.parent)
    seen.add(address)
    slots = list(_slots(window, raw, shape, node))
    if any(slot.first > slot.last for slot in slots):
        return _problem("node", address, node.parent)
    if shape.leaf:
        found += [slot for slot in slots if slot.entry and slot.entry != ZERO_ENTRY]
    else:
        below += [_Node(slot.entry, slot.first, slot.last, address) for slot in slots if slot.entry]
    return None


def _slots(window: Window, raw: bytes, shape: MapleShape, node: _Node) -> Iterator[Range]:
    letter = "Q" if window.pointer_size == 8 else "I"
    pivots = struct.unpack_from(f"{window.order}{shape.pivot_count}{letter}", raw, shape.pivots)
    slots = struct.unpack_from(f"{window.order}{shape.slot_count}{letter}", raw, shape.slots)
    end = _end(raw, shape, pivots, node.last)
    first = node.first
    for i in range(end):
        yield Range(first, pivots[i], slots[i])
        first = pivots[i] + 1
    yield Range(first, node.last, slots[end])


def _end(raw: bytes, shape: MapleShape, pivots: tuple[int, ...], last: int) -> int:
    """The number of a node's last slot; where the last pivot is in use there is no room for meta."""
    if shape.always or not pivots[-1]:
        return min(raw[shape.end], shape.pivot_count)
    return shape.pivot_count - 1 if pivots[-1] == last else shape.pivot_count


def _problem(kind: str, address: int, parent: int) -> Problem:
    said = {"hole": "is not in the dump", "loop": "was there before"}.get(kind, "is no node of a maple tree")
    return Problem(kind=kind, address=address, message=f"node {address:#x} below {parent:#x} {said}")
