"""Classes of bad addresses: NULL and an offset, patterns of freed memory, user space, non-canonical ones.

Sources: include/linux/poison.h, include/linux/err.h, Documentation/arch/x86/x86_64/mm.rst.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_PAGE = 0x1000
_NEAR_NULL = 0x10000  # a member of a large structure
_ERRORS = 4095
_NEAR = 0x1000  # offsets of members behind a poisoned pointer
# include/linux/poison.h, lib/Kconfig: words of 64 bits; pointers are at small distances from these
POISONS = (
    (0x6B6B6B6B6B6B6B6B, "freed slab memory (POISON_FREE)"),
    (0x5A5A5A5A5A5A5A5A, "slab memory that was never written (POISON_INUSE)"),
    (0xDEAD000000000100, "an entry that was taken off a list (LIST_POISON1)"),
    (0xDEAD000000000122, "an entry that was taken off a list (LIST_POISON2)"),
    # until 8a5e5e02fc83 (4.15)
    (0xDEAD000000000200, "an entry that was taken off a list (LIST_POISON2)"),
    (0xDEAD000000000000, "a poisoned pointer (POISON_POINTER_DELTA)"),
    (0xAAAAAAAAAAAAAAAA, "freed pages (PAGE_POISON)"),
    (0xCCCCCCCCCCCCCCCC, "init memory that was freed (POISON_FREE_INITMEM)"),
    (0xA7A7A7A7A7A7A7A7, "freed slab objects of SLAB (SLUB_RED_INACTIVE's pattern)"),
    (0xBBBBBBBBBBBBBBBB, "a red zone of slab (SLUB_RED_INACTIVE)"),
    (0xFEFEFEFEFEFEFEFE, "a stack variable that was never set (INIT_STACK_ALL_PATTERN)"),
)  # fmt: skip
_POISONS_32 = (
    (0x6B6B6B6B, "freed slab memory (POISON_FREE)"),
    (0x5A5A5A5A, "slab memory that was never written (POISON_INUSE)"),
    (0x00100100, "an entry that was taken off a list (LIST_POISON1)"),
    (0x00200200, "an entry that was taken off a list (LIST_POISON2)"),
    (0x00000122, "an entry that was taken off a list (LIST_POISON2)"),
    (0xAAAAAAAA, "freed pages (PAGE_POISON)"),
)
_MODULES = range(0xFFFFFFFFA0000000, 0xFFFFFFFFFF000000)  # of x86-64, with any offset of KASLR


class Area(NamedTuple):
    """An area of the kernel's address space, and its name (``vmalloc``, ``direct map``)."""

    low: int
    high: int
    name: str


class AddressClass(NamedTuple):
    """An address's class, and its meaning in words."""

    name: str
    meaning: str


def address_class(address: int, areas: Sequence[Area] = (), *, wide: bool = True) -> AddressClass:
    """The class of an address; ``areas``: those that the dump tells, ``wide``: a machine of 64 bits.

    The classes: ``null``, ``error`` (a pointer that holds an error code), ``poison``, ``user``,
    ``non-canonical``, ``module``, the names of areas, ``kernel``.
    """
    top = 1 << (64 if wide else 32)
    if address < _PAGE:
        return AddressClass("null", "NULL" if not address else f"NULL and an offset of {address:#x}")
    if top - address <= _ERRORS:
        return AddressClass("error", f"an error code, {address - top}, taken for a pointer")
    for word, meaning in POISONS if wide else _POISONS_32:
        if 0 <= address - word < _NEAR or 0 < word - address < 64:
            return AddressClass("poison", f"{meaning}{_distance(address - word)}")
    return _of_area(address, areas) or _by_range(address, wide=wide)


def _distance(distance: int) -> str:
    return f", {distance:+#x}" if distance else ""


def _of_area(address: int, areas: Sequence[Area]) -> AddressClass | None:
    area = next((area for area in areas if area.low <= address < area.high), None)
    return AddressClass(area.name, f"in the kernel's {area.name}") if area else None


def _by_range(address: int, *, wide: bool) -> AddressClass:
    if not wide:
        return AddressClass("kernel" if address >= 0xC0000000 else "user", "by its range")
    if address < _NEAR_NULL:
        return AddressClass("null", f"NULL and an offset of {address:#x}")
    if address >> 47 == 0:
        return AddressClass("user", "of user space")
    if address >> 56 not in {0xFF, 0x00}:
        return AddressClass("non-canonical", "no address of this machine: the pointer is damaged")
    if address in _MODULES:
        return AddressClass("module", "where modules are loaded")
    return AddressClass("kernel", "of the kernel")
