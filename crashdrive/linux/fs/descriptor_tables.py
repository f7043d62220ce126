"""Descriptor tables of many processes at once: the arrays ``files_struct.fdt->fd`` (fs/file.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.kernel.memory.window import BUDGET
from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.machine import Machine

MOST_SLOTS = 1 << 24
"""The most slots of a table: one that claims more is damaged, as tables grow with the highest descriptor."""


class DescriptorTable(NamedTuple):
    """A table: the address of its array, and ``max_fds``."""

    address: int
    slots: int


def read_tables(kernel: Machine, tables: Sequence[DescriptorTable]) -> Iterator[tuple[int, ...] | None]:
    """The slots of each table, in the order of the tables; None where it is missing or damaged.

    A slot is the address of a ``struct file``, or 0.
    """
    size, code = kernel.pointer_size, "Q" if kernel.pointer_size == 8 else "I"
    for part in _parts(tables, BUDGET // size):
        window = kernel.window()
        window.fetch((table.address, table.slots * size) for table in part if _is_sound(table))
        for table in part:
            raw = window.bytes(table.address, table.slots * size) if _is_sound(table) else None
            yield None if raw is None else struct.unpack(f"{kernel.order}{table.slots}{code}", raw)


def unread(count: int) -> tuple[Notice, ...]:
    """A notice that the tables of ``count`` processes could not be read; none for 0."""
    message = f"the open files of {count} processes could not be read"
    return (Notice(kind="hole", message=message),) if count else ()


def _is_sound(table: DescriptorTable) -> bool:
    return 0 <= table.slots <= MOST_SLOTS


def _parts(tables: Sequence[DescriptorTable], most: int) -> Iterator[list[DescriptorTable]]:
    """The tables in batches of at most ``most`` slots; a larger table is a batch of its own."""
    part: list[DescriptorTable] = []
    slots = 0
    for table in tables:
        own = table.slots if _is_sound(table) else 0
        if part and slots + own > most:
            yield part
            part, slots = [], 0
        part.append(table)
        slots += own
    if part:
        yield part
