"""XArrays and radix trees, and the idrs that rest on them; each level fetched in one round trip.

Sources: include/linux/xarray.h, radix-tree.h. Two generations, told apart by their members:

- xarrays, from 4.20 on (f8d5d0cc145c); radix trees are xarrays by another name from then on;
- radix trees before: other marks in the low bits of an entry (3159f943aafd), siblings that point into the
  slots of their own node (02c02bf12c5d); idrs rest on them from 4.11 on (0a835c4f090a), on
  layers before (`crashdrive.kernel.structures.idr`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.structures.walk import HARMLESS, Problem, Timer, fail, suspicion

ZERO_ENTRY = 257 << 2 | 2
"""What a reserved slot of an xarray holds (xa_mk_internal(257)); it reads as NULL."""


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """(index, entry) in the order of their indices; entries are pointers, or values with the lowest bit set.

    ``complete`` is False where some may be missing; ``problems`` says why.
    """

    entries: tuple[tuple[int, int], ...]
    problems: tuple[Problem, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return all(p.kind in HARMLESS for p in self.problems)

    def check(self) -> Entries:
        """Itself; FaultError or CorruptError (with the entries ``found``) where it isn't complete."""
        if not self.complete:
            fail(self.problems, [entry for _, entry in self.entries])
        return self

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.entries)


def pointers_of(found: Entries, pointer_size: int) -> Entries:
    """Entries that can be pointers to structures; a problem for each other one."""
    wrong = [(i, entry, kind) for i, entry in found if (kind := suspicion(entry, pointer_size)) is not None]
    if not wrong:
        return found
    problems = [
        Problem(kind=kind, address=entry, message=f"entry {i}: {entry:#x} is no pointer ({kind})")
        for i, entry, kind in wrong
    ]
    lost = {i for i, *_ in wrong}
    return Entries(
        entries=tuple(one for one in found if one[0] not in lost), problems=(*found.problems, *problems)
    )


class NodeShape(NamedTuple):
    """Where a node's parts are, and which generation it is of."""

    size: int
    shift: int
    slots: int
    slot_count: int
    xarray: bool


class _Node(NamedTuple):
    address: int
    first: int
    shift: int | None
    parent: int


def entries(window: Window, head: int, shape: NodeShape) -> Entries:
    """All entries below ``head``, the value of ``xa_head`` (``rnode`` before 4.20)."""
    mark = 2 if shape.xarray else 1
    if not _is_node(head, 0, shape):
        empty = head == 0 or (shape.xarray and head == ZERO_ENTRY)
        return Entries(entries=() if empty else ((0, head),))
    found: list[tuple[int, int]] = []
    problems: list[Problem] = []
    seen: set[int] = set()
    level = [_Node(head - mark, 0, None, 0)]
    timer = Timer(window)
    while level and not timer.is_up(level[0].address, len(level), problems):
        window.fetch((node.address, shape.size) for node in level)
        level = [child for node in level for child in _expand(window, node, shape, found, problems, seen)]
    found.sort()
    return Entries(entries=tuple(found), problems=tuple(problems))


def _is_node(entry: int, slots: int, shape: NodeShape) -> bool:
    if shape.xarray:
        return entry & 3 == 2 and entry > 4096
    # Before 4.20 a sibling's entry points at a slot of the node that it stands in.
    return entry & 3 == 1 and not slots <= entry - 1 < slots + 8 * shape.slot_count


def _expand(
    window: Window,
    node: _Node,
    shape: NodeShape,
    found: list[tuple[int, int]],
    problems: list[Problem],
    seen: set[int],
) -> list[_Node]:
    """A node's entries into ``found``; its children."""
    trouble = _trouble(window, node, shape, seen)
    raw = None if trouble else window.bytes(node.address, shape.size)
    if raw is None:
        kind, said = trouble or ("hole", "is not in the dump")
        message = f"node {node.address:#x} below {node.parent:#x} {said}"
        problems.append(Problem(kind=kind, address=node.address, message=message))
        return []
    seen.add(node.address)
    shift = raw[shape.shift]
    if node.shift is not None and shift >= node.shift:
        message = f"node {node.address:#x} has shift {shift} below one of {node.shift}"
        problems.append(Problem(kind="node", address=node.address, message=message))
        return []
    letter = "Q" if window.pointer_size == 8 else "I"
    slots = struct.unpack_from(f"{window.order}{shape.slot_count}{letter}", raw, shape.slots)
    return list(_sort_out(node, slots, shift, shape, found))


def _sort_out(
    node: _Node, slots: tuple[int, ...], shift: int, shape: NodeShape, found: list[tuple[int, int]]
) -> Iterator[_Node]:
    mark = 2 if shape.xarray else 1
    for i, entry in enumerate(slots):
        index = node.first + (i << shift)
        if _is_node(entry, node.address + shape.slots, shape):
            yield _Node(entry - mark, index, shift, node.address)
        elif entry and entry & 3 != mark:
            found.append((index, entry))


def _trouble(window: Window, node: _Node, shape: NodeShape, seen: set[int]) -> tuple[str, str] | None:
    kind = suspicion(node.address, window.pointer_size)
    if kind is not None:
        return kind, f"is no pointer ({kind})"
    if node.address in seen:
        return "loop", "was there before"
    hole = window.hole(node.address, shape.size)
    return ("hole", f"is not in the dump ({hole.reason})") if hole else None
