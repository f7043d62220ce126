"""Idrs of kernels before 4.11: trees of layers, each level fetched in one round trip.

Source: include/linux/idr.h. From 4.11 on (0a835c4f090a) an idr rests on a radix tree: see
`crashdrive.kernel.structures.xarray`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.structures.walk import Problem, Timer, suspicion
from crashdrive.kernel.structures.xarray import Entries


class LayerShape(NamedTuple):
    """``struct idr_layer`` of kernels before 4.11: an array of pointers, and the layer's height."""

    size: int
    layer: int
    ary: int
    slot_count: int


def idr_layers(window: Window, top: int, shape: LayerShape) -> Entries:
    """All (id, pointer) of an idr of layers; ``top`` is ``idr.top``."""
    found: list[tuple[int, int]] = []
    problems: list[Problem] = []
    bits = shape.slot_count.bit_length() - 1
    letter = "Q" if window.pointer_size == 8 else "I"
    level = [(top, 0)] if top else []
    timer = Timer(window)
    while level and not timer.is_up(level[0][0], len(level), problems):
        window.fetch((layer, shape.size) for layer, _ in level)
        below: list[tuple[int, int]] = []
        for layer, base in level:
            raw = None if suspicion(layer, window.pointer_size) else window.bytes(layer, shape.size)
            if raw is None:
                message = f"layer {layer:#x} is not in the dump"
                problems.append(Problem(kind="hole", address=layer, message=message))
                continue
            (height,) = struct.unpack_from(f"{window.order}I", raw, shape.layer)
            slots = struct.unpack_from(f"{window.order}{shape.slot_count}{letter}", raw, shape.ary)
            taken = [(slot, base + (i << (bits * height))) for i, slot in enumerate(slots) if slot]
            if height == 0:
                found += [(index, slot) for slot, index in taken]
            elif height <= 7:
                below += taken
        level = below
    return Entries(entries=tuple(sorted(found)), problems=tuple(problems))
